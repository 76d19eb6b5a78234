"""A user's own files in the folder he stands in are not imported, by any process of a program."""

import os
import subprocess
import sys

import pyarrow.dataset as ds
import pytest
import soundfile

from tests.placeholder import RATE, with_tones

NAMES = ("model.py", "transforms.py", "numpy.py", "socket.py", "select.py", "pipelines/__init__.py")
MODES = ("in_memory", "multi_threading", "multi_processing")


@pytest.fixture
def folder(tmp_path):
    """A folder of files that raise when they are imported."""
    for name in NAMES:
        path = tmp_path / "mine" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"raise RuntimeError('imported: {name}')\n")
    return tmp_path / "mine"


def environment():
    """As a user has it: the test's own folders are not on the path."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("start", ["script", "module"])
def test_a_scan_does_not_import_from_the_current_folder(folder, tmp_path, tone_bundle, mode, start):
    (tmp_path / "recordings").mkdir()
    soundfile.write(tmp_path / "recordings" / "a.wav", with_tones(6, [2]), RATE)
    if mode == "multi_processing" and sys.version_info < (3, 11):
        pytest.skip("Beam starts these, and Python 3.10 cannot be told to leave out the current folder")
    command = [sys.executable, "-m", "soundbeam.pipelines.scan"]
    if start == "script":
        command = [os.path.join(os.path.dirname(sys.executable), "soundbeam"), "scan"]
    options = ["--recordings", "../recordings", "--classifier", tone_bundle, "--output", "../results"]
    options += ["--direct_running_mode", mode, "--direct_num_workers", "2"]
    ran = subprocess.run(
        [*command, *options],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    assert ds.dataset(tmp_path / "results" / "calls", partitioning="hive").to_table().num_rows == 1

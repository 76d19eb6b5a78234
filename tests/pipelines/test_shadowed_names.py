"""A user's own files in the folder he stands in are not imported, by any process of a program."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

import soundbeam
from tests.placeholder import RATE, tone, with_tones

NAMES = ("model.py", "transforms.py", "numpy.py", "socket.py", "select.py", "random.py", "json.py", "logging.py")
NAMES += ("tempfile.py", "pipelines/__init__.py")
SCRIPT = Path(sys.executable).with_name("soundbeam")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of files that raise when they are imported, beside recordings with one call and clips."""
    home = tmp_path_factory.mktemp("user")
    for name in NAMES:
        path = home / "mine" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"raise RuntimeError('imported: {name}')\n")
    for name, sound in (("recordings/a.wav", with_tones(6, [2])), ("annotated.wav", tone(1))):
        (home / name).parent.mkdir(exist_ok=True)
        soundfile.write(home / name, sound, RATE)
    for i in range(4):
        path = home / "clips" / ("low", "other")[i % 2] / f"s{i}-0.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, with_tones(2, [0] if i % 2 == 0 else [], seed=i), RATE)
    (home / "annotations.csv").write_text("recording,start_s,end_s,label\na.wav,2,3.5,low\n")
    return home / "mine"


def environment():
    """As a user has it: the tests' own folders are not on the path."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def run(folder, *command):
    arguments = [str(part) for part in command]
    ran = subprocess.run(arguments, cwd=folder, env=environment(), capture_output=True, text=True, timeout=180)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def scan(folder, bundle, output, *options, start=(SCRIPT, "scan")):
    what = ["--recordings", "../recordings", "--classifier", bundle, "--output", output]
    run(folder, *start, *what, *options)
    assert soundbeam.read_table(str(output), "counts")["calls"].to_pylist() == [1]


@pytest.mark.parametrize("mode", ["in_memory", "multi_threading", "multi_processing"])
@pytest.mark.parametrize("start", [(SCRIPT, "scan"), (sys.executable, "-m", "soundbeam.pipelines.scan")], ids=len)
def test_a_scan_in_every_mode(folder, tmp_path, tone_bundle, mode, start):
    if mode == "multi_processing" and sys.version_info < (3, 11):
        pytest.skip("Beam starts these, and Python 3.10 cannot be told to leave out the current folder")
    options = ("--direct_running_mode", mode, "--direct_num_workers", "2")
    scan(folder, tone_bundle, tmp_path / "out", *options, start=start)


def test_a_scan_on_a_worker_pool(folder, tmp_path, tone_bundle):
    command = [sys.executable, "-m", "soundbeam.pipelines.worker_pool", "--logs", str(tmp_path / "logs")]
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen(command, cwd=folder, env=environment(), **quiet) as pool:
        try:
            address = pool.stdout.readline().split()[-1]
            options = ["--runner=PortableRunner", "--job_endpoint=embed", "--environment_type=EXTERNAL"]
            scan(folder, tone_bundle, tmp_path / "out", *options, f"--environment_config={address}")
        finally:
            pool.kill()


def test_every_other_program(folder, tmp_path, tone_bundle):
    out = tmp_path / "out"
    scan(folder, tone_bundle, out)
    run(folder, SCRIPT, "tables", "--output", out)
    run(folder, SCRIPT, "evaluate", "--annotations", "../annotations.csv", "--output", out)
    run(folder, SCRIPT, "show", "a.wav", "--output", out, "--png", tmp_path / "a.png")
    assert "low" in run(folder, SCRIPT, "label", "../annotated.wav", "--classifier", tone_bundle)
    run(folder, SCRIPT, "synthesize", "--output", tmp_path / "corpus", "--recordings", 1, "--minutes", 0.2)
    window = ("--rate", RATE, "--window", 1)
    run(folder, SCRIPT, "materialize", "--clips", "../clips", "--examples", tmp_path / "examples", *window)
    run(folder, SCRIPT, "materialize", "--clips", "../clips", "--features", "table", "--output", tmp_path / "table")
    train = ("train", "--examples", tmp_path / "examples", "--classifier", tmp_path / "bundle", "--epochs", 1)
    run(folder, SCRIPT, *train, "--architecture", "feature_mlp")

"""A whole scan on a system without what Windows and macOS lack, simulated: the same rows as here."""

import os
import subprocess
import sys
from pathlib import Path

import soundfile

from soundbeam.model.storage import files
from soundbeam.pipelines.results import read
from soundbeam.pipelines.scan.program import main
from tests.placeholder import RATE, with_tones

BARE_SYSTEM = Path(__file__).parent / "bare_system"


def rows(output, table):
    found = read(str(output), table).drop_columns(["run"]).to_pylist()
    return sorted(found, key=lambda row: (row["recording"], row.get("start_s", 0)))


def test_a_scan_there_has_the_same_rows(tone_bundle, tmp_path):
    for name in ("in", "seen", "elsewhere"):
        (tmp_path / name).mkdir()
    for i in range(4):
        soundfile.write(tmp_path / "in" / f"{i}.wav", with_tones(9.3, [2.0, 5.5][: i % 3], seed=i), RATE)
    (tmp_path / "in" / "broken.flac").write_bytes(b"fLaC" + bytes(100))
    arguments = ["--recordings", str(tmp_path / "in"), "--classifier", tone_bundle, "--output"]
    assert main([*arguments, str(tmp_path / "here")]) == 0
    path = os.pathsep.join([str(BARE_SYSTEM), os.environ["PYTHONPATH"]])
    environment = {**os.environ, "PYTHONPATH": path, "BARE_SYSTEM_LOG": str(tmp_path / "seen")}
    command = [sys.executable, "-m", "soundbeam.pipelines.scan", *arguments, str(tmp_path / "there")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=tmp_path / "elsewhere")
    assert done.returncode == 0, done.stderr
    for table in ("predictions", "calls", "counts", "recordings"):
        assert rows(tmp_path / "there", table) == rows(tmp_path / "here", table)
    assert len(rows(tmp_path / "here", "calls")) == 3
    seen = [path.read_text() for path in (tmp_path / "seen").iterdir()]
    assert any("soundbeam.pipelines.output.lock fcntl" in text for text in seen)
    assert any("soundbeam.transforms.isolation.child_process fcntl" in text for text in seen)  # the decoding process
    assert (tmp_path / "here" / "_staging" / "lock").exists()
    assert not (tmp_path / "there" / "_staging" / "lock").exists()


def test_paths_of_windows_get_the_slashes_that_fsspec_gives(monkeypatch):
    import ntpath

    class WindowsOs:
        sep, path = ntpath.sep, ntpath
        fspath = staticmethod(os.fspath)

    monkeypatch.setattr(files, "os", WindowsOs)
    spelt = (r"C:\site\*.wav", "C:/site/*.wav", "file://C:/site/*.wav", "file:///C:/site/*.wav", r"C:\x\..\site\*.wav")
    for given in spelt:
        assert files.local_path(given) == "C:/site/*.wav"
        assert files.is_local(given)

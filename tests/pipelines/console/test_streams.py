"""Programs as real processes whose standard streams are closed, full, broken or cannot show every character."""

import os
import resource
import shlex
import subprocess
import sys
import tempfile

import pytest
import soundfile

from soundbeam.model.errors import SoundbeamError
from soundbeam.pipelines import results
from soundbeam.pipelines.cli import PROGRAMS
from soundbeam.pipelines.console import surroundings
from soundbeam.pipelines.console.streams import UNPRINTED
from tests.placeholder import RATE, tone

NAMES = ["ümläut ö", "日本語", "plain"]
ASCII = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}
NO_UTF8 = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
BROKEN = {  # how a shell starts it → its exit code
    "{} <&- >&- 2>&-": 0,
    "{} <&-": 0,
    "{} 2>&-": 0,
    "{} 2>/dev/full": 0,
    "{} | head -0": 0,
    "{} 2>&1 | head -0": 0,
    "{} >/dev/full": UNPRINTED,
}


def shell(how, program, *argv, cwd=None, **environment):
    command = shlex.join([sys.executable, "-m", "soundbeam.pipelines.cli", program, *map(str, argv)])
    script = f"set -o pipefail; {how.format(command)}"
    env = {**os.environ, "SOUNDBEAM_DEBUG": "", **environment}
    return subprocess.run(["bash", "-c", script], cwd=cwd, env=env, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def scanned(tone_bundle, tmp_path_factory):
    """A folder with recordings, one of them damaged, and a scan of them."""
    folder = tmp_path_factory.mktemp("streams")
    (folder / "recordings").mkdir()
    for name in NAMES:
        soundfile.write(folder / "recordings" / f"{name}.wav", tone(2), RATE)
    (folder / "recordings" / "kaputt_ä日.wav").write_bytes(b"nothing of a sound")
    done = scan("{}", tone_bundle, folder, "results", **NO_UTF8)
    assert done.returncode == 0, done.stderr
    return folder


def scan(how, bundle, folder, output, **environment):
    argv = ["--recordings", "recordings", "--classifier", bundle, "--output", output]
    return shell(how, "scan", *argv, cwd=folder, **environment)


@pytest.mark.parametrize("program", ["--help", *PROGRAMS])
def test_help(program):
    argv = [program] if program == "--help" else [program, "--help"]
    closed, broken, full = (shell(how, *argv) for how in ("{} <&- >&- 2>&-", "{} | head -1", "{} >/dev/full"))
    assert (closed.returncode, broken.returncode, full.returncode) == (0, 0, UNPRINTED)
    assert broken.stdout.startswith("usage:") and not broken.stderr
    assert full.stderr.count("\n") == 1 and "could not be printed (No space left on device)" in full.stderr


@pytest.mark.parametrize("how", BROKEN)
def test_a_scan_is_committed(scanned, tone_bundle, how):
    output = scanned / f"out{list(BROKEN).index(how)}"
    done = scan(how, tone_bundle, scanned, output.name)
    assert done.returncode == BROKEN[how] and "Traceback" not in done.stderr, done.stderr
    assert results.read(str(output), "recordings").num_rows == 4


@pytest.mark.parametrize("how", ["{} <&- >&- 2>&-", "{} 2>&1 | head -0", "{} >/dev/full"])
@pytest.mark.parametrize("program", ["tables", "label", "show"])
def test_every_program_that_prints(scanned, tone_bundle, tmp_path, program, how):
    argv = {
        "tables": ["--output", "results"],
        "label": ["recordings/plain.wav", "--classifier", tone_bundle],
        "show": ["plain.wav", "--output", "results", "--png", tmp_path / "p.png"],
    }[program]
    done = shell(how, program, *argv, cwd=scanned)
    assert done.returncode == BROKEN[how] and "Traceback" not in done.stderr, done.stderr


@pytest.mark.parametrize("locale", [ASCII, NO_UTF8], ids=["ascii", "no UTF-8"])
def test_names_that_the_terminal_cannot_show_are_escaped_and_found(scanned, locale, tmp_path):
    found = results.read(str(scanned / "results"), "recordings").to_pylist()
    assert sorted(row["status"] for row in found) == ["failed", "ok", "ok", "ok"]
    shown = shell("{}", "show", "日本語.wav", "--output", "results", "--png", tmp_path / "p", cwd=scanned, **locale)
    assert shown.returncode == 0, shown.stderr
    failed = shell("{}", "show", "kaputt_ä日.wav", "--output", "results", "--png", "p.png", cwd=scanned, **ASCII)
    assert failed.returncode == 1 and "kaputt_\\xe4\\u65e5.wav" in failed.stderr and failed.stderr.count("\n") == 1


def test_too_few_threads_are_one_line(monkeypatch):
    started = []

    def start(thread):
        if len(started) == 5:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        real(thread)

    real = surroundings.threading.Thread.start
    monkeypatch.setattr(surroundings.threading.Thread, "start", start)
    with pytest.raises(SoundbeamError, match="only 5 more threads"):
        surroundings.check_surroundings()


def test_no_temporary_folder_is_one_line(monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    with pytest.raises(SoundbeamError, match="set TMPDIR"):
        surroundings.check_surroundings()


@pytest.mark.parametrize(
    ("limit", "value", "said"),
    [(resource.RLIMIT_FSIZE, 512, "ulimit -f"), (resource.RLIMIT_AS, 1 << 30, "ulimit -v"), ("files", 24, "")],
)
def test_limits_of_the_shell_are_one_line_and_no_files_fault(scanned, tone_bundle, limit, value, said):
    how = {resource.RLIMIT_FSIZE: "ulimit -f 1", resource.RLIMIT_AS: f"ulimit -v {value >> 10}"}
    prefix = how.get(limit, f"ulimit -n {value}")
    done = scan(f"{prefix}; {{}}", tone_bundle, scanned, f"limit{value}")
    errors = [line for line in done.stderr.splitlines() if "error" in line]
    assert done.returncode == bool(said) and len(errors) == bool(said) and "Traceback" not in done.stderr
    assert said in done.stderr


def test_a_current_folder_that_is_not_to_be_written_to_is_fine(scanned, tone_bundle, monkeypatch):
    from soundbeam.pipelines.scan.monitoring import Monitor

    monkeypatch.setattr(os, "access", lambda *_: False)
    Monitor("out", None, "-")

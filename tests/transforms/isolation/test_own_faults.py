"""What the place where soundbeam runs lacks is no recording's fault: it ends the run in one line and costs no file."""

import resource
import subprocess
import sys
import types

import pytest
import soundfile

from soundbeam.model.errors import DecodeError, SoundbeamError
from soundbeam.pipelines import results
from soundbeam.pipelines.scan.program import main
from soundbeam.transforms.isolation import isolated_process as isolation
from soundbeam.transforms.isolation import start_child
from soundbeam.transforms.isolation.isolated_process import IsolatedProcess, IsolatedTask
from soundbeam.transforms.isolation.own_faults import own_fault
from tests.placeholder import RATE, tone
from tests.transforms.isolation import isolated_tasks as work


@pytest.fixture
def isolated():
    found = IsolatedProcess(memory=(1 << 30) + 1)  # a limit that no other test has: no process is kept for it
    yield found
    found.close()
    while isolation._idle:
        isolation._idle.pop().end()


def take(isolated, function, *arguments):
    isolated.start(IsolatedTask(function, arguments, 60.0))
    return list(isolated.take())


def refused(isolated, function, *arguments):
    """What the error says: one line that blames no recording."""
    with pytest.raises(SoundbeamError, match="no recording's fault") as e:
        take(isolated, function, *arguments)
    assert "\n" not in str(e.value) and "Traceback" not in str(e.value)
    return str(e.value)


@pytest.mark.parametrize(
    ("what", "said"),
    [("library", "libfoo"), ("files", "too many open files"), ("threads", "ulimit -u"), ("wrapped", "in system")],
)
def test_a_fault_of_the_place_within_a_task_is_not_the_tasks(isolated, what, said):
    assert said in refused(isolated, work.needs, what)


def test_an_optional_package_that_is_missing_and_a_damaged_file_are_the_files(isolated):
    missing = DecodeError("needs PyAV", "extra")
    missing.__cause__ = ImportError("av")
    assert own_fault(missing) == own_fault(DecodeError("damaged")) == own_fault(OSError(5, "I/O")) == ""
    assert own_fault(MemoryError()) == own_fault(None) == ""


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise ImportError('libsndfile is gone')", "libsndfile is gone"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "it ended at once (killed)"),
        ("raise SystemExit(3)", "it ended at once (exit code 3)"),
        ("raise MemoryError", "MemoryError"),
    ],
)
def test_a_process_that_does_not_start(isolated, monkeypatch, code, said):
    monkeypatch.setattr(start_child, "_CODE", code)
    assert said in refused(isolated, work.own_pid)


def test_a_process_that_hangs_at_its_start(isolated, monkeypatch):
    monkeypatch.setattr(isolation, "STALL_S", 1.0)
    monkeypatch.setattr(start_child, "_CODE", "import time; time.sleep(60)")
    assert "not started within 1 s" in refused(isolated, work.own_pid)


def test_a_python_that_is_gone(isolated, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert "cannot be started" in refused(isolated, work.own_pid)


def test_a_module_that_only_the_parent_has(isolated, monkeypatch):
    gone = types.ModuleType("gone_since")
    exec("def task(): yield 1", gone.__dict__)
    monkeypatch.setitem(sys.modules, "gone_since", gone)
    assert "gone_since" in refused(isolated, gone.task)
    isolated.forget()
    assert len(take(isolated, work.own_pid)) == 1
    assert "gone_since" in refused(isolated, gone.task)  # in the middle of a run too


def test_a_process_that_was_killed_once_does_its_task_again(isolated, tmp_path):
    assert take(isolated, work.crash, 2, "kill", str(tmp_path / "marker")) == [0, 1, "survived"]


def run_with(limit, value, code):
    """Runs a script under a limit of the shell."""
    script = f"import sys; sys.path[:0] = {sys.path!r}\n" + code

    def lower():
        _, hard = resource.getrlimit(limit)
        resource.setrlimit(limit, (value, hard if limit == resource.RLIMIT_STACK else value))

    return subprocess.run([sys.executable, "-c", script], preexec_fn=lower, capture_output=True, text=True, timeout=120)


TASK = """
from tests.transforms.isolation import isolated_tasks as work
from soundbeam.transforms.isolation.isolated_process import IsolatedProcess, IsolatedTask
process = IsolatedProcess()
process.start(IsolatedTask({task}, 60.0))
print(*process.take())
process.close()
"""


@pytest.mark.parametrize("stack", [4 << 30, 1 << 20, resource.RLIM_INFINITY])
def test_any_stack_limit(stack):
    _, hard = resource.getrlimit(resource.RLIMIT_STACK)
    if hard != resource.RLIM_INFINITY:
        pytest.skip("the stack limit cannot be raised here")
    done = run_with(resource.RLIMIT_STACK, stack, TASK.format(task="work.start_threads, (20,)"))
    assert done.stdout == "20.0\n", done.stderr


def test_too_small_a_memory_limit():
    done = run_with(resource.RLIMIT_AS, 2 << 30, TASK.format(task="work.own_pid, ()"))
    assert "'ulimit -v' allows 2.1" in done.stderr.splitlines()[-1] and not done.stdout


def test_a_scan_whose_decoding_cannot_start_marks_nothing_and_the_next_one_scans_all(
    tone_bundle, tmp_path, capsys, monkeypatch
):
    for name in "abc":
        soundfile.write(tmp_path / f"{name}.wav", tone(2), RATE)
    argv = ["--recordings", str(tmp_path), "--classifier", tone_bundle, "--output", str(tmp_path / "out")]
    with monkeypatch.context() as broken:
        broken.setattr(start_child, "_CODE", "raise ImportError('libsndfile is gone')")
        while isolation._idle:
            isolation._idle.pop().end()
        assert main(argv) == 1
    error = capsys.readouterr().err.splitlines()
    assert [line for line in error if "error" in line] == error[-1:] and "libsndfile is gone" in error[-1]
    assert "Traceback" not in "".join(error)
    assert main(argv) == 0
    assert results.read(str(tmp_path / "out"), "recordings")["status"].to_pylist() == ["ok"] * 3

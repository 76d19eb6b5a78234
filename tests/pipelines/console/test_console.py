"""Every error is one line on stderr and a non-zero code; the stack trace only when it is asked for."""

import errno

import pytest

from soundbeam.model.errors import SoundbeamError
from soundbeam.pipelines.cli import PROGRAMS
from soundbeam.pipelines.cli import main as soundbeam
from soundbeam.pipelines.console.arguments import Parser
from soundbeam.pipelines.console.errors import program
from soundbeam.pipelines.console.output import StatusLine, print_table
from soundbeam.pipelines.console.process import DEBUG


@pytest.mark.parametrize(
    ("error", "said", "code"),
    [
        (SoundbeamError("a:\nno such thing"), "a: no such thing", 1),
        (OSError(errno.ENOSPC, "No space left on device", "/x"), "disk full while writing /x", 1),
        (OSError(errno.ENOSPC, "No space left on device"), "disk full while writing the output", 1),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), "/x: Permission denied; check the permissions", 1),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", "/x"), "/x: Not a directory", 1),
        (KeyboardInterrupt(), "interrupted", 130),
        (ValueError("first\nsecond"), f"ValueError: first second (set {DEBUG}=1", 1),
        (AssertionError(), f"AssertionError (set {DEBUG}=1", 1),
    ],
)
def test_an_error_is_one_line(capsys, monkeypatch, error, said, code):
    monkeypatch.delenv(DEBUG, raising=False)

    @program("try")
    def main(argv=None):
        raise error

    assert main([]) == code
    err = capsys.readouterr().err
    assert err.startswith(f"soundbeam try: error: {said}") and err.count("\n") == 1


def test_the_stack_trace_comes_when_asked_for(monkeypatch):
    monkeypatch.setenv(DEBUG, "1")

    @program("try")
    def main(argv=None):
        raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        main([])


def test_a_usage_error_is_one_line_and_code_2(capsys):
    with pytest.raises(SystemExit) as e:
        Parser("try", "Tries.", "soundbeam try").parse_args(["--nope"])
    assert e.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_table_aligns_text_to_the_left_and_numbers_to_the_right(capsys):
    print_table(("name", "kind", "n", ""), [("a", "long one", "1,000", "+1"), ("b", "c", "7", "")], text_columns=2)
    assert capsys.readouterr().out.splitlines() == [
        "name  kind          n",
        "a     long one  1,000  +1",
        "b     c             7",
    ]


def test_a_table_aligns_names_that_are_printed_escaped(capsys):
    print_table(("site", "n"), [("a\nb", "1"), ("c", "2")])
    assert capsys.readouterr().out.splitlines() == ["site  n", "a\\nb  1", "c     2"]


@pytest.mark.parametrize("name", PROGRAMS)
def test_help_fits_on_a_screen_and_shows_an_example(capsys, name):
    with pytest.raises(SystemExit) as e:
        soundbeam([name, "--help"])
    out = capsys.readouterr().out
    assert e.value.code == 0
    assert out.count("\n") <= 60 and f"example:\n  soundbeam {name} " in out


def test_the_list_of_programs_and_a_wrong_one(capsys):
    assert soundbeam(["--help"]) == 0
    assert all(name in capsys.readouterr().out for name in ["scan"])
    assert soundbeam(["scna"]) == 2
    assert "no program 'scna'" in capsys.readouterr().err


@pytest.mark.parametrize("live", [True, False])
def test_a_status_line_is_rewritten_on_a_terminal_only(capsys, monkeypatch, live):
    monkeypatch.setattr("sys.stderr.isatty", lambda: live, raising=False)
    monkeypatch.setenv("COLUMNS", "20")
    line = StatusLine()
    line.end()
    line.show("first")
    line.show("x" * 30)
    line.end()
    line.end()
    shown = "\r\033[Kfirst\r\033[K" + "x" * 19 + "\n" if live else "first\n" + "x" * 30 + "\n"
    assert capsys.readouterr().err == shown

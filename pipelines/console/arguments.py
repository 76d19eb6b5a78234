"""What every program says and how it ends: its parser, one line for an error, a progress line."""

from __future__ import annotations

import argparse
import errno
import functools
import gc
import logging
import os
import re
import shutil
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any, NoReturn

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.numbers import number as number
from soundbeam.model.storage.stores import parse_options, restored_options, store_trouble, use_options
from soundbeam.pipelines.console.scheduler import ask_for_long_turns

# Set in the environment, errors come with their stack traces.
DEBUG = "SOUNDBEAM_DEBUG"

# Must be set before TensorFlow is first imported: its start-up messages would bury the one line that matters.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# TensorFlow and Beam make half a million objects that stay. Python by itself would look for garbage after every 700 new
# ones, often through all of them.
gc.set_threshold(50_000)
# Before TensorFlow starts threads, which inherit it.
ask_for_long_turns()
# Beam warns on loading of clients that nobody asked for.
logging.getLogger().setLevel(logging.ERROR)
# Google's packages warn of Python versions that they will leave; a user of a scan can do nothing about it.
warnings.filterwarnings("ignore", category=FutureWarning, module=r"google\.api_core")
# Logs each failed request with its stack trace; it raises them as well.
logging.getLogger("gcsfs").setLevel(logging.CRITICAL)

# user:password@ in a URL; and what signs or opens one.
_PASSWORD = re.compile(r"(://)[^/\s@]+@")
_SECRET = re.compile(
    r"(?i)([?&](?:x-amz-)?(?:signature|sig|security-token|credential|token|key|secret|password)=)[^&\s\"']+"
)


class Parser(argparse.ArgumentParser):
    """argparse with an example under the options, no abbreviations, and errors of one line."""

    def __init__(self, program: str, description: str, example: str):
        super().__init__(
            prog=f"soundbeam {program}",
            description=description,
            epilog=f"example:\n  {example}",
            formatter_class=functools.partial(argparse.RawDescriptionHelpFormatter, max_help_position=26),
            allow_abbrev=False,
        )
        self.add_argument(
            "--storage-options",
            action=_UseOptions,
            metavar="JSON",
            help="of remote stores, or @FILE: docs/stores.md",
        )

    def error(self, message: str) -> NoReturn:
        """Ends the program with exit code 2 and one line."""
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


class _UseOptions(argparse.Action):
    """Uses the options at once, and keeps them from the values that a program passes on or prints."""

    def __init__(self, option_strings: list[str], dest: str, **others: Any):
        super().__init__(option_strings, dest, default=argparse.SUPPRESS, **others)

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        try:
            use_options(parse_options(values))
        except SoundbeamError as e:
            parser.error(f"--storage-options: {e}")


def positive(text: str) -> float:
    """An argparse type: a finite number above zero."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number above zero")
    return value


def positive_int(text: str) -> int:
    """An argparse type: a whole number above zero."""
    value = int(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number above zero")
    return value


def program(name: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Makes a ``main(argv) -> int`` whose expected errors become one line on stderr and exit code 1."""

    def wrap(main: Callable[..., int]) -> Callable[..., int]:
        @functools.wraps(main)
        def run(argv: list[str] | None = None) -> int:
            try:
                with restored_options():
                    return main(argv)
            except (Exception, KeyboardInterrupt) as e:
                if os.environ.get(DEBUG):
                    raise
                sys.stdout.flush()
                print(f"soundbeam {name}: error: {plain(explain(e))}", file=sys.stderr)
                return exit_code(e)

        return run

    return wrap


def explain(e: BaseException) -> str:
    """What an error says, on one line; of one that nobody expected, also how to see where it came from."""
    if isinstance(e, SoundbeamError):
        return " ".join(str(e).split())
    if isinstance(e, KeyboardInterrupt):
        return "interrupted; nothing of this run counts as a result"
    if isinstance(e, OSError) and e.errno == errno.ENOSPC:
        return f"disk full while writing {e.filename or 'the output'}; free some space and run again"
    if isinstance(e, OSError) and e.errno in (errno.EACCES, errno.EPERM, errno.EROFS) and e.filename:
        return f"{e.filename}: {e.strerror}; check the permissions"
    if isinstance(e, OSError) and e.filename:
        return f"{e.filename}: {e.strerror}"
    trouble = store_trouble(e)
    if trouble is not None:
        return trouble
    said = " ".join(str(e).split())[:500]
    return f"{type(e).__name__}{': ' * bool(said)}{said} (set {DEBUG}=1 to see where)"


def exit_code(e: BaseException) -> int:
    """With what code an error ends a program: 130 when it was interrupted, as shells say it, else 1."""
    return 130 if isinstance(e, KeyboardInterrupt) else 1


def say(line: str = "") -> None:
    """Prints one line of the result, at once."""
    print(plain(line), flush=True)


def plain(line: str) -> str:
    r"""A line that does to a terminal what it says and no more: what does not print (a file may be named ``a\nb.wav``,
    or with a command to the terminal) is written as an escape, and secrets are left out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in redacted(line))


def redacted(url: str) -> str:
    """A text without the passwords and signatures of the URLs in it."""
    return _SECRET.sub(r"\1***", _PASSWORD.sub(r"\1***@", url))


class StatusLine:
    """A line on stderr that says how far something is: rewritten in place on a terminal, one after the other elsewhere.

    Attributes:
        live: Whether it is a terminal.
    """

    def __init__(self) -> None:
        self.live = sys.stderr.isatty()
        self._open = False

    def show(self, line: str) -> None:
        """Shows a line; on a terminal as much of it as fits."""
        line = plain(line)
        if self.live:
            line = line[: shutil.get_terminal_size().columns - 1]
        print(f"\r\033[K{line}" if self.live else line, end="" if self.live else "\n", file=sys.stderr, flush=True)
        self._open = self.live

    def end(self) -> None:
        """Leaves the last line standing."""
        if self._open:
            print(file=sys.stderr)
        self._open = False


class Progress:
    """A progress line on stderr: rewritten in place on a terminal, one every ten seconds elsewhere.

    Args:
        what: What is being done, e.g. ``"decoding clips"``.
        total: How many items there will be; None when unknown.
    """

    def __init__(self, what: str, total: int | None = None):
        self.what, self.total, self.done = what, total, 0
        self._start = self._shown = time.monotonic()
        self._line = StatusLine()

    def step(self, by: int = 1, note: str = "") -> None:
        """Counts ``by`` more items and shows the line when it is due."""
        self.done += by
        now = time.monotonic()
        if now - self._shown >= (0.2 if self._line.live else 10.0):
            self._shown = now
            self._show(note)

    def close(self, note: str = "") -> None:
        """Shows the line a last time."""
        self._show(note)
        self._line.end()

    def _show(self, note: str) -> None:
        of = f" of {self.total}" if self.total else ""
        seconds = time.monotonic() - self._start
        self._line.show(f"{self.what}: {self.done}{of}, {seconds:.0f} s{', ' + note if note else ''}")

"""Prints results and progress, without secrets and without control sequences for the terminal."""

from __future__ import annotations

import re
import shutil
import sys
import time
from collections.abc import Iterable, Sequence

# user:password@ in a URL, and the parameters that sign or open one.
_PASSWORD = re.compile(r"(://)[^/\s@]+@")
_SECRET = re.compile(
    r"(?i)([?&](?:x-amz-)?(?:signature|sig|security-token|credential|token|key|secret|password)=)[^&\s\"']+"
)


def say(line: str = "") -> None:
    """Prints one line of the result, at once."""
    print(plain(line), flush=True)


def tell_missing(characters: str) -> None:
    """Says on stderr which characters a picture shows as their codes because no font of this machine has them."""
    if characters:
        shown = characters[:10] + ("…" if len(characters) > 10 else "")
        print(
            f"no font of this machine has {shown}: the picture shows codes; install one, e.g. Noto Sans",
            file=sys.stderr,
        )


def print_table(heads: Sequence[str], rows: Iterable[Sequence[str]], text_columns: int = 1) -> None:
    """Prints rows under their heads, in columns as wide as their widest cell.

    Args:
        heads: The heads of the columns.
        rows: Cells as text, as many as there are heads.
        text_columns: The first so many columns hold text and are aligned to the left; the others hold numbers.
    """
    lines = [[plain(cell) for cell in line] for line in [heads, *rows]]  # as wide as they will be printed
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = zip(line, widths, strict=True)
        aligned = (cell.ljust(n) if i < text_columns else cell.rjust(n) for i, (cell, n) in enumerate(cells))
        say("  ".join(aligned).rstrip())


def plain(line: str) -> str:
    r"""Makes a line safe to print: escapes unprintable characters and leaves out secrets.

    A file may be named ``a\nb.wav``, or its name may contain a control sequence for the terminal.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in redacted(line))


def redacted(url: str) -> str:
    """A text without the passwords and signatures of the URLs in it."""
    return _SECRET.sub(r"\1***", _PASSWORD.sub(r"\1***@", url))


class StatusLine:
    """A status line on stderr: rewritten in place on a terminal, and printed one below the other elsewhere.

    Attributes:
        live: Whether stderr is a terminal.
    """

    def __init__(self) -> None:
        self.live = sys.stderr.isatty()
        self._open = False

    def show(self, line: str) -> None:
        """Shows a line; on a terminal, as much of it as fits."""
        line = plain(line)
        if self.live:
            line = line[: shutil.get_terminal_size().columns - 1]
        print(f"\r\033[K{line}" if self.live else line, end="" if self.live else "\n", file=sys.stderr, flush=True)
        self._open = self.live

    def end(self) -> None:
        """Ends the line, which stays on the terminal."""
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
        """Counts ``by`` more items, and shows the line if enough time has passed."""
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

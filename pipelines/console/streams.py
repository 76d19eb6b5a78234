"""Standard streams that lose no work: closed, full or broken ones, and ones that cannot show every character."""

from __future__ import annotations

import errno
import io
import os
import select
import sys

# The exit code where the work was done, and standard output could not take what was to be printed.
UNPRINTED = 3
_BUFFER = 1 << 13


def prepare_streams() -> None:
    """Lets this process print to whatever its standard streams are. A second call changes nothing.

    A closed one becomes the null device: otherwise the next file that is opened would take its number, and be written
    to. One that fails is not written to again; `unprinted` says why. Characters that it cannot show are escaped.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # takes the lowest number that is free
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, _text(descriptor, "utf-8"))
        elif stream is getattr(sys, f"__{name}__") and _is_file(stream, descriptor):
            # The console of Windows is no file: Python itself writes any character to it.
            stream.flush()
            setattr(sys, name, _text(descriptor, stream.encoding or "utf-8"))


def unprinted() -> OSError | None:
    """Why standard output could not take all that was printed; None where it could, or where its reader has left."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if not isinstance(raw, _Lasting):
        return None
    sys.stdout.flush()
    return raw.error if raw.error is not None and raw.error.errno != errno.EPIPE else None


def _text(descriptor: int, encoding: str) -> io.TextIOWrapper:
    buffer = io.BufferedWriter(_Lasting(descriptor), _BUFFER)
    return io.TextIOWrapper(buffer, encoding, errors="backslashreplace", newline="\n", line_buffering=True)


def _is_file(stream: io.TextIOBase, descriptor: int) -> bool:
    try:
        binary = stream.buffer  # type: ignore[attr-defined]  # a text stream without one is caught below
        return stream.fileno() == descriptor and isinstance(getattr(binary, "raw", binary), io.FileIO)  # or unbuffered
    except (AttributeError, OSError, ValueError):
        return False


class _Lasting(io.RawIOBase):
    """Writes to a descriptor until that fails; from then on what is written is dropped.

    Attributes:
        error: What failed.
    """

    def __init__(self, descriptor: int):
        self._descriptor = descriptor
        self.error: OSError | None = None

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, data) -> int:  # type: ignore[no-untyped-def,override]  # any buffer
        data = bytes(data)
        while self.error is None:
            try:
                return os.write(self._descriptor, data)
            except BlockingIOError:  # the terminal or pipe was made non-blocking by who shares it
                select.select([], [self._descriptor], [])
            except OSError as e:
                self.error = e
        return len(data)

"""Messages that native libraries write to stderr by themselves, past Python's logging and every switch of theirs."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Iterator

_lock = threading.RLock()


@contextlib.contextmanager
def without_messages(*known: str) -> Iterator[None]:
    """Keeps lines with one of the known texts off stderr while it is entered; all other lines appear when it ends.

    Where it ends by an exception none appears: that tells what the lines do.

    It lasts for the whole process, so it must be short. Where there is no stderr, or no place for a temporary file,
    it does nothing.
    """
    with _lock, contextlib.ExitStack() as stack:
        try:
            kept = stack.enter_context(tempfile.TemporaryFile())
            stderr = os.dup(2)
        except OSError:
            yield
            return
        stack.callback(os.close, stderr)
        _flush()
        os.dup2(kept.fileno(), 2)
        failed = True
        try:
            yield
            failed = False
        finally:
            _flush()
            os.dup2(stderr, 2)
            kept.seek(0)
            others = [line for line in kept if not any(text.encode() in line for text in known)]
            with contextlib.suppress(OSError):
                os.write(2, b"" if failed else b"".join(others))


def _flush() -> None:
    with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, or none at all
        sys.stderr.flush()

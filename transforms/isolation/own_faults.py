"""Tells a fault of the place where soundbeam runs from one of a recording, which it must not cost its result."""

from __future__ import annotations

import errno

from soundbeam.model.errors import DecodeError, SoundbeamError

# Too many open files. Not ENOMEM, with which FFmpeg answers sizes that a damaged header names.
_ERRNOS = frozenset([errno.EMFILE, errno.ENFILE])


class OwnFault(BaseException):
    """Work cannot go on, through no fault of the recording.

    Not an ``Exception``: what turns all exceptions of a recording into its row lets it pass.
    """


def own_fault(e: BaseException | None) -> str:
    """What is wrong with the place, in one line; "" where the error, or what it was raised from, is the recording's."""
    while e is not None:
        if isinstance(e, OSError) and e.errno in _ERRNOS:
            return f"{e.strerror} (see 'ulimit -a')".lower()
        if isinstance(e, ImportError) and not isinstance(e, SoundbeamError):
            return f"a part of it cannot be loaded: {' '.join(str(e).split())}"
        if isinstance(e, RuntimeError) and "start new thread" in str(e):
            return "this user or machine may start no more threads (see 'ulimit -u')"
        if isinstance(e, DecodeError) and e.cause == "extra":  # an optional package: an ImportError of its own
            return ""
        e = e.__cause__
    return ""

"""What a decoding process is made to do in tests: work, crash, hang, take memory."""

import ctypes
import os
import re
import signal
import time

import numpy as np

from soundbeam.transforms.counters import count


def squares(n, size=1):
    for i in range(n):
        count("squares")
        yield np.full(size, float(i * i), np.float32)


def crash(after, how="segv", marker=None):
    """Yields ``after`` numbers, then ends the process; with a marker file, only where that is not there yet."""
    yield from range(after)
    if marker is not None:
        if os.path.exists(marker):
            yield "survived"
            return
        open(marker, "w").close()
    if how == "segv":
        ctypes.string_at(0)
    elif how == "abort":
        os.abort()
    elif how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    else:
        os._exit(3)


def hang(after, how="sleep"):
    yield from range(after)
    if how == "sleep":
        time.sleep(3600)
    while how == "spin":
        pass
    re.match(r"(a+)+$", "a" * 60 + "b")  # holds the interpreter's lock: no thread of the process can stop it


def hoard(bytes_):
    held = np.ones(bytes_ // 8)
    yield held[:1]


def leave_behind(bytes_):
    leave_behind.held = np.ones(bytes_ // 8)
    yield "left"


def mistake():
    yield 1
    raise OSError(5, "two\nlines")


def own_pid():
    yield os.getpid()

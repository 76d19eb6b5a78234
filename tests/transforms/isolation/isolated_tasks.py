"""What a decoding process is made to do in tests: work, crash, hang, take memory."""

import ctypes
import errno
import os
import re
import signal
import threading
import time

import numpy as np

from soundbeam.model.errors import DecodeError
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


def needs(what):
    """Meets a fault of the place: a missing library, too many open files, no more threads."""
    yield 1
    if what == "library":
        raise ImportError("libfoo.so: cannot open shared object file")
    if what == "files":
        raise OSError(errno.EMFILE, "Too many open files")
    if what == "threads":
        raise RuntimeError("can't start new thread")
    try:
        raise OSError(errno.ENFILE, "Too many open files in system")
    except OSError as e:
        raise DecodeError("cannot be opened", "storage") from e


def start_threads(n):
    """Needs ``n`` threads at once beside what it holds, as FFmpeg does."""
    held, end = np.ones(1 << 24), threading.Event()
    threads = [threading.Thread(target=end.wait) for _ in range(n)]
    for thread in threads:
        thread.start()
    end.set()
    yield len(threads) * held[0]

"""The process that decodes: what `isolation.IsolatedProcess` starts, and what it may not take with it."""

from __future__ import annotations

import fcntl
import os
import resource
import select
import signal
import socket
import sys
import threading

from soundbeam.model.storage.stores import one_line
from soundbeam.transforms.counters import collected_counts
from soundbeam.transforms.isolation.wire import MEMORY_EXIT, Closed, receive, send

_CHECK_EVERY_S = 0.5


def serve(descriptor: int, memory: int) -> None:
    """Does one task after the other until the parent goes.

    Args:
        descriptor: Of the socket to the parent.
        memory: Bytes that this process may take beyond what it has now.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the parent decides
    parent = socket.socket(fileno=descriptor)
    _end_with_parent()
    try:
        send(parent, ("ready", None))
        # Decoders in C write warnings, without end for some files.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        (function, arguments), _ = receive(parent)
        base = _resident()  # with the modules of the first task, which count as what it has now
        _limit(memory)
        threading.Thread(target=_end_beyond_limits, args=(base, memory), daemon=True).start()
        while True:
            failure = ""
            with collected_counts() as counts:
                results = function(*arguments)
                while True:
                    try:
                        result = next(results, None)
                    except MemoryError:
                        raise
                    except Exception as e:
                        failure = f"{type(e).__name__}: {one_line(e)}"
                        break
                    if result is None:
                        break
                    send(parent, ("result", result))
            if failure:
                send(parent, ("raised", failure))
            else:
                outgrown = _resident() - base > memory // 4  # what tasks left behind must not cost a later one
                send(parent, ("done", (dict(counts), outgrown)))
                if outgrown:
                    break
            (function, arguments), _ = receive(parent)
    except MemoryError:
        os._exit(MEMORY_EXIT)
    except (Closed, OSError):
        pass
    os._exit(0)  # at once: a library that hangs at exit has nothing to save


def _limit(memory: int) -> None:
    """Makes allocations fail beyond the limit where the system can, and this process the first to go without memory."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            mapped = int(file.read().split()[0]) * resource.getpagesize()
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        limit = mapped + memory
        resource.setrlimit(resource.RLIMIT_AS, (limit if hard < 0 else min(limit, hard), hard))
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
            file.write("1000")
    except (OSError, ValueError):
        pass  # not Linux: `_end_beyond_limits` alone


def _end_with_parent() -> None:
    """Lets the kernel end this process when the parent's end of stdin closes, even in a loop that stops its threads."""
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)


def _end_beyond_limits(base: int, memory: int) -> None:
    """Ends this process when the parent is gone, or its memory too large."""
    while not select.select([0], [], [], _CHECK_EVERY_S)[0]:
        if _resident() - base > memory:
            os._exit(MEMORY_EXIT)
    os._exit(0)


def _resident() -> int:
    """Bytes in memory: now where the system tells, else the most so far."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024

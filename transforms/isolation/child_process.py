"""The child process that decodes. `IsolatedProcess` starts it; its failures must not affect the parent."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time

from soundbeam.model.storage.stores import one_line
from soundbeam.transforms.counters import collected_counts
from soundbeam.transforms.isolation.own_faults import OwnFault, own_fault
from soundbeam.transforms.isolation.wire import MEMORY_EXIT, Closed, receive, send

try:
    import fcntl
    import resource
except ImportError:  # Windows
    fcntl = resource = None  # type: ignore[assignment]

_CHECK_EVERY_S = 0.5


def serve(descriptor: int, memory: int) -> None:
    """Does one task after another until the parent ends.

    Args:
        descriptor: The file descriptor of the socket to the parent.
        memory: How many bytes of memory this process may use beyond what it uses now.
    """
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C in a terminal reaches the child too; the parent decides what to do
    parent = socket.socket(fileno=descriptor)
    _end_with_parent()
    try:
        (function, arguments), _ = receive(parent)
        base = _resident()  # includes the modules that the first task needs
        threading.Thread(target=_end_beyond_limits, args=(base, memory), daemon=True).start()
        _limit(memory)
        # What fails before this is no task's fault; the parent reads from stderr what it was.
        send(parent, ("ready", None))
    except (Closed, ConnectionError):
        os._exit(0)
    # Decoders written in C print warnings, for some files endlessly.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    try:
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
                        if reason := own_fault(e):
                            raise OwnFault(reason) from e
                        failure = f"{type(e).__name__}: {one_line(e)}"
                        break
                    if result is None:
                        break
                    send(parent, ("result", result))
            if failure:
                send(parent, ("raised", failure))
            else:
                outgrown = (
                    _resident() - base > memory // 4
                )  # memory that earlier tasks did not free must not make a later one fail
                send(parent, ("done", (dict(counts), outgrown)))
                if outgrown:
                    break
            (function, arguments), _ = receive(parent)
    except MemoryError:
        os._exit(MEMORY_EXIT)
    except OwnFault as e:
        send(parent, ("unable", str(e)))
    except (Closed, OSError):
        pass
    os._exit(0)  # at once: there is nothing to save, and a library may hang at exit


def _limit(memory: int) -> None:
    """Makes allocations beyond the limit fail, and this process the first to be killed, where that is possible.

    Ends this process where the user's own limit does not leave it that much memory.
    """
    if resource is None:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            mapped = int(file.read().split()[0]) * resource.getpagesize()
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        limit = mapped + memory
        if 0 <= hard < limit:
            sys.exit(f"it needs {limit / 1e9:.1f} GB of address space, of which 'ulimit -v' allows {hard / 1e9:.1f}")
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
            file.write("1000")
    except (OSError, ValueError):
        pass  # not Linux: only `_end_beyond_limits` limits the memory


def _end_with_parent() -> None:
    """Ends this process when the parent closes its stdin; by the kernel if it can, even while loops block threads."""
    threading.Thread(target=_wait_for_the_end_of_stdin, daemon=True).start()
    try:
        signal.signal(signal.SIGIO, signal.SIG_DFL)
        fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)
    except (AttributeError, OSError):
        pass  # Windows has none of this: only the thread waits


def _wait_for_the_end_of_stdin() -> None:
    while os.read(0, 1):
        pass
    os._exit(0)


def _end_beyond_limits(base: int, memory: int) -> None:
    """Ends this process when the memory limit is exceeded, where the system says how much there is."""
    while resource is not None:
        if _resident() - base > memory:
            os._exit(MEMORY_EXIT)
        time.sleep(_CHECK_EVERY_S)


def _resident() -> int:
    """How many bytes of memory this process uses; where the system does not say, the highest use so far, or 0."""
    if resource is None:
        return 0
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024

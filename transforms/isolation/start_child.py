"""Starts the child process of an `IsolatedProcess`, with a socket to it, and ends it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

from soundbeam.transforms.isolation.inbox import Inbox
from soundbeam.transforms.isolation.launch import import_path, python_command

# glibc returns memory to the system after each clip and requests it again for the next one, unless more than this many
# bytes are free.
_KEEPS_MEMORY = {"MALLOC_TRIM_THRESHOLD_": f"{32 << 20}", "MALLOC_MMAP_THRESHOLD_": f"{16 << 20}"}
_CODE = (
    "from soundbeam.transforms.isolation.launch import restart_with_small_stacks as restart; restart(); "
    "from soundbeam.transforms.isolation.child_process import serve; serve(*map(int, sys.argv[1:]))"
)
_WINDOWS = sys.platform == "win32"
_one_start = threading.Lock()


def start_child(memory: int) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """A new child, and the socket to it."""
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            with _handing_over(theirs) as passed:
                child = subprocess.Popen(
                    [*python_command(_CODE), str(theirs.fileno()), str(memory)],
                    stdin=subprocess.PIPE,  # nothing is written to it: the child ends when it closes
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,  # until it has started: why it cannot
                    env={
                        **_KEEPS_MEMORY,
                        **os.environ,
                        "PYTHONPATH": import_path(),
                        "OPENBLAS_NUM_THREADS": "1",
                    },
                    **passed,
                )
        except BaseException:
            ours.close()
            raise
    return child, ours


@contextlib.contextmanager
def _handing_over(theirs: socket.socket) -> Iterator[dict[str, Any]]:
    """The arguments of Popen with which a child gets a socket, and keeps its number.

    Windows passes on whatever is inheritable. There one child is started at a time, so that no other gets it too: it
    would keep the connection open after this one's end.
    """
    if not _WINDOWS:
        yield {"pass_fds": [theirs.fileno()]}
        return
    with _one_start:
        theirs.set_inheritable(True)
        try:
            yield {"close_fds": False}
        finally:
            theirs.set_inheritable(False)


def end_child(child: subprocess.Popen[bytes], ours: socket.socket, inbox: Inbox) -> None:
    """Ends a child at once, and what reads from it."""
    child.kill()
    inbox.close()
    child.wait()
    for pipe in (child.stdin, child.stderr):
        if pipe is not None:
            pipe.close()
    ours.close()

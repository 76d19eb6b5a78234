"""Work that may crash, hang or take all memory, in a process of its own that also works ahead.

libsndfile, mpg123 and FFmpeg are C: a damaged file can end the process that reads it, or never let go of it. Here such
work is done by one child for each thread of a worker. The child is started afresh, not forked, because TensorFlow runs
in the parent; it ends by itself when the parent does, however that ended.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import os
import signal
import socket
import subprocess
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.storage.stores import carried
from soundbeam.transforms.counters import count
from soundbeam.transforms.isolation.inbox import Inbox, read_into
from soundbeam.transforms.isolation.launch import import_path, python_command
from soundbeam.transforms.isolation.wire import MEMORY_EXIT, Message, send
from soundbeam.transforms.records import FailureCause

# How much memory a child may take beyond what it starts with; a decoder takes some tens of megabytes.
MEMORY_BYTES = 2 << 30
# How long a child may give no sign at all, whatever the task's patience, seconds.
STALL_S = 300.0
# glibc gives memory back to the system at the end of each clip and asks for it again for the next one, unless told to
# wait until there is so much of it, bytes.
_KEEPS_MEMORY = {"MALLOC_TRIM_THRESHOLD_": f"{32 << 20}", "MALLOC_MMAP_THRESHOLD_": f"{16 << 20}"}
_CODE = "import sys; from soundbeam.transforms.isolation.child_process import serve; serve(*map(int, sys.argv[1:]))"
_MOST_IDLE = max(4, os.cpu_count() or 1)
_idle: collections.deque[_Process] = collections.deque()


class TaskFailed(Exception):
    """A task's process crashed, hung or took too much memory.

    Args:
        reason: One line in a user's words.
        cause: What happened, in a word, for the counters.
    """

    def __init__(self, reason: str, cause: FailureCause):
        super().__init__(reason, cause)
        self.reason, self.cause = reason, cause


@dataclasses.dataclass(frozen=True)
class IsolatedTask:
    """What to do: a function of some module, which yields results, and its arguments; all of it can be pickled.

    Attributes:
        function: It must give the same results when it is called again.
        arguments: Its arguments.
        patience_s: For how long, all in all, the parent will wait for it.
    """

    function: Callable[..., Iterator[Any]]
    arguments: tuple[Any, ...]
    patience_s: float


class IsolatedProcess:
    """Tasks in another process, done in their order, while the parent does something else.

    Args:
        memory: What the process may take, bytes.
    """

    def __init__(self, memory: int = MEMORY_BYTES):
        self._memory = memory
        self._tasks: collections.deque[IsolatedTask] = collections.deque()
        self._process: _Process | None = None

    def start(self, task: IsolatedTask) -> None:
        """Gives a task to the process, which does it when it is done with those before."""
        if self._process is None:
            self._process = _Process.idle(self._memory)
        self._tasks.append(task)
        self._process.send(task)

    def take(self) -> Iterator[Any]:
        """Yields the results of the oldest task, as they come; to be exhausted before the next call.

        A task whose process dies is tried once more in a fresh one, since an earlier task may have left damage behind;
        results that were yielded are not yielded again.

        Raises:
            TaskFailed: The task cannot be done. What it yielded is good; the tasks after it are not harmed.
            SoundbeamError: The process cannot be started at all.
        """
        task = self._tasks[0]
        received = yielded_before = 0
        patience = task.patience_s
        while True:
            process = self._process
            assert process is not None
            start = time.monotonic()
            message = process.next(max(0.0, min(patience, STALL_S)))
            patience -= time.monotonic() - start
            if message is None:
                self._renew(drop_first=True)
                waited = task.patience_s - patience
                raise TaskFailed(f"decoding it took {waited:.0f} s of waiting without an end: stopped", "hang")
            kind, value = message
            if kind == "result":
                received += 1
                if received > yielded_before:
                    yield value
            elif kind == "done":
                counts, outgrown = value
                self._tasks.popleft()
                for name, by in counts.items():
                    count(name, by)
                if outgrown:
                    self._renew()
                return
            elif kind == "raised":
                self._tasks.popleft()
                raise TaskFailed(f"unexpected {value}", "unexpected")
            elif process.done and process.exit_code() != MEMORY_EXIT:
                self._renew()
                received, yielded_before, patience = 0, max(received, yielded_before), task.patience_s
            else:
                code = process.exit_code()
                self._renew(drop_first=True)
                raise _failure(code, self._memory)

    def forget(self) -> None:
        """Drops all tasks; what is being done is broken off."""
        if self._tasks:
            self._tasks.clear()
            self._stop()

    def close(self) -> None:
        """Ends it; a process that has nothing to do is kept for the next one who needs it."""
        self.forget()
        if self._process is not None:
            self._process.keep()
            self._process = None

    def _stop(self) -> None:
        if self._process is not None:
            self._process.end()
            self._process = None

    def _renew(self, drop_first: bool = False) -> None:
        """A fresh process for the tasks that are left."""
        self._stop()
        if drop_first:
            self._tasks.popleft()
        if self._tasks:
            self._process = _Process(self._memory)
            for task in self._tasks:
                self._process.send(task)


def _failure(code: int, memory: int) -> TaskFailed:
    if code == MEMORY_EXIT:
        return TaskFailed(f"decoding it needs more than {memory / 1e9:.1f} GB of memory: stopped", "memory")
    if code == -signal.SIGKILL:
        return TaskFailed("the process that decoded it was killed: out of memory, or by hand", "memory")
    how = (signal.strsignal(-code) or f"signal {-code}").lower() if code < 0 else f"exit code {code}"
    return TaskFailed(
        f"the decoder crashed on it ({how}): the file is damaged in a way that it does not survive", "crash"
    )


class _Process:
    """One child, and a thread that reads what it says."""

    def __init__(self, memory: int):
        self.memory = memory
        self.options = carried()  # of stores, which it has from its environment
        self.done = 0  # tasks that it has ended
        ours, theirs = socket.socketpair()
        with theirs:
            self._child = subprocess.Popen(
                [*python_command(_CODE), str(theirs.fileno()), str(memory)],
                stdin=subprocess.PIPE,  # never written to: the child ends when it closes
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env={
                    **_KEEPS_MEMORY,
                    **os.environ,
                    "PYTHONPATH": import_path(),
                    "OPENBLAS_NUM_THREADS": "1",
                },
            )
        self._inbox = Inbox()
        self._socket = ours
        self._stop = weakref.finalize(self, _end, self._child, ours, self._inbox)
        threading.Thread(target=read_into, args=(ours, self._inbox), daemon=True, name="soundbeam-decoding").start()

    @classmethod
    def idle(cls, memory: int) -> _Process:
        """One that another left behind, or a new one."""
        for _ in range(len(_idle)):
            with contextlib.suppress(IndexError):  # another thread took the last one
                process = _idle.pop()
                if process._child.poll() is not None or process.options != carried():
                    process.end()
                elif process.memory != memory:
                    _idle.appendleft(process)
                else:
                    return process
        return cls(memory)

    def keep(self) -> None:
        """Leaves it to others; the one that has waited longest goes where there are too many."""
        _idle.append(self)
        with contextlib.suppress(IndexError):  # another thread took the last one
            while len(_idle) > _MOST_IDLE:
                _idle.popleft().end()

    def send(self, task: IsolatedTask) -> None:
        """Sends it a task."""
        with contextlib.suppress(OSError):  # it has died, which `next` tells
            send(self._socket, (task.function, task.arguments))

    def next(self, timeout: float) -> Message | None:
        """What it says next, ``("gone", None)`` at its end; None when that takes too long."""
        message = self._inbox.get(timeout)
        if message is not None and message[0] == "done":
            self.done += 1
        if message is not None and message[0] == "gone" and not self._inbox.ready:
            raise SoundbeamError("the process that decodes recordings does not start; its error stands above")
        return message

    def exit_code(self) -> int:
        """How it ended, as in `subprocess.Popen.returncode`."""
        return self._child.wait()

    def end(self) -> None:
        """Ends it at once."""
        self._stop()


def _end(child: subprocess.Popen, ours: socket.socket, inbox: Inbox) -> None:
    child.kill()
    inbox.close()
    child.wait()
    assert child.stdin is not None
    child.stdin.close()
    ours.close()

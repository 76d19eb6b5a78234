"""Runs work that may crash, hang or use up memory in a child process, which also works ahead of its parent.

libsndfile, mpg123 and FFmpeg are written in C: a damaged file can crash or hang the process that reads it. Here
such work is done by one child for each thread of a worker. The child is a new process, not a fork, because TensorFlow
runs in the parent. It ends by itself when the parent ends, for whatever reason.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import os
import signal
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.storage.stores import one_line, user_options
from soundbeam.transforms.counters import count
from soundbeam.transforms.isolation.inbox import Inbox, read_into
from soundbeam.transforms.isolation.own_faults import own_fault
from soundbeam.transforms.isolation.start_child import end_child, start_child
from soundbeam.transforms.isolation.wire import MEMORY_EXIT, Message, send
from soundbeam.transforms.records import FailureCause

# How many bytes a child may use beyond what it starts with; a decoder needs some tens of megabytes.
MEMORY_BYTES = 2 << 30
# How many seconds a child may stay silent, however long the task may take in all.
STALL_S = 300.0
# Windows has no such signal, and nothing tells there that a process was killed.
_KILLED = -getattr(signal, "SIGKILL", 9)
_MOST_IDLE = max(4, os.cpu_count() or 1)
_idle: collections.deque[_Process] = collections.deque()


class TaskFailed(Exception):
    """A task was not finished: its process crashed, hung or used too much memory, or it raised an exception.

    Args:
        reason: One line that a user understands.
        cause: What happened, in one word for the counters.
    """

    def __init__(self, reason: str, cause: FailureCause):
        super().__init__(reason, cause)
        self.reason, self.cause = reason, cause


@dataclasses.dataclass(frozen=True)
class IsolatedTask:
    """A function that yields results, and its arguments. All of it must be picklable.

    Attributes:
        function: A function of some module. It must yield the same results when it is called again.
        arguments: The arguments of the function.
        patience_s: How many seconds in all the parent waits for it.
    """

    function: Callable[..., Iterator[Any]]
    arguments: tuple[Any, ...]
    patience_s: float


class IsolatedProcess:
    """Does tasks in another process, in order, while the parent does something else.

    Args:
        memory: How many bytes of memory the process may use.
    """

    def __init__(self, memory: int = MEMORY_BYTES):
        self._memory = memory
        self._tasks: collections.deque[IsolatedTask] = collections.deque()
        self._process: _Process | None = None

    def start(self, task: IsolatedTask) -> None:
        """Adds a task, which the process does after the earlier ones."""
        if self._process is None:
            self._process = _Process.idle(self._memory)
        self._tasks.append(task)
        self._process.send(task)

    def take(self) -> Iterator[Any]:
        """Yields the results of the oldest task as they arrive. It has to be exhausted before the next call.

        A task whose process dies after it has done another one is tried once more in a new process, because the earlier
        task may have damaged it; and so is one whose process was killed, because that may have had any reason. Results
        that were yielded are not yielded again.

        Raises:
            TaskFailed: The task cannot be finished. What it yielded is good; later tasks are not affected.
            SoundbeamError: No process can be started, or none can do any task: that is not the task's fault.
        """
        task = self._tasks[0]
        received = yielded_before = kills = 0
        patience = task.patience_s
        while True:
            process = self._process
            assert process is not None
            process.await_start()
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
            elif kind == "unable":
                raise _unable(value)
            else:
                code = process.exit_code()
                killed = code == _KILLED
                if code == MEMORY_EXIT or not (process.done or (killed and not kills)):
                    self._renew(drop_first=True)
                    raise _failure(code, self._memory)
                self._renew()
                received, yielded_before, patience = 0, max(received, yielded_before), task.patience_s
                kills += killed

    def forget(self) -> None:
        """Drops all tasks and stops the one that is running."""
        if self._tasks:
            self._tasks.clear()
            self._stop()

    def close(self) -> None:
        """Drops all tasks. An idle process is kept for the next user."""
        self.forget()
        if self._process is not None:
            self._process.keep()
            self._process = None

    def _stop(self) -> None:
        if self._process is not None:
            self._process.end()
            self._process = None

    def _renew(self, drop_first: bool = False) -> None:
        """Replaces the process by a new one, which gets the remaining tasks."""
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
    if code == _KILLED:
        return TaskFailed("the process that decoded it was killed twice: out of memory, or by hand", "memory")
    return TaskFailed(
        f"the decoder crashed on it ({_how(code)}): the file is damaged in a way that it does not survive", "crash"
    )


def _how(code: int) -> str:
    return (signal.strsignal(-code) or f"signal {-code}").lower() if code < 0 else f"exit code {code}"


def _unable(reason: str) -> SoundbeamError:
    return SoundbeamError(
        f"the process that decodes recordings cannot work here: {reason}; this is no recording's fault, and the next "
        "run does what this one has not done"
    )


class _Process:
    """A child process, and a thread that reads its messages."""

    def __init__(self, memory: int):
        self.memory = memory
        self.options = user_options()  # the options of stores, which it reads from its environment
        self.done = 0  # how many tasks it has finished
        self._inbox = Inbox()
        try:
            self._child, self._socket = start_child(memory)
            self._stop = weakref.finalize(self, end_child, self._child, self._socket, self._inbox)
            reading = threading.Thread(target=read_into, args=(self._socket, self._inbox), name="soundbeam-decoding")
            reading.daemon = True
            reading.start()
        except (OSError, RuntimeError) as e:
            raise _unable(own_fault(e) or f"it cannot be started ({one_line(e)})") from e

    @classmethod
    def idle(cls, memory: int) -> _Process:
        """An idle process of the same kind, or a new one."""
        for _ in range(len(_idle)):
            with contextlib.suppress(IndexError):  # another thread took the last one
                process = _idle.pop()
                if process._child.poll() is not None or process.options != user_options():
                    process.end()
                elif process.memory != memory:
                    _idle.appendleft(process)
                else:
                    return process
        return cls(memory)

    def keep(self) -> None:
        """Keeps it for others. If there are too many idle processes, the one that has been idle longest is ended."""
        _idle.append(self)
        with contextlib.suppress(IndexError):  # another thread took the last one
            while len(_idle) > _MOST_IDLE:
                _idle.popleft().end()

    def send(self, task: IsolatedTask) -> None:
        """Sends it a task."""
        with contextlib.suppress(OSError):  # it has died, which `next` reports
            send(self._socket, (task.function, task.arguments))

    def await_start(self) -> None:
        """Waits until it has loaded what its first task needs; raises SoundbeamError if that cannot be done."""
        assert self._child.stderr is not None
        if self._inbox.started(STALL_S):
            self._child.stderr.close()
            return
        if self._child.poll() is None and not self._inbox.get(0):
            raise _unable(f"it has not started within {STALL_S:g} s")
        code = self.exit_code()
        told = self._child.stderr.read().decode(errors="replace").split("\n")
        raise _unable(" ".join([line for line in told if line.strip()][-1:]) or f"it ended at once ({_how(code)})")

    def next(self, timeout: float) -> Message | None:
        """Its next message, ``("gone", None)`` once it has ended, or None if none comes within ``timeout`` seconds."""
        message = self._inbox.get(timeout)
        if message is not None and message[0] in ("done", "raised"):
            self.done += 1
        return message

    def exit_code(self) -> int:
        """How it ended, as in `subprocess.Popen.returncode`."""
        return self._child.wait()

    def end(self) -> None:
        """Ends it at once."""
        self._stop()

"""Tasks for several processes: each process takes the next task when it is free, and results arrive when ready."""

from __future__ import annotations

import collections
import dataclasses
import queue
import threading
from typing import Any

from soundbeam.transforms.counters import collected_counts
from soundbeam.transforms.isolation.isolated_process import IsolatedProcess, IsolatedTask, TaskFailed

# How many tasks a process is given at once, so that it need not wait between short tasks …
_TASKS_AT_ONCE = 8
# … but none is queued behind a task that may take longer than this many seconds: another process may be free sooner.
_SHORT_S = 120.0


@dataclasses.dataclass(frozen=True)
class Ended:
    """What comes after the last result of a task.

    Attributes:
        counts: What the task counted.
        broken: Why it was not finished; None if it was.
    """

    counts: dict[str, int]
    broken: TaskFailed | None = None


class Pool:
    """Several `IsolatedProcess`es, each served by a thread of this process.

    Args:
        processes: The number of processes.
        memory: How many bytes of memory each may use.
    """

    def __init__(self, processes: int, memory: int):
        self._processes, self._memory = processes, memory
        self._round, self._open = _Round(processes), 0

    def start(self, key: Any, task: IsolatedTask) -> None:
        """Adds a task; ``key`` is returned with each of its results."""
        if self._round.threads < self._processes:
            self._round.threads += 1
            name = "soundbeam-decoding-task"
            threading.Thread(target=_run_tasks, args=(self._round, self._memory), daemon=True, name=name).start()
        self._open += 1
        self._round.tasks.put((key, task))

    def ready(self) -> bool:
        """Whether a result is ready to be taken."""
        return not self._round.results.empty()

    def take(self) -> tuple[Any, Any]:
        """Waits for the next result of any task: its key and the result, or `Ended`.

        Raises:
            SoundbeamError: A process cannot be started.
        """
        key, result = self._round.results.get()
        if isinstance(result, BaseException):
            raise result
        self._open -= isinstance(result, Ended)
        return key, result

    def forget(self) -> None:
        """Drops all tasks, and all results that were not taken."""
        if self._open:
            self.close()

    def close(self) -> None:
        """Drops all tasks and results; the processes are kept for others."""
        self._round.drop()
        self._round, self._open = _Round(self._processes), 0


class _Round:
    """Tasks that are dropped together, their results, and the number of threads that work on them."""

    def __init__(self, processes: int):
        self.threads = 0
        self.dropped = False
        self.tasks: queue.SimpleQueue[tuple[Any, IsolatedTask] | None] = queue.SimpleQueue()
        self.results: queue.Queue[tuple[Any, Any]] = queue.Queue(2 * processes)

    def drop(self) -> None:
        self.dropped = True
        for _ in range(self.threads):
            self.tasks.put(None)
        while not self.results.empty():
            self.results.get_nowait()

    def put(self, key: Any, result: Any) -> None:
        while not self.dropped:
            try:
                return self.results.put((key, result), timeout=1.0)
            except queue.Full:
                pass

    def next(self, wait: bool) -> tuple[Any, IsolatedTask] | None:
        try:
            return self.tasks.get(wait)
        except queue.Empty:
            return None


def _run_tasks(tasks: _Round, memory: int) -> None:
    isolated = IsolatedProcess(memory)
    queued: collections.deque[tuple[Any, IsolatedTask]] = collections.deque()
    try:
        while not tasks.dropped:
            while len(queued) < _TASKS_AT_ONCE and all(task.patience_s <= _SHORT_S for _, task in queued):
                next_task = tasks.next(wait=not queued)
                if next_task is None:
                    break
                queued.append(next_task)
                isolated.start(next_task[1])
            if queued:
                _pass_on_results(tasks, queued.popleft()[0], isolated)
    except Exception as e:
        tasks.put(None, e)
    finally:
        isolated.close()


def _pass_on_results(tasks: _Round, key: Any, isolated: IsolatedProcess) -> None:
    broken = None
    with collected_counts() as counts:
        try:
            for result in isolated.take():
                if tasks.dropped:
                    return
                tasks.put(key, result)
        except TaskFailed as e:
            broken = e
    tasks.put(key, Ended(dict(counts), broken))

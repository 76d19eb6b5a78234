"""What a run changes in its process while it lasts: logging, and what is shown of a thread that fails."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from soundbeam.pipelines.console.output import StatusLine

_PROGRESS, _SAFE_PATH = "soundbeam.progress", "PYTHONSAFEPATH"
_TO_WORKERS = ("run_worker", "read_grpc_client_inputs", "beam_control_read", "wait_until_finish_read")
# How long a run waits for Beam's threads that talk to workers to end, in seconds.
_GRACE_S = 1.0


@contextlib.contextmanager
def quiet(portable: bool) -> Iterator[None]:
    """Shows a run's progress on stderr and hides what its one error repeats; afterwards restores the process.

    Runs may overlap in several threads: the first one changes the process, the last one to end restores it.

    Args:
        portable: Whether the runner has a job server, whose messages come through the root logger.
    """
    before = set(threading.enumerate())
    _STATE.begin(portable)
    try:
        yield
    finally:
        late = _still_alive([t for t in threading.enumerate() if t.name in _TO_WORKERS and t not in before])
        if late:  # their errors, whenever they come, are not for the user: an interrupted job's connections
            threading.Thread(target=_end_after, args=(late,), daemon=True, name="soundbeam-quiet").start()
        else:
            _STATE.end()


def _end_after(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.join()
    _STATE.end()


class _State:
    """The process's logging and hook for failed threads, shared by all runs at a time."""

    def __init__(self) -> None:
        self._lock, self._runs, self._undo = threading.Lock(), 0, contextlib.ExitStack()

    def begin(self, portable: bool) -> None:
        with self._lock:
            if not self._runs:
                self._change()
            self._runs += 1
            if portable:
                logging.getLogger().setLevel(logging.CRITICAL)

    def end(self) -> None:
        with self._lock:
            self._runs -= 1
            if not self._runs:
                self._undo.close()

    def _change(self) -> None:
        progress, beam, line = logging.getLogger(_PROGRESS), logging.getLogger("apache_beam"), StatusLine()
        for logger in (progress, beam, logging.getLogger()):
            self._undo.callback(logger.setLevel, logger.level)
        # Beam logs each failure with all its stack traces; the run's error says it in one line.
        beam.setLevel(logging.CRITICAL)
        self._undo.callback(_set, progress, progress.handlers, progress.propagate)
        _set(progress, [_OnOneLine(line)], False)
        progress.setLevel(logging.INFO)
        # Beam starts workers with -m; this keeps them from importing from the current folder (Python 3.11 and later).
        self._undo.callback(_restore, _SAFE_PATH, os.environ.get(_SAFE_PATH))
        os.environ[_SAFE_PATH] = "1"
        self._undo.callback(line.end)
        previous = threading.excepthook
        hook = _without_workers(previous)
        threading.excepthook = hook
        self._undo.callback(_unhook, hook, previous)


class _OnOneLine(logging.Handler):
    """Shows the steps' progress on stderr."""

    def __init__(self, line: StatusLine):
        super().__init__()
        self._line = line

    def emit(self, record: logging.LogRecord) -> None:
        self._line.show(record.getMessage())


def _set(logger: logging.Logger, handlers: list[logging.Handler], propagate: bool) -> None:
    logger.handlers, logger.propagate = handlers, propagate


def _restore(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


def _without_workers(show: Callable[[Any], Any]) -> Callable[[Any], None]:
    """A hook that shows the exception of a failed thread, except of Beam's threads that talk to a worker process."""
    return lambda failed: None if failed.thread is not None and failed.thread.name in _TO_WORKERS else show(failed)


def _unhook(hook: Callable[[Any], Any], previous: Callable[[Any], Any]) -> None:
    """Restores the previous hook, unless other code replaced ours during the run."""
    if threading.excepthook is hook:
        threading.excepthook = previous


def _still_alive(threads: list[threading.Thread]) -> list[threading.Thread]:
    """The threads that do not end within `_GRACE_S`."""
    until = time.monotonic() + _GRACE_S
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return [thread for thread in threads if thread.is_alive()]


_STATE = _State()

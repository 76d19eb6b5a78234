"""Runs a pipeline, in the same way for every program."""

from __future__ import annotations

import _thread
import re
import signal
import threading
from typing import Any

import apache_beam as beam
from apache_beam.pipeline import PipelineVisitor
from apache_beam.runners.runner import PipelineState

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.extras import missing_package
from soundbeam.model.storage.stores import UserOptions, user_options
from soundbeam.pipelines.console.output import StatusLine
from soundbeam.pipelines.runners.cluster_checks import check_cluster, is_portable
from soundbeam.pipelines.runners.flink import job_on_flink
from soundbeam.pipelines.runners.quiet import quiet

# After how many seconds an interrupt is repeated that has not ended the run.
_REPEAT_S = 1.0


def run(pipeline: beam.Pipeline):
    """Runs a pipeline to its end and returns its result.

    Afterwards the process's logging, hook for failed threads and handler of SIGINT are what they were. It may be
    called from any thread.

    Raises:
        SoundbeamError: The pipeline failed; the message gives the first cause in one line.
    """
    check_cluster(pipeline.options)
    options = user_options()
    if options is not None:
        pipeline.visit(_Carry(options))
    job = job_on_flink(pipeline.options)
    with quiet(is_portable(pipeline.options)):
        try:
            with _RepeatedInterrupts() as interrupts:
                try:
                    result = pipeline.run()
                finally:
                    # Beam's handler would first stop its job server, and the user would see that error.
                    interrupts.handle()
                state = result.wait_until_finish()
        except KeyboardInterrupt:
            if job:
                job.cancel()
            raise
        except Exception as e:
            raise SoundbeamError(cause(e)) from e
    if state is not None and state != PipelineState.DONE:
        raise SoundbeamError(f"the pipeline ended as {state}; its runner's log says why")
    return result


class _Carry(PipelineVisitor):
    """Gives the stores' options to each step: a worker elsewhere knows only what its steps bring along."""

    def __init__(self, options: UserOptions):
        self._options = options

    def visit_transform(self, node: Any) -> None:
        if isinstance(node.transform, beam.ParDo):
            node.transform.fn.carried_options = self._options


class _RepeatedInterrupts:
    """Repeats an interrupt until it has ended the run.

    Python raises it wherever the main thread is, and drops it in the callback of a weak reference. Beam has many.
    Only the main thread can handle signals, so in another one Beam has not changed the handler either. A handler of the
    user's own is only put back.
    """

    def __enter__(self) -> _RepeatedInterrupts:
        self._ended, self._main = threading.Event(), threading.main_thread()
        self._before = signal.getsignal(signal.SIGINT)
        self.handle()
        return self

    def handle(self) -> None:
        """Handles interrupts from now on, whoever did until then."""
        if threading.current_thread() is self._main and self._before is not None:
            own = self._before is signal.default_int_handler
            signal.signal(signal.SIGINT, self._interrupt if own else self._before)

    def __exit__(self, *exc: object) -> None:
        self._ended.set()
        if threading.current_thread() is self._main and self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _interrupt(self, *_: object) -> None:
        repeat = threading.Timer(_REPEAT_S, self._repeat)
        repeat.daemon = True
        repeat.start()
        raise KeyboardInterrupt

    def _repeat(self) -> None:
        if not self._ended.is_set() and self._main.ident is not None:
            if hasattr(signal, "pthread_kill"):
                signal.pthread_kill(self._main.ident, signal.SIGINT)
            else:  # Windows
                _thread.interrupt_main()


def progress_every_s() -> float | None:
    """How often a step reports its progress: every second on a terminal; None: at the pace of a log."""
    return 1.0 if StatusLine().live else None


def cause(error: BaseException) -> str:
    """The first cause of a pipeline's failure in one line, without the stack traces that the runner adds."""
    text = str(error)
    if isinstance(error, SoundbeamError):
        return re.sub(r"\s*\[?while running .*$", "", text)
    if "No space left on device" in text or "ENOSPC" in text:
        return "disk full; free some space and run again"
    if "File too large" in text or "EFBIG" in text:
        return "a file grew larger than this shell allows; see 'ulimit -f'"
    if "Channel closed prematurely" in text or "SDK worker disconnected" in text:
        return "a worker process died: killed, or out of memory; scan again, which goes on from the last checkpoint"
    missing = re.search(r"^(?:ModuleNotFoundError: )?No module named '(?!soundbeam\b)([\w.]+)'", text, re.MULTILINE)
    if missing:
        return missing_package(missing[1])
    messages = re.findall(r"^(?:(?:[\w.]+\.)?SoundbeamError|soundbeam\.model\.errors\.\w+): (.*)$", text, re.MULTILINE)
    lines = [line for line in text.splitlines() if line.strip()]
    line = messages[0] if messages else (lines[-1] if lines else repr(error))
    line = re.sub(r"\s*\[?while running .*$", "", line)
    return line if messages else f"{type(error).__name__}: {line.strip()}"

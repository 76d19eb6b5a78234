"""Runs a pipeline, in the same way for every program."""

from __future__ import annotations

import re
import signal
import threading
from typing import Any

import apache_beam as beam
from apache_beam.pipeline import PipelineVisitor
from apache_beam.runners.runner import PipelineState

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.storage.stores import UserOptions, user_options
from soundbeam.pipelines.console.output import StatusLine
from soundbeam.pipelines.runners.cluster_checks import check_cluster, is_portable
from soundbeam.pipelines.runners.flink import job_on_flink
from soundbeam.pipelines.runners.quiet import quiet


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
            interrupt = signal.getsignal(signal.SIGINT)
            try:
                result = pipeline.run()
            finally:
                # Beam's handler would first stop its job server, and the user would see that error, not the interrupt.
                _handle_interrupts(interrupt)
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


def _handle_interrupts(handler: Any) -> None:
    """Sets the handler of SIGINT. Only the main thread can, so in another one Beam has not changed it either."""
    if threading.current_thread() is threading.main_thread() and handler is not None:
        signal.signal(signal.SIGINT, handler)


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
    messages = re.findall(r"^(?:(?:[\w.]+\.)?SoundbeamError|soundbeam\.model\.errors\.\w+): (.*)$", text, re.MULTILINE)
    lines = [line for line in text.splitlines() if line.strip()]
    line = messages[0] if messages else (lines[-1] if lines else repr(error))
    line = re.sub(r"\s*\[?while running .*$", "", line)
    return line if messages else f"{type(error).__name__}: {line.strip()}"

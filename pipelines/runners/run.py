"""Beam options and runs, the same for every program that builds a pipeline."""

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

    The process's logging, hook for ended threads and handler of SIGINT are afterwards what they were. It may be called
    from any thread.

    Raises:
        SoundbeamError: It failed; the message is the first cause, one line.
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
                # Beam's would stop its job server first; what is then lost would be told instead of the interrupt.
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
    """Gives the stores' options to each step: a worker in another place knows no more than its steps bring along."""

    def __init__(self, options: UserOptions):
        self._options = options

    def visit_transform(self, node: Any) -> None:
        if isinstance(node.transform, beam.ParDo):
            node.transform.fn.carried_options = self._options


def _handle_interrupts(handler: Any) -> None:
    """Sets what handles SIGINT. In another thread than the main one nobody can, nor has Beam."""
    if threading.current_thread() is threading.main_thread() and handler is not None:
        signal.signal(signal.SIGINT, handler)


def progress_every_s() -> float | None:
    """How often a step shows how far it is: each second on a terminal; None: as suits a log."""
    return 1.0 if StatusLine().live else None


def cause(error: BaseException) -> str:
    """The first cause of a pipeline's failure as one line, out of the stack traces that the runner wraps round it."""
    text = str(error)
    if isinstance(error, SoundbeamError):
        return re.sub(r"\s*\[?while running .*$", "", text)
    if "No space left on device" in text or "ENOSPC" in text:
        return "disk full; free some space and run again"
    if "Channel closed prematurely" in text or "SDK worker disconnected" in text:
        return "a worker process died: killed, or out of memory; scan again, which goes on from the last checkpoint"
    found = re.findall(r"^(?:(?:[\w.]+\.)?SoundbeamError|soundbeam\.model\.errors\.\w+): (.*)$", text, re.MULTILINE)
    lines = [line for line in text.splitlines() if line.strip()]
    line = found[0] if found else (lines[-1] if lines else repr(error))
    line = re.sub(r"\s*\[?while running .*$", "", line)
    return line if found else f"{type(error).__name__}: {line.strip()}"

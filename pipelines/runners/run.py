"""Beam options and runs, the same for every program that builds a pipeline."""

from __future__ import annotations

import argparse
import difflib
import os
import re
import signal
import threading
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import (
    DirectOptions,
    GoogleCloudOptions,
    PipelineOptions,
    StandardOptions,
    TestOptions,
)
from apache_beam.options.pipeline_options import _BeamArgumentParser as BeamArgumentParser
from apache_beam.pipeline import PipelineVisitor
from apache_beam.runners.runner import PipelineState

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.storage.stores import Carried, carried
from soundbeam.pipelines.console.output import StatusLine, say
from soundbeam.pipelines.runners.cluster_checks import check_cluster, is_portable, job_on_flink
from soundbeam.pipelines.runners.quiet import quiet

# The local runner that is the same everywhere: DirectRunner would first try to download another one.
LOCAL_RUNNER = "FnApiRunner"


class _Options(PipelineOptions):
    """Beam's options, each view made once: Beam asks for several at every step, and would build a parser each time."""

    def __init__(self, flags: list[str]):
        super().__init__(flags)
        self.__dict__["_views"] = {}  # an attribute that is set would be taken for an option

    def view_as(self, cls: Any) -> Any:
        if cls not in self._views:
            self._views[cls] = super().view_as(cls)
        return self._views[cls]


def beam_options(arguments: list[str], own: argparse.ArgumentParser) -> PipelineOptions:
    """Beam's options from the arguments that soundbeam itself does not know.

    Args:
        arguments: What the program's own parser left over.
        own: That parser, for its options' names.

    Raises:
        SoundbeamError: Beam does not know one of them either (it would ignore it in silence). Where the runner has a
            job server, which has options of its own, one that looks like a slip of the pen.
    """
    parser = BeamArgumentParser(add_help=False, allow_abbrev=False)
    for group in _descendants(PipelineOptions):
        group._add_argparse_args(parser)
    _, unknown = parser.parse_known_args(arguments)
    chosen = _Options(arguments)
    names = [*own._option_string_actions, *parser._option_string_actions]
    passed_on = is_portable(chosen)
    for option in unknown:
        near = difflib.get_close_matches(option.split("=")[0], names, 1, 0.85 if passed_on else 0.6)
        if passed_on and option.startswith("--") and "=" in option and not near:
            say(f"for the runner's job server: {option}")
            continue
        hint = f"; did you mean {near[0]}?" if near and option.startswith("-") else ""
        raise SoundbeamError(f"unknown option {option!r}{hint}")
    if chosen.view_as(StandardOptions).runner is None:
        chosen.view_as(StandardOptions).runner = LOCAL_RUNNER
    return chosen


def cores() -> int:
    """How many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        return os.cpu_count() or 1


def cores_a_worker(options: PipelineOptions) -> int:
    """How many processes decode for each worker, and how many threads score in it, so that one command uses the whole
    machine.

    On this machine its cores are shared out among the workers. With one worker, the default, there is one copy of the
    model, and as many decode and score as there are cores. Elsewhere the runner has a worker for each core.
    """
    if options.view_as(StandardOptions).runner not in (LOCAL_RUNNER, "DirectRunner"):
        return 1
    return max(1, cores() // max(1, options.view_as(DirectOptions).direct_num_workers))


def described_only(options: PipelineOptions) -> str:
    """What a pipeline is built for where nothing runs when it is run: ``dry run``, ``template``, or "" where it runs.

    A flex template's launcher asks for a template; Dataflow starts the job when the program has ended.
    """
    if options.view_as(GoogleCloudOptions).template_location:
        return "template"
    return "dry run" if options.view_as(TestOptions).dry_run else ""


def run(pipeline: beam.Pipeline):
    """Runs a pipeline to its end and returns its result.

    The process's logging, hook for ended threads and handler of SIGINT are afterwards what they were. It may be called
    from any thread.

    Raises:
        SoundbeamError: It failed; the message is the first cause, one line.
    """
    check_cluster(pipeline.options)
    options = carried()
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

    def __init__(self, options: Carried):
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


def _descendants(group: Any) -> list[Any]:
    direct: list[Any] = group.__subclasses__()
    return direct + [d for c in direct for d in _descendants(c)]

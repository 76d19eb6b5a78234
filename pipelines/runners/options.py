"""Beam's options, from the arguments that soundbeam itself does not know."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Iterable
from typing import Any, Literal

from apache_beam.options.pipeline_options import (
    DirectOptions,
    GoogleCloudOptions,
    PipelineOptions,
    StandardOptions,
    TestOptions,
)

from soundbeam.model.errors import SoundbeamError
from soundbeam.pipelines.console.arguments import option_names
from soundbeam.pipelines.console.output import say
from soundbeam.pipelines.console.process import cores
from soundbeam.pipelines.runners.cluster_checks import is_portable

# The local runner that is the same everywhere: DirectRunner would first try to download another one.
LOCAL_RUNNER = "FnApiRunner"

# Why a pipeline is only built, and not run.
BuildOnly = Literal["dry run", "template"]


class _Options(PipelineOptions):
    """Beam's options, each view made once: Beam asks for several at every step and builds a parser each time."""

    def __init__(self, flags: list[str]):
        super().__init__(flags)
        self.__dict__["_views"] = {}  # Beam would take an attribute set in the usual way for an option

    def view_as(self, cls: Any) -> Any:
        if cls not in self._views:
            self._views[cls] = super().view_as(cls)
        return self._views[cls]


def beam_options(arguments: list[str], own: Iterable[str] = ()) -> PipelineOptions:
    """Beam's options from the arguments that soundbeam itself does not know.

    Args:
        arguments: What the program's own parser left over.
        own: The names of that parser's options, for suggestions when one is misspelt.

    Raises:
        SoundbeamError: Beam does not know an option either; it would ignore it without a word. If the runner has a job
            server, which has options of its own, only an option that looks misspelt is an error.
    """
    parser = _beam_parser()
    _, unknown = parser.parse_known_args(arguments)
    options = _Options(arguments)
    names = [*own, *option_names(parser)]
    passed_on = is_portable(options)
    for option in unknown:
        similar = difflib.get_close_matches(option.split("=")[0], names, 1, 0.85 if passed_on else 0.6)
        if passed_on and option.startswith("--") and "=" in option and not similar:
            say(f"for the runner's job server: {option}")
            continue
        hint = f"; did you mean {similar[0]}?" if similar and option.startswith("-") else ""
        raise SoundbeamError(f"unknown option {option!r}{hint}")
    if options.view_as(StandardOptions).runner is None:
        options.view_as(StandardOptions).runner = LOCAL_RUNNER
    return options


def runs_here(options: PipelineOptions) -> bool:
    """Whether the workers are on this machine."""
    return options.view_as(StandardOptions).runner in (LOCAL_RUNNER, "DirectRunner")


def cores_a_worker(options: PipelineOptions) -> int:
    """How many processes decode for each worker, and how many threads score in it.

    On this machine the workers share its cores, so that one command uses them all. The default is one worker: then
    there is one copy of the model, and all cores decode and score. Elsewhere the runner starts a worker for each core.
    """
    if not runs_here(options):
        return 1
    return max(1, cores() // max(1, options.view_as(DirectOptions).direct_num_workers))


def build_only_mode(options: PipelineOptions) -> BuildOnly | None:
    """Why a pipeline with these options is only built; None where it runs.

    A flex template's launcher asks for a template; Dataflow starts the job when the program has ended.
    """
    if options.view_as(GoogleCloudOptions).template_location:
        return "template"
    return "dry run" if options.view_as(TestOptions).dry_run else None


def _beam_parser() -> argparse.ArgumentParser:
    """The parser that Beam builds from all its groups of options; Beam hands it out only to a callback."""
    parsers: list[argparse.ArgumentParser] = []
    PipelineOptions([]).get_all_options(add_extra_args_fn=parsers.append)
    return parsers[0]

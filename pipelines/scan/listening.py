"""A run of `soundbeam scan` or `soundbeam embed`, from its options to what it prints."""

from __future__ import annotations

import argparse

from soundbeam.model.errors import SoundbeamError
from soundbeam.pipelines.console.arguments import Parser
from soundbeam.pipelines.scan.job import scan
from soundbeam.pipelines.scan.listening_options import beam_options
from soundbeam.pipelines.scan.monitoring import Monitor
from soundbeam.pipelines.scan.request import Listening
from soundbeam.pipelines.scan.summary import figures_of, summarize


def listen(kind: type[Listening], own: Parser, options: argparse.Namespace, rest: list[str], name: str) -> int:
    """Runs a program and returns its exit code.

    Args:
        kind: What is requested.
        own: The program's parser.
        options: Its options.
        rest: The arguments that it does not know: Beam's.
        name: The program's.
    """
    values = vars(options)
    monitor = Monitor(options.output, values.pop("summary_json"), values.pop("metrics"), name)
    try:
        pipeline_options = beam_options(rest, own)
        request = kind(**values)
    except SoundbeamError as e:
        own.error(str(e))
    with monitor:
        monitor.figures = figures_of(scan(request, pipeline_options), options.output)
        return summarize(monitor.figures, options.output)

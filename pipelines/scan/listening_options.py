"""The options that `soundbeam scan` and `soundbeam embed` have in common: those of `request.Listening`."""

from __future__ import annotations

import argparse
import functools
from typing import TYPE_CHECKING, Any

from soundbeam.pipelines.console.arguments import Parser, channel, option_names, positive, positive_int

if TYPE_CHECKING:
    from apache_beam.options.pipeline_options import PipelineOptions


def add_listening_options(p: Parser, scores: str) -> Any:
    """Adds the options, in groups.

    Args:
        p: The program's parser.
        scores: The heading of the group of what is found in each window.

    Returns:
        That group.
    """
    p.usage = f"{p.prog} --recordings PATTERN [PATTERN ...] --classifier DIR --output DIR [options]"
    narrow = functools.partial(argparse.RawDescriptionHelpFormatter, max_help_position=29)
    p.formatter_class = narrow  # type: ignore[assignment]  # any callable that makes a formatter will do
    what = p.add_argument_group("what")
    what.add_argument(
        "--recordings", required=True, nargs="+", metavar="PATTERN",
        help="files, globs, folders or @list.txt; local or any fsspec URL",
    )  # fmt: skip
    what.add_argument("--classifier", required=True, metavar="DIR", help="a classifier bundle")
    what.add_argument("--output", required=True, metavar="DIR", help="where the tables go")
    what.add_argument("--since", metavar="DATE", help="only recordings made from then on, e.g. 2024-01-31")
    what.add_argument(
        "--until", metavar="DATE", help="only recordings made until then; a day without a time as a whole"
    )
    what.add_argument(
        "--hours", metavar="HH-HH", help="only recordings that begin in these hours of local time, e.g. 18-06"
    )
    what.add_argument("--rescan", action="store_true", help="everything again, not only what is new or changed")
    what.add_argument("--retry-failed", action="store_true", help="again also what failed or was partial")
    score = p.add_argument_group(scores)
    score.add_argument("--hop", type=positive, metavar="SECONDS", help="between window starts (default: the bundle's)")
    score.add_argument(
        "--channel", type=channel, default="mean", metavar="mean|N|each",
        help="of recordings with several: their mean (default), one from 1 on, or each by itself",
    )  # fmt: skip
    place = p.add_argument_group("time and place (by default the time in recorders' usual names and metadata)")
    place.add_argument("--recorded-at", metavar="PATTERN", help="time in a name, e.g. '*_%%d%%m%%y_%%H%%M.wav'")
    place.add_argument("--timezone", default="UTC", metavar="ZONE", help="of the recorders' clocks (%(default)s)")
    place.add_argument("--site", metavar="PATTERN", help="site in a name, e.g. '{site}/*/*.wav'")
    place.add_argument(
        "--deployments", metavar="CSV",
        help="where and when recorders were: site, latitude, longitude, start, end, timezone, recorder",
    )  # fmt: skip
    work = p.add_argument_group("work")
    work.add_argument("--decoder", choices=("soundfile", "tensorflow-io"), default="soundfile", help="%(default)s")
    work.add_argument("--segment", type=positive, default=60.0, metavar="SECONDS", help="decoded at once (%(default)g)")
    work.add_argument("--batch-size", type=positive_int, metavar="N", help="windows scored at once")
    work.add_argument(
        "--checkpoint-every", type=positive, default=600.0, metavar="SECONDS", help="the most that a death costs"
    )
    monitoring = p.add_argument_group("monitoring")
    monitoring.add_argument("--summary-json", metavar="FILE", help="a line of JSON on how it ended; - prints it")
    monitoring.add_argument("--metrics", metavar="FILE", help="the same for Prometheus' textfile collector")
    return score


def beam_options(rest: list[str], own: Parser) -> PipelineOptions | None:
    """Beam's options; None without any: importing Beam takes longer than all else on a night with nothing new."""
    if not rest:
        return None
    from soundbeam.pipelines.runners import options

    return options.beam_options(rest, option_names(own))

"""Finds and counts a classifier's sounds in recordings.

soundbeam scan --recordings 'recordings/**/*.wav' --classifier bundle/ --output results/
soundbeam scan --recordings s3://bucket/site7 @list.txt --classifier bundle/ --output results/ --hop 1
"""

from __future__ import annotations

import argparse
import functools
import sys
from typing import TYPE_CHECKING

from soundbeam.model.errors import SoundbeamError
from soundbeam.pipelines.console.arguments import Parser, channel, option_names, positive, positive_int, share
from soundbeam.pipelines.console.errors import program

if TYPE_CHECKING:
    from apache_beam.options.pipeline_options import PipelineOptions


def parser() -> Parser:
    """The program's options."""
    p = Parser(
        "scan",
        "Scores every window of the recordings that are new or changed, and writes the tables predictions, calls,\n"
        "counts and recordings as Parquet. Any Beam option may follow, e.g. --runner=FlinkRunner.",
        "soundbeam scan --recordings 'recordings/*.wav' --classifier bundle/ --output results/",
    )
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
    what.add_argument("--rescan", action="store_true", help="everything again, not only what is new or changed")
    what.add_argument("--retry-failed", action="store_true", help="again also what failed or was partial")
    score = p.add_argument_group("scores and calls")
    score.add_argument("--hop", type=positive, metavar="SECONDS", help="between window starts (default: the bundle's)")
    between = share(low_open=True, high_open=True)
    score.add_argument("--threshold", type=between, metavar="X", help="score of a call, 0 to 1 (default: the bundle's)")
    score.add_argument(
        "--labels", nargs="+", default=(), metavar="NAME|FILE",
        help="only these, by name or from files with one a line; a species list too",
    )  # fmt: skip
    score.add_argument(
        "--min-score", type=share(high_open=True), metavar="X",
        help="of more than 10 labels, keep scores from X on (0.05) and each window's highest",
    )  # fmt: skip
    place = p.add_argument_group("time and place (by default the time in recorders' usual names and metadata)")
    place.add_argument("--recorded-at", metavar="PATTERN", help="time in a name, e.g. '*_%%d%%m%%y_%%H%%M.wav'")
    place.add_argument("--timezone", default="UTC", metavar="ZONE", help="of the recorders' clocks (%(default)s)")
    place.add_argument("--site", metavar="PATTERN", help="site in a name, e.g. '{site}/*/*.wav'")
    score.add_argument(
        "--channel", type=channel, default="mean", metavar="mean|N|each",
        help="of recordings with several: their mean (default), one from 1 on, or each by itself",
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
    return p


def beam_options(rest: list[str], own: Parser) -> PipelineOptions | None:
    """Beam's options; None without any: importing Beam takes longer than all else on a night with nothing new."""
    if not rest:
        return None
    from soundbeam.pipelines.runners import options

    return options.beam_options(rest, option_names(own))


@program("scan")
def main(argv: list[str] | None = None) -> int:
    """Runs the program."""
    own = parser()
    options, rest = own.parse_known_args(argv)
    from soundbeam.pipelines.scan.job import scan
    from soundbeam.pipelines.scan.monitoring import Monitor
    from soundbeam.pipelines.scan.request import Scan
    from soundbeam.pipelines.scan.summary import figures_of, summarize

    values = vars(options)
    monitor = Monitor(options.output, values.pop("summary_json"), values.pop("metrics"))
    try:
        pipeline_options = beam_options(rest, own)
        request = Scan(**values)
    except SoundbeamError as e:
        own.error(str(e))
    with monitor:
        monitor.figures = figures_of(scan(request, pipeline_options), options.output)
        return summarize(monitor.figures, options.output)


if __name__ == "__main__":
    sys.exit(main())

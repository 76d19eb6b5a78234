"""Finds and counts a classifier's sounds in recordings.

soundbeam scan --recordings 'recordings/**/*.wav' --classifier bundle/ --output results/
soundbeam scan --recordings s3://bucket/site7 @list.txt --classifier bundle/ --output results/ --hop 1
"""

from __future__ import annotations

import argparse
import sys

from pipelines.console import Parser, positive, positive_int, program


def parser() -> Parser:
    """The program's options."""
    p = Parser(
        "scan",
        "Scores every window of the recordings that are new or changed, and writes the tables predictions, calls,\n"
        "counts and recordings as Parquet. Any Beam option may follow, e.g. --runner=FlinkRunner.",
        "soundbeam scan --recordings 'recordings/*.wav' --classifier bundle/ --output results/",
    )
    p.add_argument(
        "--recordings",
        required=True,
        nargs="+",
        metavar="PATTERN",
        help="files, globs, folders (searched recursively) or @list.txt; local or any fsspec URL",
    )
    p.add_argument("--classifier", required=True, metavar="DIR", help="a classifier bundle")
    p.add_argument("--output", required=True, metavar="DIR", help="where the tables go")
    p.add_argument("--hop", type=positive, metavar="SECONDS", help="between window starts (default: the bundle's)")
    p.add_argument("--threshold", type=_share, metavar="X", help="score of a call, 0 to 1 (default: the bundle's)")
    p.add_argument("--rescan", action="store_true", help="scan everything again, not only what is new or changed")
    p.add_argument("--retry-failed", action="store_true", help="scan again also what failed or was partial")
    p.add_argument("--decoder", choices=("soundfile", "tensorflow-io"), default="soundfile", help="%(default)s")
    p.add_argument(
        "--segment", type=positive, default=60.0, metavar="SECONDS", help="decoded at once (default: %(default)g)"
    )
    p.add_argument(
        "--batch-size", type=positive_int, metavar="N", help="windows scored at once (default: the bundle's)"
    )
    p.add_argument(
        "--checkpoint-every", type=positive, default=600.0, metavar="SECONDS", help="a death costs no more than this"
    )
    return p


def _share(text: str) -> float:
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text} does not lie between 0 and 1")
    return value


@program("scan")
def main(argv: list[str] | None = None) -> int:
    """Runs the program."""
    options, rest = parser().parse_known_args(argv)
    from pipelines.running import beam_options

    beam_opts = beam_options(rest, parser())
    from pipelines.scanning import Scan, scan
    from pipelines.summary import summarize

    run = scan(Scan(**vars(options)), beam_opts)
    return summarize(run, options.output)


if __name__ == "__main__":
    sys.exit(main())

"""Finds and counts a classifier's sounds in recordings.

soundbeam scan --recordings 'recordings/**/*.wav' --classifier bundle/ --output results/
soundbeam scan --recordings s3://bucket/site7 @list.txt --classifier bundle/ --output results/ --hop 1
"""

from __future__ import annotations

import sys

from soundbeam.pipelines.console.arguments import Parser, share
from soundbeam.pipelines.console.errors import program
from soundbeam.pipelines.scan.listening_options import add_listening_options


def parser() -> Parser:
    """The program's options."""
    p = Parser(
        "scan",
        "Scores every window of the recordings that are new or changed, and writes the tables predictions, calls,\n"
        "counts and recordings as Parquet. Any Beam option may follow, e.g. --runner=FlinkRunner.",
        "soundbeam scan --recordings 'recordings/*.wav' --classifier bundle/ --output results/",
    )
    score = add_listening_options(p, "scores and calls")
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
    score.add_argument(
        "--min-expected", type=share(low_open=True), metavar="X",
        help="leave out what is less expected there, e.g. 0.03",
    )  # fmt: skip
    score.add_argument("--embeddings", action="store_true", help="also write the windows' embeddings")
    return p


@program("scan")
def main(argv: list[str] | None = None) -> int:
    """Runs the program."""
    own = parser()
    options, rest = own.parse_known_args(argv)
    from soundbeam.pipelines.scan.listening import listen
    from soundbeam.pipelines.scan.request import Scan

    return listen(Scan, own, options, rest, "scan")


if __name__ == "__main__":
    sys.exit(main())

"""Writes what a scan found as one page that opens offline and prints.

    soundbeam report --output results/ --html report.html
    soundbeam report --output s3://bucket/results --html owls.html --label "tawny owl" --deployments sites.csv

The page says what was listened to, by which classifier, and what was found, with intervals; it has pictures, the sound
of the surest and the most doubtful calls, a paragraph for the methods of a paper, and the data of every picture.
"""

from __future__ import annotations

import sys

from soundbeam.pipelines.console.arguments import Parser
from soundbeam.pipelines.console.errors import program
from soundbeam.pipelines.console.output import say


def parser() -> Parser:
    """The program's options."""
    p = Parser(
        "report",
        "Writes what a scan found as one HTML file that opens offline and prints: what was listened to, what was\n"
        "found with intervals, pictures, clips, methods and citation.",
        "soundbeam report --output results/ --html report.html --deployments sites.csv",
    )
    p.add_argument("--output", required=True, metavar="DIR", help="the scan's output folder; path or fsspec URL")
    p.add_argument("--html", required=True, metavar="FILE", help="the page to write; path or fsspec URL")
    p.add_argument(
        "--label", action="append", default=[], metavar="NAME",
        help="report this label; may be repeated (default: those with calls, the most frequent first)",
    )  # fmt: skip
    p.add_argument(
        "--deployments", metavar="CSV", help="site,latitude,longitude[,start][,end][,timezone], if the scan had none"
    )
    p.add_argument("--reviews", action="store_true", help="correct totals by the verdicts of 'soundbeam review'")
    return p


@program("report")
def main(argv: list[str] | None = None) -> int:
    """Runs the program."""
    options = parser().parse_args(argv)
    from soundbeam.pipelines.report.request import Reporting
    from soundbeam.pipelines.report.writing import write_report

    size = write_report(Reporting(**vars(options)))
    say(f"report: {options.html} ({size / 1e6:.1f} MB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())

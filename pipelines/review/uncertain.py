"""Draws what is worth judging for the next training: ``soundbeam review next``.

soundbeam review next --output results/ -n 50
soundbeam review next --output results/ --against earlier_results/ -n 50
"""

from __future__ import annotations

from soundbeam.pipelines.console.arguments import Parser
from soundbeam.pipelines.review.sampling import add_common, draw_and_tell


def parser() -> Parser:
    """The options of ``review next``."""
    p = Parser(
        "review next",
        "Draws what the present detector is least sure of: the windows with scores nearest to its threshold. With\n"
        "--against: those of which two outputs' scores differ most. It is no probability sample.",
        "soundbeam review next --output results/ --label call -n 50",
    )
    add_common(p, 50)
    p.add_argument("--against", metavar="DIR", help="another scan's output folder, of another detector")
    return p


def main(argv: list[str]) -> int:
    """Runs ``review next``."""
    own = parser()
    options = own.parse_args(argv)
    options.design = "next"
    return draw_and_tell(own, options)

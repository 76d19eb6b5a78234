"""The page on which windows are judged, opened in the browser: ``soundbeam review`` without a word."""

from __future__ import annotations

from soundbeam.model.errors import SoundbeamError
from soundbeam.pipelines.console.arguments import Parser
from soundbeam.pipelines.review.program import words_help


def parser() -> Parser:
    """The page's options."""
    p = Parser(
        "review",
        f"Opens a page for looking at windows and judging them, in the browser. Other words:\n{words_help()}",
        "soundbeam review --output results/ --label call",
    )
    p.add_argument("--output", required=True, metavar="DIR", help="the scan's output folder; path or fsspec URL")
    p.add_argument("--label", metavar="L", help="only this label's samples")
    return p


def main(argv: list[str]) -> int:
    """Runs the page."""
    options = parser().parse_args(argv)
    raise SoundbeamError(f"{options.output}: the page is not built yet")

"""Draws windows of a scan for review.

    soundbeam review sample --output results/ --label call -n 200
    soundbeam review sample --output results/ --label call --design presence -n 100
    soundbeam review sample --output results/ --label call --csv judge.csv --clips judge/

The draw is kept in OUTPUT/samples; another one of the same kind continues it and draws no window twice.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.numbers import number
from soundbeam.pipelines.console.arguments import Parser, positive_int, seconds, whole
from soundbeam.pipelines.console.output import print_table, say
from soundbeam.pipelines.review.samples import DRAWN_BY, WEIGHTED, Sample

_DESIGNS = [design for design in DRAWN_BY if design != "next"]


def parser() -> Parser:
    """The options of ``review sample``."""
    p = Parser(
        "review sample",
        "Draws windows of a scan for review. The designs:\n" + "".join(f"\n  {d:<9} {DRAWN_BY[d]}" for d in _DESIGNS),
        "soundbeam review sample --output results/ --label call -n 200",
    )
    add_common(p, 200)
    p.add_argument("--design", choices=_DESIGNS, default="scores", help="how they are drawn (%(default)s)")
    p.add_argument("--seed", type=int, default=0, metavar="N", help="of the random numbers (%(default)s)")
    return p


def add_common(p: argparse.ArgumentParser, n: int) -> None:
    """Adds the options that every draw has."""
    p.add_argument("--output", required=True, metavar="DIR", help="the scan's output folder; path or fsspec URL")
    p.add_argument("--label", metavar="L", help="the label; needed if there are several")
    p.add_argument("-n", type=positive_int, default=n, metavar="N", help="windows to draw (%(default)s)")
    p.add_argument(
        "--spacing", type=seconds, default=15.0, metavar="S",
        help="seconds between the starts of two windows of one recording and stratum; 0: none (%(default)g)",
    )  # fmt: skip
    p.add_argument(
        "--per-recording", type=whole, default=5, metavar="N",
        help="at most of one recording and stratum; 0: any number (%(default)s)",
    )  # fmt: skip
    p.add_argument("--sites", nargs="+", default=[], metavar="SITE", help="only recordings of these sites")
    p.add_argument("--clips", metavar="DIR", help="a new folder for the sound, as FLAC, with 2 s around each window")
    p.add_argument("--csv", metavar="FILE", help="a table of the windows, to fill in elsewhere and import")


def main(argv: list[str]) -> int:
    """Runs ``review sample``."""
    own = parser()
    return draw_and_tell(own, own.parse_args(argv))


def draw_and_tell(own: Parser, options: argparse.Namespace) -> int:
    """Draws as the options say, and prints what was drawn."""
    from soundbeam.pipelines.review.drawing_windows import draw_windows
    from soundbeam.pipelines.review.request import Sampling

    values = vars(options)
    try:
        request = Sampling(**values)
    except SoundbeamError as e:
        own.error(str(e))
    drawing = draw_windows(request)
    print_sample(drawing.sample)
    for line in drawing.notes:
        say(f"note: {line}")
    for name, url in (("table", request.csv), ("clips", request.clips)):
        if url:
            say(f"{name}: {url}")
    say(f"look at them: soundbeam review --output {request.output}")
    return 0


def print_sample(sample: Sample) -> None:
    """Prints how many windows were drawn, and from what."""
    info = sample.info
    say(f"drawn: {len(sample.rows)} windows of {info.label!r}, {DRAWN_BY[info.design]}; sample {info.name}")
    if info.design not in WEIGHTED:
        say("it is no probability sample: no total is computed from it")
        return
    if len(info.strata) > 1:
        head = "hour" if info.design == "diel" else "score from"
        strata = [s for s in info.strata if s.windows]
        bounds = _bounds([s.low for s in strata], info.design)
        rows = [[low, str(s.windows), str(s.eligible), str(s.drawn)] for low, s in zip(bounds, strata, strict=True)]
        print_table([head, "windows", "eligible", "drawn"], rows, text_columns=1)
    say(f"of {sum(s.windows for s in info.strata)} windows in {_runs(info.runs)}{_left_out(sample)}")


def _bounds(lows: list[float], design: str) -> list[str]:
    """The lower bounds of strata, with as many digits as tell them apart, and from 1."""
    if design == "diel":
        return [f"{low:.0f}" for low in lows]
    for digits in range(3, 9):
        told = [f"{low:.{digits}f}" for low in [*lows, 1.0]]
        if len(set(told)) == len(told):
            break
    return told[:-1]


def _runs(runs: Sequence[str]) -> str:
    return f"run {runs[0]}" if len(runs) == 1 else f"{len(runs)} runs, the newest {runs[-1]}"


def _left_out(sample: Sample) -> str:
    """What the population does not hold, if anything."""
    info = sample.info
    if not info.left_out:
        return ""
    if info.design == "diel" and info.min_score is None:
        return f"; {info.left_out} others are left out, since nobody knows when they were recorded"
    why = f"a score below {number(info.min_score or 0)}, which the scan did not keep"
    return f"; {info.left_out} others are left out: they have {why}, and totals do not count them"

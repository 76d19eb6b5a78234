"""Sets a classifier's thresholds, rules for calls and probabilities from a scan and annotations, or from reviews.

soundbeam calibrate --classifier bundle/ --annotations annotations.csv --output results/ --to calibrated/
soundbeam calibrate --classifier bundle/ --annotations annotations.csv --output results/ --to new/ --precision 0.95
soundbeam calibrate --classifier bundle/ --reviews results/ --to calibrated/
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from soundbeam.model.numbers import number
from soundbeam.pipelines.console.arguments import Parser, share
from soundbeam.pipelines.console.errors import program
from soundbeam.pipelines.console.output import say


def parser() -> Parser:
    """The program's options."""
    p = Parser(
        "calibrate",
        "Sets thresholds, rules for calls, probabilities and counts' intervals from a scan of annotated recordings,\n"
        "or from reviews of its windows, and writes a new bundle with the same network. Nothing is decoded:\n"
        "the scan's stored scores are used.",
        "soundbeam calibrate --classifier bundle/ --annotations annotations.csv --output results/ --to calibrated/",
    )
    p.add_argument("--classifier", required=True, metavar="DIR", help="the bundle that scanned")
    p.add_argument(
        "--annotations", metavar="CSV",
        help="recording,start_s,end_s,label: all calls of some scanned recordings; without times: it has none",
    )  # fmt: skip
    p.add_argument("--output", metavar="DIR", help="with --annotations: the scan's output folder")
    p.add_argument(
        "--reviews", metavar="DIR", help="instead of both: a scan's output folder in which windows were reviewed"
    )
    p.add_argument("--to", required=True, metavar="DIR", help="where the new bundle goes")
    p.add_argument(
        "--precision", type=share(low_open=True), metavar="X",
        help="thresholds that give calls (with --reviews: windows) this precision, e.g. 0.95 (default: the best F1)",
    )  # fmt: skip
    return p


@program("calibrate")
def main(argv: list[str] | None = None) -> int:
    """Runs the program."""
    own = parser()
    options = own.parse_args(argv)
    values = vars(options)
    reviews = values.pop("reviews")
    if reviews is not None:
        if options.annotations or options.output:
            own.error("--reviews takes the place of --annotations and --output")
        return _by_reviews(reviews, options)
    if not (options.annotations and options.output):
        own.error("needs --annotations and --output, or --reviews")

    from soundbeam.pipelines.calibrate.calibrating import Calibrating, calibrate

    bundle = calibrate(Calibrating(**values), say)
    report = bundle.report["calibrated"]
    for label, figures in report["labels"].items():
        before = figures["before"]
        say(
            f"{label}: threshold {before['threshold']:.3g} → {figures['threshold']:.3g}, "
            f"precision {_share(figures, 'precision')}, recall {_share(figures, 'recall')}, "
            f"F1 {number(before['f1'])} → {number(figures['f1'])}"
        )
    say("measured on the recordings that it was calibrated on: others will be found a little worse")
    say(f"calls: {_rules(bundle.call_rules)}; every {bundle.hop_s:g} s, as in the scan")
    say(f"classifier: {options.to} ({bundle.fingerprint[:12]}; report.html)")
    return 0


def _by_reviews(reviews: str, options: argparse.Namespace) -> int:
    from soundbeam.pipelines.calibrate.by_reviews import CalibratingByReviews, calibrate_by_reviews

    request = CalibratingByReviews(options.classifier, reviews, options.to, options.precision)
    bundle = calibrate_by_reviews(request, say)
    for label, figures in bundle.report["reviewed"]["labels"].items():
        before, after = figures["before"], figures["after"]
        say(
            f"{label}: {figures['verdicts']} verdicts; threshold {before['threshold']:.3g} → {after['threshold']:.3g}, "
            f"precision of windows {_change(before, after, 'precision')}, recall {_change(before, after, 'recall')}"
        )
    say(f"classifier: {options.to} ({bundle.fingerprint[:12]}; report.html)")
    return 0


def _change(before: dict[str, Any], after: dict[str, Any], name: str) -> str:
    shares = [figures[name] for figures in (before, after)]
    told = ["–" if s is None else f"{number(s['value'])} ({s['low']:.2f} to {s['high']:.2f})" for s in shares]
    return " → ".join(told)


def _share(figures: dict[str, Any], name: str) -> str:
    interval = figures[f"{name}_interval"]
    return number(figures[name]) + (f" ({interval[0]:.2f} to {interval[1]:.2f})" if interval else "")


def _rules(rules: Any) -> str:
    if rules.runs:
        return "neighbouring windows over the threshold"
    return f"peaks, smoothed over {rules.smooth_s:g} s, dip {rules.dip:.2g}, {rules.min_gap_s:g} s apart"


if __name__ == "__main__":
    sys.exit(main())

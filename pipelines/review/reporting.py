"""Tells what verdicts come to: precision, recall, thresholds, and corrected totals with intervals.

soundbeam review report --output results/
soundbeam review report --output results/ --label call --html report.html --json report.json --target-precision 0.9
"""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

from soundbeam.model.estimation.totals import Estimate
from soundbeam.model.numbers import number
from soundbeam.model.storage.files import open_to_write
from soundbeam.pipelines.console.arguments import Parser, share
from soundbeam.pipelines.console.output import print_table, say
from soundbeam.pipelines.review.estimates_in_words import interval, point, share_interval, target
from soundbeam.pipelines.review.figures_of_review import DomainTotal, LabelReview, ReviewFigures

_MOST_ROWS = 20


def parser() -> Parser:
    """The options of ``review report``."""
    p = Parser(
        "review report",
        "Tells what the verdicts come to: precision by score, the threshold for a precision, recall, and how many\n"
        "windows and calls have the sound, in all and by site, night and hour, with 90 % intervals.",
        "soundbeam review report --output results/ --html report.html",
    )
    p.add_argument("--output", required=True, metavar="DIR", help="the scan's output folder; path or fsspec URL")
    p.add_argument("--label", metavar="L", help="only this label (default: all that were reviewed)")
    p.add_argument("--html", metavar="FILE", help="also write a page with pictures there; path or fsspec URL")
    p.add_argument("--json", metavar="FILE", help="also write all figures there; path or fsspec URL")
    p.add_argument(
        "--target-precision", type=share(low_open=True, high_open=True), default=0.95, metavar="X",
        help="of windows, for which a threshold is looked for (%(default)s)",
    )  # fmt: skip
    return p


def main(argv: list[str]) -> int:
    """Runs ``review report``."""
    options = parser().parse_args(argv)
    from soundbeam.pipelines.review.review_numbers import review_figures

    figures = review_figures(options.output, options.label, options.target_precision)
    for i, of_label in enumerate(figures.labels):
        if i:
            say()
        print_review(of_label)
    if options.json:
        with open_to_write(options.json, "w") as file:
            file.write(as_json(figures))
        say(f"figures: {options.json}")
    if options.html:
        from soundbeam.pipelines.review.report_page import page

        with open_to_write(options.html, "w") as file:
            file.write(page(figures))
        say(f"page: {options.html}")
    return 0


def as_json(figures: ReviewFigures) -> str:
    """All figures; what is not finite is null."""
    return json.dumps(_plain(dataclasses.asdict(figures)), ensure_ascii=False, indent=1) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(of) for name, of in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(of) for of in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def print_review(of: LabelReview) -> None:
    """Prints what the verdicts on one label come to."""
    judged = ", ".join(f"{n} {verdict}" for verdict, n in sorted(of.counts.items(), key=lambda item: -item[1]))
    say(f"{of.label}: {judged}; {of.weighed} verdicts weighed, drawn by {of.design} from {of.windows:,} windows")
    print_table(
        ("", "by threshold", "corrected", "90 % interval"),
        [
            ("windows with the sound", f"{of.naive_windows:,}", *_cells(of.total)),
            ("calls", f"{of.naive_calls:,}", *_cells(of.calls)),
        ],
    )
    say(f"without the fit, from the strata's verdicts alone: {interval(of.without_fit)} windows")
    if of.unseen is not None:
        say(
            f"in the lowest stratum none was heard; by these {of.strata[0].known.judged} looks alone, up to "
            f"{of.unseen:,.0f} windows with the sound cannot be excluded there"
        )
    if of.own is not None:
        say(f"at the classifier's threshold: {point(of.own)}")
    say(target(of))
    error = of.calibration_error
    say(f"expected calibration error of the scores: {number(error.value)} ({error.low:.3f} to {error.high:.3f})")
    say()
    _print_strata(of)
    for kind, rows in (("site", of.sites), ("night", of.nights), ("hour", of.hours)):
        if len(rows) > 1 or rows[0].name:
            say()
            _print_domains(kind, rows)
    confirmed = sum(p.status == "confirmed" for p in of.presence)
    likely = sum(p.status == "likely" for p in of.presence)
    say()
    say(f"nights at sites: {confirmed} confirmed, {likely} likely (probability 0.9), of {len(of.presence)}")
    for each in of.differences:
        if each.differs:
            say(
                f"differs: {each.kind} {each.name or 'unknown'}: {each.yes} of {each.judged} yes, {each.expected:.1f} "
                f"expected by their scores (p = {each.p_value:.2g})"
            )
    people = of.reviewers
    if people.pairs:
        agreement = "" if people.kappa is None else f", kappa {people.kappa:.2f}"
        wrong = "" if of.error is None else f"; single verdicts wrong: {of.error.value:.1%} (up to {of.error.high:.1%})"
        unlike = f"{people.unlike} of {people.pairs} windows judged differently"
        say(f"{len(people.names)} reviewers: {unlike}{agreement}{wrong}")
    for line in of.notes:
        say(f"note: {line}")


def _print_strata(of: LabelReview) -> None:
    rows = []
    for stratum in of.strata:
        known = stratum.known
        bounds = f"{stratum.low:.4g} to {stratum.high:.4g}"
        told = share_interval(known.share) if known.share else "–"
        said = "  they disagree" if known.disagrees else ""
        rows.append((
            bounds, f"{known.windows:,}", str(known.judged), str(known.yes), told, share_interval(known.fit) + said
        ))  # fmt: skip
    print_table(("hour" if of.design == "diel" else "score", "windows", "judged", "yes", "share", "by the fit"), rows)


def _print_domains(kind: str, rows: list[DomainTotal]) -> None:
    heads = (kind, "windows", "judged", "by threshold", "corrected", "90 % interval", "calls found")
    shown = rows[:_MOST_ROWS]
    print_table(
        heads,
        [
            (r.name or "unknown", f"{r.windows:,}", str(r.judged), f"{r.naive_windows:,}", *_cells(r.total),
             f"{r.naive_calls:,}")
            for r in shown
        ],
    )  # fmt: skip
    if len(rows) > len(shown):
        say(f"and {len(rows) - len(shown)} more; --json has all")


def _cells(of: Estimate | None) -> tuple[str, str]:
    return ("–", "–") if of is None else (f"{of.value:,.0f}", f"{of.low:,.0f} to {of.high:,.0f}")

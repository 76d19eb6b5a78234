"""What reviewers' verdicts correct a report's totals to."""

from __future__ import annotations

from soundbeam.pipelines.report.csv_links import Table, csv_link
from soundbeam.pipelines.report.material import Material
from soundbeam.pipelines.report.wording import estimated


def reviews_table(material: Material) -> Table | None:
    """What reviewers' verdicts correct the totals to; None without reviews."""
    if not material.reviews:
        return None
    heads = [
        "label", "verdicts", "calls found", "calls, corrected", "windows over threshold", "windows with the sound",
        "precision", "recall",
    ]  # fmt: skip
    rows, plain = [], []
    for label, review in material.reviews.items():
        own = (review.own.precision, review.own.recall) if review.own else (None, None)
        rows.append(
            [
                material.name(label), f"{review.weighed:,}", f"{review.naive_calls:,}", estimated(review.calls),
                f"{review.naive_windows:,}", estimated(review.total), *(estimated(share, ".2f") for share in own),
            ]
        )  # fmt: skip
        figures = (review.calls, review.total, *own)
        ends = [value for f in figures for value in ((f.value, f.low, f.high) if f else ("", "", ""))]
        plain.append([label, "", review.weighed, review.naive_calls, review.naive_windows, *ends])
        plain += [
            [label, site.name, site.judged, site.naive_calls, site.naive_windows, "", "", "", site.total.value,
             site.total.low, site.total.high, *[""] * 6]
            for site in review.sites
        ]  # fmt: skip
    names = ("calls", "windows", "precision", "recall")
    columns = [f"{name}{end}" for name in names for end in ("", "_low", "_high")]
    first = ("label", "site", "verdicts", "calls_found", "windows_over_threshold")
    return Table(heads, rows, csv_link("reviews.csv", (*first, *columns), plain))

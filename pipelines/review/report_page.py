"""The page of a report of reviews: one HTML file that loads nothing else; ``review.html.jinja`` is its template."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2

from soundbeam.model.numbers import number
from soundbeam.pipelines.console.output import redacted
from soundbeam.pipelines.review.estimates_in_words import point, share_interval, target
from soundbeam.pipelines.review.figures_of_review import DomainTotal, LabelReview, ReviewFigures
from soundbeam.pipelines.review.report_pictures import by_score, totals

_TEMPLATE = "review.html.jinja"


def page(figures: ReviewFigures) -> str:
    """The page as HTML; the same figures give the same text."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,  # labels, sites and notes may hold anything, also markup
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "whole": lambda value: f"{value:,.0f}",
        "share": share_interval,
        "number": number,
        "point": point,
    }
    return environment.get_template(_TEMPLATE).render(
        output=redacted(figures.output), labels=[_shown(of) for of in figures.labels]
    )


def _shown(of: LabelReview) -> dict[str, Any]:
    domains = []
    for kind, rows in (("site", of.sites), ("night", of.nights), ("hour", of.hours)):
        if _known(rows):
            domains.append((kind, rows, totals(rows, kind)))
    return {
        "of": of,
        "pictures": by_score(of),
        "domains": domains,
        "target": target(of),
        "confirmed": sum(p.status == "confirmed" for p in of.presence),
        "likely": sum(p.status == "likely" for p in of.presence),
        "differing": [d for d in of.differences if d.differs],
    }


def _known(rows: list[DomainTotal]) -> bool:
    return len(rows) > 1 or bool(rows and rows[0].name)

"""Estimates as text, for the terminal and for the page."""

from __future__ import annotations

from soundbeam.model.estimation.totals import Estimate
from soundbeam.model.numbers import number
from soundbeam.pipelines.review.figures_of_review import LabelReview, OperatingPoint


def interval(of: Estimate) -> str:
    """A number of windows with its interval."""
    return f"{of.value:,.0f} ({of.low:,.0f} to {of.high:,.0f})"


def share_interval(of: Estimate) -> str:
    """A share with its interval."""
    return f"{number(of.value)} ({of.low:.3f} to {of.high:.3f})"


def point(of: OperatingPoint) -> str:
    """A threshold, and how well it does."""
    precision, recall = share_interval(of.precision), share_interval(of.recall)
    return f"{of.threshold:.3g}: precision {precision}, recall {recall}"


def target(of: LabelReview) -> str:
    """The threshold for the wanted precision."""
    wanted = of.target
    if wanted.value is None:
        return f"no threshold is known to reach a precision of {wanted.precision:g} (probability {wanted.chance:.2f})"
    low = "–" if wanted.low is None else f"{wanted.low:.3g}"
    high = "none" if wanted.high is None else f"{wanted.high:.3g}"
    return f"a precision of {wanted.precision:g} takes a threshold of {wanted.value:.3g} ({low} to {high})"

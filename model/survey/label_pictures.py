"""Pictures of labels: first and last dates, how many were heard within so many nights, and their scores."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import numpy as np

from soundbeam.model.survey.accumulation import Accumulation
from soundbeam.model.survey.canvas import DATA, FAINT, HALF_IN, LINE, VERMILION, Canvas, drawing, shorter
from soundbeam.model.survey.effort_pictures import date_axis


def first_and_last(
    names: Sequence[str],
    dates: Sequence[tuple[datetime.date, datetime.date] | None],
    first: datetime.date,
    days: int,
    what: str,
    name: str,
) -> str:
    """From the first to the last date on which each was heard.

    Args:
        names: Of labels, or of sites.
        dates: Their first and last dates; None: never heard.
        first: The first date of the recordings.
        days: How many days they span.
        what: What the names are of, for the title.
        name: The picture's on the page.
    """
    with drawing():
        canvas = Canvas(0.6 + 0.17 * max(len(names), 2))
        axes = canvas.figure.subplots()
        y = np.arange(len(names))
        axes.hlines(y, -0.5, days - 0.5, color=LINE, linewidth=4)
        for at, ends in zip(y, dates, strict=True):
            if ends:
                x = [(end - first).days for end in ends]
                axes.plot(x, [at, at], "-o", color=DATA, linewidth=2.2, markersize=3.6)
        axes.set_yticks(y, [shorter(one) for one in names])
        axes.set_ylim(len(names) - 0.4, -0.6)
        date_axis(axes, first, days)
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        return canvas.svg(name, f"First and last date of each {what}")


def accumulation_curve(curve: Accumulation, what: str, name: str) -> str:
    """How many labels were heard within so many nights: the mean over the nights' orders, and an interval."""
    n = np.arange(1, len(curve.mean) + 1)
    with drawing():
        canvas = Canvas(2.9, HALF_IN)
        axes = canvas.figure.subplots()
        axes.fill_between(n, curve.low, curve.high, color=DATA, alpha=0.18, linewidth=0)
        axes.plot(n, curve.mean, color=DATA, linewidth=1.6, marker="o" if len(n) < 15 else None, markersize=3)
        axes.set(xlabel=f"{what}s", ylabel="labels heard", xlim=(0, len(n) + 0.5))
        axes.set_ylim(0, 1.06 * max(float(curve.high.max()), 1.0))
        axes.grid(axis="y")
        return canvas.svg(name, f"Labels heard within a number of {what}s, with an interval")


def score_distribution(
    label: str, edges: np.ndarray, windows: np.ndarray, threshold: float, floor: float | None, name: str
) -> str:
    """How many windows have which score, and the threshold.

    Args:
        label: Whose scores.
        edges: float64 ``[bins + 1]``.
        windows: int64 ``[bins]``.
        threshold: From which on a window belongs to a call.
        floor: The lowest score that was kept; None: all were.
        name: The picture's on the page.
    """
    with drawing():
        canvas = Canvas(2.9, HALF_IN)
        axes = canvas.figure.subplots()
        below = edges[1:] <= threshold + 1e-9
        for chosen, colour in ((below, FAINT), (~below, DATA)):
            axes.bar(
                edges[:-1][chosen], windows[chosen], np.diff(edges)[chosen], align="edge", color=colour, alpha=0.75
            )
        axes.set_yscale("symlog", linthresh=1)
        highest = 4 * max(float(windows.max(initial=0)), 1.0)
        powers = [0, *(10**k for k in range(int(np.log10(highest)) + 1))]
        axes.set_yticks(powers, [_power(n) for n in powers])
        axes.minorticks_off()
        axes.set_ylim(0, highest)
        axes.axvline(threshold, color=VERMILION, linewidth=1.2)
        axes.annotate(
            f"threshold {threshold:.3g}",
            (threshold, 0.97),
            (4 if threshold < 0.6 else -4, 0),
            color=VERMILION,
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            fontsize=8.5,
            va="top",
            ha="left" if threshold < 0.6 else "right",
        )
        axes.set(xlabel="score", ylabel="windows", xlim=(0, 1))
        if floor is not None:
            axes.axvspan(0, floor, color=LINE, alpha=0.6, linewidth=0)
        axes.grid(axis="y")
        return canvas.svg(name, f"{label}: how many windows have which score, and the threshold {threshold:.3g}")


def _power(n: int) -> str:
    """A power of ten as few characters: 100, 1k, 10M."""
    return f"{n // 10**6}M" if n >= 10**6 else f"{n // 1000}k" if n >= 1000 else str(n)

"""Pictures of when a label was heard: hour by day, hours of the day, and the season."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import numpy as np

from soundbeam.model.survey.canvas import COLOURS, DATA, FAINT, HALF_IN, LINE, ORANGE, PAPER, Canvas, bare, drawing
from soundbeam.model.survey.effort_pictures import date_axis
from soundbeam.model.survey.rate_intervals import Rates

_MOST_BARS = 2.5  # times the highest rate: longer intervals leave the picture


def hour_heat_map(
    label: str,
    first: datetime.date,
    rate: np.ndarray,
    start_hour: int,
    sun: np.ndarray | None,
    moon: np.ndarray | None,
    name: str,
) -> str:
    """Calls per hour of effort by date and hour of the day; blank where nothing was recorded.

    Args:
        label: Whose calls.
        first: The date of the first column.
        rate: float64 ``[24, days]``, the first row from ``start_hour`` on; NaN without effort.
        start_hour: 0 for days from midnight on, 12 for nights from noon on.
        sun: Sunrise and sunset, hours after the start of each day or night, float64 ``[2, days]``; NaN where there is
            none. None: the place is not known.
        moon: The share of the moon that is lit, ``[days]``; None: it is not drawn.
        name: The picture's on the page.
    """
    days = rate.shape[1]
    with drawing():
        canvas = Canvas(3.6)
        grid = canvas.figure.add_gridspec(2, 1, height_ratios=(1, 22), hspace=0.02)
        axes = canvas.figure.add_subplot(grid[1])
        most = max(float(np.nanmax(rate, initial=0.0)), 1e-9)
        image = axes.imshow(
            rate,
            aspect="auto",
            origin="lower",
            cmap=COLOURS,
            vmin=0,
            vmax=most,
            interpolation="nearest",
            extent=(-0.5, days - 0.5, 0, 24),
        )
        if sun is not None:
            x = np.concatenate([[-0.5], np.arange(days), [days - 0.5]])
            for times in sun:
                y = np.concatenate([times[:1], times, times[-1:]])
                for colour, width in ((PAPER, 3.2), (ORANGE, 1.6)):
                    axes.plot(x, y, color=colour, linewidth=width)
        ticks = np.arange(0, 25, 3)
        axes.set_yticks(ticks, [f"{(start_hour + hour) % 24:02d}:00" for hour in ticks.tolist()])
        axes.set_ylim(0, 24)
        for hour in ticks:
            axes.axhline(hour, color=LINE, linewidth=0.4)
        date_axis(axes, first, days)
        bare(axes)
        if moon is not None:
            top = canvas.figure.add_subplot(grid[0], sharex=axes)
            # Full moons are bright on any paper: the strip has its own dark ground.
            top.imshow(
                moon[None, :],
                aspect="auto",
                cmap="gray",
                vmin=0,
                vmax=1,
                interpolation="nearest",
                extent=(-0.5, days - 0.5, 0, 1),
            )
            top.set_yticks([0.5], ["moon"])
            top.tick_params(labelbottom=False)
            bare(top)
        bar = canvas.figure.colorbar(image, ax=axes, fraction=0.03, pad=0.01, aspect=25)
        bar.ax.set_frame_on(False)
        bar.set_label("calls per hour", color=FAINT)
        lines = ", with lines at sunrise and sunset" if sun is not None else ""
        return canvas.svg(name, f"{label}: calls per hour by date and hour of the day{lines}")


def diel_curve(label: str, rates: Rates, start_hour: int, name: str) -> str:
    """Calls per hour of effort in each hour of the day, with its interval, over bars of the effort.

    Args:
        label: Whose calls.
        rates: Of 24 groups, the first from ``start_hour`` on.
        start_hour: The hour with which the picture begins.
        name: The picture's on the page.
    """
    with drawing():
        canvas = Canvas(2.9, HALF_IN)
        upper, lower = canvas.figure.subplots(2, 1, sharex=True, height_ratios=(5, 1))
        x = np.arange(24) + 0.5
        _steps(upper, x, rates)
        upper.set_ylabel("calls per hour")
        lower.bar(x, rates.hours, width=0.86, color=LINE)
        lower.set_ylabel("hours", rotation=0, ha="right", va="center")
        ticks = np.arange(0, 25, 6)
        lower.set_xticks(ticks, [f"{(start_hour + hour) % 24:02d}:00" for hour in ticks.tolist()])
        lower.set_xlim(0, 24)
        lower.set_yticks([0, _round_down(float(rates.hours.max(initial=0.0)))])
        return canvas.svg(name, f"{label}: calls per hour of effort in each hour of the day, with intervals")


def phenology(label: str, starts: Sequence[datetime.date], step_days: int, rates: Rates, what: str, name: str) -> str:
    """Calls per hour of effort by night or week, with intervals, over bars of the effort.

    Args:
        label: Whose calls.
        starts: The first date of each group.
        step_days: Days of a group.
        rates: Of the groups.
        what: ``night``, ``day`` or ``week``.
        name: The picture's on the page.
    """
    first = starts[0]
    x = np.array([(start - first).days + (step_days - 1) / 2 for start in starts])
    days = (starts[-1] - first).days + step_days
    with drawing():
        canvas = Canvas(2.9, HALF_IN)
        upper, lower = canvas.figure.subplots(2, 1, sharex=True, height_ratios=(5, 1))
        _steps(upper, x, rates, gap=step_days * 1.5)
        upper.set_ylabel("calls per hour")
        lower.bar(x, np.nan_to_num(rates.hours), width=0.86 * step_days, color=LINE)
        lower.set_ylabel("hours", rotation=0, ha="right", va="center")
        lower.set_yticks([0, _round_down(float(np.nanmax(rates.hours, initial=0.0)))])
        date_axis(lower, first, days)
        return canvas.svg(name, f"{label}: calls per hour of effort by {what}, with intervals")


def _steps(axes, x: np.ndarray, rates: Rates, gap: float = 1.5) -> None:
    """Points, a line where neighbours are known, and bands of the intervals."""
    known = np.isfinite(rates.rate)
    at, rate, low, high = x[known], rates.rate[known], rates.low[known], rates.high[known]
    breaks = np.flatnonzero(np.diff(at) > gap) + 1
    for part in np.split(np.arange(len(at)), breaks):
        axes.fill_between(at[part], low[part], high[part], color=DATA, alpha=0.18, linewidth=0)
        if len(part) == 1:
            axes.vlines(at[part], low[part], high[part], color=DATA, alpha=0.35, linewidth=4)
        axes.plot(at[part], rate[part], "-", color=DATA, linewidth=1.4)
    if len(at) <= 70:
        axes.plot(at, rate, "o", color=DATA, markersize=3, clip_on=False)
    highest = float(rate.max(initial=0.0))
    top = min(float(high.max(initial=0.0)), _MOST_BARS * highest) if highest else float(high.max(initial=0.0))
    axes.set_ylim(0, 1.06 * top if top > 0 else 1)
    axes.grid(axis="y")


def _round_down(value: float) -> float:
    """One or two digits of a number, for a tick."""
    if value <= 0:
        return 1.0
    size = 10.0 ** np.floor(np.log10(value))
    return float(np.floor(value / size) * size)

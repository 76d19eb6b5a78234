"""Pictures of the effort: a calendar of sites and dates."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import numpy as np

from soundbeam.model.survey.canvas import COLOURS, FAINT, LINE, Canvas, bare, drawing, shorter

MOST_SITES = 60  # in one picture
_ROOMY = 20  # sites; more have narrower rows


def effort_calendar(
    sites: Sequence[str], first: datetime.date, hours: np.ndarray, failed: np.ndarray, unit: str, name: str
) -> str:
    """Hours listened on each day, or in each night, at each site; blank where nothing was recorded.

    Args:
        sites: Their names, as many as there are rows.
        first: The date of the first column.
        hours: float64 ``[sites, days]``; 0 where there was no effort.
        failed: int ``[sites, days]``: recordings that failed.
        unit: ``day`` or ``night``: what a column is.
        name: The picture's on the page.
    """
    rows, days = hours.shape
    with drawing():
        canvas = Canvas(0.85 + max((0.19 if rows <= _ROOMY else 0.15) * rows, 0.35))
        axes = canvas.figure.subplots()
        most = max(float(hours.max(initial=0.0)), 1e-9)
        image = axes.imshow(
            np.where(hours > 0, hours, np.nan),
            aspect="auto",
            cmap=COLOURS,
            vmin=0,
            vmax=most,
            interpolation="nearest",
            extent=(-0.5, days - 0.5, rows - 0.5, -0.5),
        )
        for y in range(rows + 1):
            axes.axhline(y - 0.5, color=LINE, linewidth=0.5)
        at = np.argwhere(failed > 0)
        if len(at):
            for colour, width in (("white", 2.2), ("black", 1.0)):  # seen on every colour
                axes.plot(at[:, 1], at[:, 0], "x", color=colour, markersize=3.2, markeredgewidth=width)
        axes.set_yticks(range(rows), [shorter(site, 22) for site in sites])
        date_axis(axes, first, days)
        bare(axes)
        bar = canvas.figure.colorbar(image, ax=axes, fraction=0.03, pad=0.01, aspect=max(8, 3 * rows))
        bar.ax.set_frame_on(False)
        bar.set_label(f"hours a {unit}", color=FAINT)
        what = f"Hours listened in each of {days} {unit}s at {rows} {'site' if rows == 1 else 'sites'}"
        return canvas.svg(name, f"{what}; blank where nothing was recorded, crosses where recordings failed")


def date_axis(axes, first: datetime.date, days: int) -> None:
    """Dates below an axis whose unit is a day from the first one on."""
    last = first + datetime.timedelta(days=days - 1)
    at = [first + datetime.timedelta(days=i) for i in range(days)]
    if days <= 8:
        chosen = at
    elif days <= 75:
        step = 7 if days > 21 else 2 if days < 14 else 3
        chosen = at[::step]
    else:
        months = max(1, round(days / 300))
        chosen = [day for day in at if day.day == 1 and (day.month - 1) % months == 0]
    years = first.year != last.year or days > 75
    labels = []
    for i, day in enumerate(chosen):
        if days > 75:
            text = f"{day:%b}" if months < 12 else ""
            with_year = i == 0 or day.year != chosen[i - 1].year
        else:
            text = f"{day.day} {day:%b}"
            with_year = i == 0
        labels.append(f"{text}\n{day.year}" if with_year or (years and text == "") else text)
    axes.set_xticks([(day - first).days for day in chosen], labels)
    axes.set_xlim(-0.5, days - 0.5)

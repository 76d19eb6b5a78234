"""Pictures of where a label was heard: sites side by side, and a map of circles without tiles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from soundbeam.model.survey.canvas import DATA, FAINT, HALF_IN, INK, LINE, PAPER, Canvas, drawing, shorter
from soundbeam.model.survey.rate_intervals import Rates

_KM_A_DEGREE = 111.195  # of a great circle
_NAMED_SITES = 15


def sites_side_by_side(label: str, sites: Sequence[str], rates: Rates, name: str) -> str:
    """Calls per hour of effort at each site, with its interval."""
    with drawing():
        canvas = Canvas(0.75 + max(0.17 * len(sites), 0.5), HALF_IN)
        axes = canvas.figure.subplots()
        y = np.arange(len(sites))
        axes.hlines(y, rates.low, rates.high, color=DATA, alpha=0.35, linewidth=4)
        axes.plot(rates.rate, y, "o", color=DATA, markersize=4)
        highest = float(np.nanmax(rates.rate, initial=0.0))
        top = float(np.nanmax(rates.high, initial=0.0))
        top = min(top, 3 * highest) if highest else top
        axes.set_xlim(0, 1.04 * top if top > 0 else 1)
        axes.set_yticks(y, [shorter(site, 22) for site in sites])
        axes.set_ylim(len(sites) - 0.4, -0.6)
        axes.set_xlabel("calls per hour")
        axes.grid(axis="x")
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        return canvas.svg(name, f"{label}: calls per hour of effort at each site, with intervals")


def kilometres(latitude: np.ndarray, longitude: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Degrees → km east and north of the middle of the sites, on a sphere laid flat there."""
    middle = float(np.angle(np.exp(1j * np.radians(longitude)).sum(), deg=True))
    east = (longitude - middle + 180.0) % 360.0 - 180.0
    north = latitude - (latitude.min() + latitude.max()) / 2
    shrink = np.cos(np.radians((latitude.min() + latitude.max()) / 2))
    x = east * shrink * _KM_A_DEGREE
    return x - (x.min() + x.max()) / 2, north * _KM_A_DEGREE


def site_map(
    label: str, sites: Sequence[str], latitude: np.ndarray, longitude: np.ndarray, rate: np.ndarray, name: str
) -> str:
    """A circle at each site, whose area is in proportion to the calls per hour; a ring where there were none.

    Args:
        label: Whose calls.
        sites: Their names.
        latitude, longitude: Degrees, ``[sites]``.
        rate: Calls per hour of effort, ``[sites]``; NaN without effort.
        name: The picture's on the page.
    """
    x, y = kilometres(latitude, longitude)
    with drawing():
        canvas = Canvas(3.4, HALF_IN)
        axes = canvas.figure.subplots()
        half = max(np.ptp(x), np.ptp(y), 0.05) / 2 * 1.3
        axes.set_xlim(-half, half)
        axes.set_ylim(-half * 1.1, half)
        axes.set_aspect("equal")
        most = max(float(np.nanmax(rate, initial=0.0)), 1e-12)
        heard = np.nan_to_num(rate) > 0
        axes.scatter(x[~heard], y[~heard], s=16, facecolors="none", edgecolors=FAINT, linewidths=0.9)
        order = np.flatnonzero(heard)[np.argsort(-rate[heard])]
        axes.scatter(
            x[order],
            y[order],
            s=12 + 420 * rate[order] / most,
            color=DATA,
            alpha=0.55,
            linewidths=0.8,
            edgecolors=PAPER,
        )
        if len(sites) <= _NAMED_SITES:
            for i, site in enumerate(sites):
                axes.annotate(
                    shorter(site, 16),
                    (x[i], y[i]),
                    (0, -4),
                    textcoords="offset points",
                    fontsize=7.5,
                    color=INK,
                    ha="center",
                    va="top",
                )
        _scale_bar(axes, half)
        axes.annotate(
            "N",
            (0.97, 0.99),
            (0.97, 0.87),
            xycoords="axes fraction",
            textcoords="axes fraction",
            ha="center",
            va="top",
            color=FAINT,
            arrowprops={"arrowstyle": "->", "color": FAINT},
        )
        axes.set_xticks([])
        axes.set_yticks([])
        for side in ("left", "bottom", "top", "right"):
            axes.spines[side].set_visible(True)
            axes.spines[side].set_color(LINE)
        return canvas.svg(name, f"{label}: map of {len(sites)} sites, circles by calls per hour")


def _scale_bar(axes, half: float) -> None:
    """A bar of a round length at the bottom left."""
    wanted = half / 2
    size = 10.0 ** np.floor(np.log10(wanted))
    length = float(max(step * size for step in (1, 2, 5) if step * size <= wanted))
    left, bottom = -half * 0.93, -half * 1.02
    axes.plot([left, left + length], [bottom, bottom], color=INK, linewidth=1.6, solid_capstyle="butt")
    text = f"{length:g} km" if length >= 1 else f"{1000 * length:g} m"
    axes.annotate(text, (left + length, bottom), (5, 0), textcoords="offset points", va="center", fontsize=8, color=INK)

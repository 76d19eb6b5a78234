"""The pictures of a report of reviews: SVG that stands in the page, read on light and on dark."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence

import numpy as np

from soundbeam.model.classifier.calibration import log_odds
from soundbeam.model.estimation.totals import Estimate
from soundbeam.model.pictures.lettering import lettering
from soundbeam.model.report.plots import FALSE, INK, TRUE, set_plain
from soundbeam.pipelines.review.figures_of_review import DomainTotal, LabelReview

_TICKS = (0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999)
_MOST_BARS = 40


def by_score(of: LabelReview) -> str:
    """Precision by score, precision and recall by threshold, and the reliability of scores, side by side."""
    figure, (left, middle, right) = _figure(11.4, 3.5, 3)
    _shares(left, of)
    _points(middle, of)
    _reliability(right, of)
    return _svg(figure)


def _shares(axes, of: LabelReview) -> None:
    axes.set(title="share of windows with the sound, by score", ylabel="share", ylim=(-0.03, 1.03))
    if of.design == "scores":
        middles = [_middle(s.low, s.high) for s in of.strata]
        halves = [(log_odds(max(s.high, 1e-4)) - log_odds(max(s.low, 1e-4))) / 2 for s in of.strata]
        fit = [s.known.fit for s in of.strata]
        axes.fill_between(middles, [f.low for f in fit], [f.high for f in fit], color=TRUE, alpha=0.25, linewidth=0)
        axes.plot(middles, [f.value for f in fit], color=TRUE, linewidth=1.6, label="logistic fit")
        for x, half, stratum in zip(middles, halves, of.strata, strict=True):
            share = stratum.known.share
            if share is not None:
                _point(axes, x, share, FALSE if not stratum.known.disagrees else "#c0392b", half)
        axes.plot([], [], "o", color=FALSE, markersize=4, label="verdicts of the stratum")
        axes.legend(fontsize=8, labelcolor=INK, frameon=False, loc="upper left")
    _score_axis(axes, of, "score")


def _points(axes, of: LabelReview) -> None:
    axes.set(title="precision and recall by threshold", ylim=(-0.03, 1.03))
    x = [float(log_odds(max(p.threshold, 1e-4))) for p in of.points]
    for name, colour in (("precision", TRUE), ("recall", FALSE)):
        values = [getattr(p, name) for p in of.points]
        axes.fill_between(x, [v.low for v in values], [v.high for v in values], color=colour, alpha=0.22, linewidth=0)
        axes.plot(x, [v.value for v in values], color=colour, linewidth=1.6, label=name)
    if of.target.value is not None:
        axes.axvline(float(log_odds(of.target.value)), color=TRUE, linewidth=1, linestyle=(0, (2, 2)))
    axes.legend(fontsize=8, labelcolor=INK, frameon=False, loc="center left")
    _score_axis(axes, of, "threshold")


def _reliability(axes, of: LabelReview) -> None:
    axes.set(title="are scores probabilities?", xlim=(-0.02, 1.02), ylim=(-0.03, 1.03), ylabel="share with the sound")
    axes.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle=(0, (5, 3)))
    for bin_ in of.reliability:
        _point(axes, bin_.score, bin_.share, TRUE)
    axes.set_xlabel(f"mean score; expected calibration error {of.calibration_error.value:.3f}")


def totals(rows: Sequence[DomainTotal], kind: str) -> str:
    """Windows over the threshold and corrected windows of sites, nights or hours."""
    shown = rows[:_MOST_BARS]
    names = [row.name or "unknown" for row in shown]
    with lettering(names) as letters:
        figure, axes = _figure(11.4, 2.9, 1)
        at = np.arange(len(shown))
        axes.bar(at, [row.naive_windows for row in shown], 0.62, color=FALSE, alpha=0.35, label="over the threshold")
        for x, row in zip(at, shown, strict=True):
            _point(axes, x, row.total, TRUE)
        axes.plot([], [], "o", color=TRUE, markersize=4, label="corrected, 90 % interval")
        axes.set(title=f"windows with the sound by {kind}", ylabel="windows", ylim=(0, None))
        axes.set_xticks(at, [letters.written(name) for name in names])
        axes.tick_params(axis="x", rotation=60 if max(map(len, names)) * len(names) > 120 else 0)
        axes.grid(visible=False, axis="x")
        axes.legend(
            fontsize=8,
            labelcolor=INK,
            frameon=False,
            loc="lower right",
            bbox_to_anchor=(1, 1),
            ncols=2,
            borderaxespad=0.2,
        )
        return _svg(figure)


def _point(axes, x: float, of: Estimate, colour: str, half: float = 0.0) -> None:
    if half:
        axes.plot([x - half, x + half], [of.value, of.value], color=colour, linewidth=1, alpha=0.5)
    axes.plot([x, x], [of.low, of.high], color=colour, linewidth=1.4)
    axes.plot([x], [of.value], "o", color=colour, markersize=4)


def _middle(low: float, high: float) -> float:
    return float(log_odds(max(low, 1e-4)) + log_odds(max(high, 1e-4))) / 2


def _score_axis(axes, of: LabelReview, name: str) -> None:
    axes.set_xlabel(f"{name}; dashed: the classifier's threshold {of.threshold:.3g}")
    axes.set_xticks(log_odds(np.array(_TICKS)), [f"{t:g}" for t in _TICKS])
    axes.set_xlim(float(log_odds(0.0004)), float(log_odds(0.9996)))
    axes.axvline(float(log_odds(of.threshold)), color=INK, linewidth=1, linestyle=(0, (5, 3)))


def _figure(width: float, height: float, panels: int):
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasSVG(figure)
    axes = figure.subplots(1, panels)
    for each in np.atleast_1d(axes):
        set_plain(each)
    return figure, axes


def _svg(figure) -> str:
    """As an element of a page, without the file's prologue; the same figure gives the same text."""
    import matplotlib

    file = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "soundbeam", "svg.fonttype": "path"}):
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return re.sub(r"^.*?(?=<svg )", "", file.getvalue(), flags=re.DOTALL)

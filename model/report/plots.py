"""The pictures of a report: PNGs without a background, for light pages and dark ones."""

from __future__ import annotations

import io

import numpy as np

from soundbeam.model.evaluation.metrics import precision_recall_curve
from soundbeam.model.evaluation.reliability import reliability
from soundbeam.model.report.evidence import CaptionedSpectrogram, LabelScores

INK, GRID = "#75808b", "#75808b40"  # read on white and on black alike
TRUE, FALSE = "#e0873a", "#3d93c9"
_HISTOGRAM_BINS = 25


def curves(label: LabelScores) -> bytes:
    """Precision and recall, reliability, and histograms of the scores, side by side: a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.4, 3.5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    left, middle, right = figure.subplots(1, 3)
    _precision_recall(left, label)
    _reliability(middle, label)
    _histograms(right, label)
    for axes in (left, middle, right):
        set_plain(axes)
    file = io.BytesIO()
    figure.savefig(file, format="png", transparent=True)
    return file.getvalue()


def set_plain(axes) -> None:
    """Draws the axes in a colour that is read on white and on black, without a frame."""
    axes.patch.set_visible(False)
    axes.tick_params(colors=INK, labelsize=8.5, length=3)
    axes.grid(color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    for name, spine in axes.spines.items():
        spine.set_visible(name in ("left", "bottom"))
        spine.set_color(INK)
    for text in (axes.title, axes.xaxis.label, axes.yaxis.label):
        text.set_color(INK)
        text.set_fontsize(9.5)


def _precision_recall(axes, label: LabelScores) -> None:
    axes.set(title="precision and recall of windows", xlabel="recall", ylabel="precision")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.04))
    if not label.truth.any():
        return _nothing(axes, "no window of it")
    precision, recall, thresholds = precision_recall_curve(label.truth, label.scores)
    axes.step(np.append(0, recall), np.append(precision[:1], precision), where="pre", color=TRUE, linewidth=1.7)
    at = int(np.searchsorted(-thresholds, -label.threshold, "right")) - 1
    if at >= 0:
        axes.plot(recall[at], precision[at], "o", color=TRUE, markersize=6)
        text = f"threshold {label.threshold:.3g}"
        axes.annotate(
            text, (recall[at], precision[at]), xytext=(-8, -12), textcoords="offset points", ha="right", va="top",
            fontsize=8.5, color=INK,
        )  # fmt: skip


def _reliability(axes, label: LabelScores) -> None:
    axes.set(title="are scores probabilities?", xlabel="mean score", ylabel="share that is true")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.1, 1.04))
    diagram = reliability(label.truth, label.scores)
    error = diagram.expected_calibration_error
    if error is None:
        return _nothing(axes, "no windows")
    axes.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle=(0, (5, 3)))
    filled = diagram.counts > 0
    width = np.diff(diagram.edges)[filled]
    axes.bar(diagram.edges[:-1][filled], diagram.shares[filled], width, align="edge", color=TRUE, alpha=0.3)
    if label.before is not None:
        before = reliability(label.truth, label.before)
        filled_before = before.counts > 0
        text = f"before calibration: {before.expected_calibration_error:.3f}"
        scores, shares = before.scores[filled_before], before.shares[filled_before]
        axes.plot(scores, shares, "o--", color=FALSE, linewidth=1, markersize=3, label=text)
        axes.legend(fontsize=8, labelcolor=INK, frameon=False, loc="upper left")
    axes.plot(diagram.scores[filled], diagram.shares[filled], "o-", color=TRUE, linewidth=1.5, markersize=4)
    for edge, count in zip(diagram.edges[:-1][filled] + width / 2, diagram.counts[filled], strict=True):
        axes.text(edge, -0.085, f"{count:,}", ha="center", va="bottom", fontsize=7, color=INK)
    axes.set_xlabel(f"mean score; expected calibration error {error:.3f}")


def _histograms(axes, label: LabelScores) -> None:
    axes.set(title="scores", xlabel="score", ylabel="windows", xlim=(-0.02, 1.02), yscale="symlog")
    edges = np.linspace(0, 1, _HISTOGRAM_BINS + 1)
    for truth, colour, name in ((False, FALSE, "others"), (True, TRUE, "of it")):
        counts = np.histogram(label.scores[label.truth == truth], edges)[0]
        axes.stairs(counts, edges, color=colour, fill=True, alpha=0.3)
        axes.stairs(counts, edges, color=colour, linewidth=1.4, label=f"{name}: {counts.sum():,}")
    axes.axvline(label.threshold, 0, 0.8, color=INK, linewidth=1, linestyle=(0, (5, 3)))
    axes.set_ylim(0, 12 * max(1.0, axes.get_ylim()[1]))  # room for the legend
    axes.legend(fontsize=8.5, labelcolor=INK, frameon=False, loc="upper center")


def _nothing(axes, text: str) -> None:
    axes.text(0.5, 0.5, text, color=INK, fontsize=9.5, ha="center", va="center")


def spectrogram(picture: CaptionedSpectrogram) -> bytes:
    """A PNG of a picture, a pixel for each of label values, highest frequencies on top."""
    from matplotlib import colormaps
    from PIL import Image

    values = np.asarray(picture.decibels, np.float64)
    low, high = np.percentile(values, (10, 99.8)) if values.size else (0.0, 1.0)
    levels = np.clip((values - low) / max(high - low, 1e-6) * 255, 0, 255).round().astype(np.uint8)
    drawn = Image.fromarray(levels[::-1])
    drawn.putpalette((colormaps["magma"](np.arange(256), bytes=True)[:, :3]).tobytes())
    file = io.BytesIO()
    drawn.save(file, "PNG", optimize=True)
    return file.getvalue()

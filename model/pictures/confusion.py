"""The picture of a confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO

import numpy as np

from soundbeam.model.pictures.lettering import lettering

_NUMBERS_UP_TO = 24  # labels; with more, numbers would not be read


def draw_confusion(file: IO[bytes], confusion: np.ndarray, labels: Sequence[str], title: str = "") -> str:
    """Draws how often each label is taken for each: a row is a true label, its colours are shares of the row.

    Args:
        file: Gets the PNG.
        confusion: int ``[labels, labels]``: true label by the one with the highest score.
        labels: Their names.
        title: Above it.

    Returns:
        The characters of labels that no font of this machine has; they are drawn as ``\\uXXXX``.
    """
    with lettering([*labels, title]) as letters:
        _draw(file, confusion, [letters.written(label) for label in labels], letters.written(title))
    return letters.missing


def _draw(file: IO[bytes], confusion: np.ndarray, labels: Sequence[str], title: str) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    n = len(labels)
    shares = confusion / np.maximum(1, confusion.sum(axis=1, keepdims=True))
    cell = 0.55 if n <= _NUMBERS_UP_TO else 0.2
    # Room for the names, which are as long as users make them.
    names = 0.09 * min(30, max(map(len, labels)))
    figure = Figure(figsize=(cell * n + names + 1.6, cell * n + names + 1.2), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set(title=title, xlabel="taken for", ylabel="is")
    shown = [label if len(label) <= 30 else label[:29] + "…" for label in labels]
    axes.set_xticks(range(n), shown, rotation=45, ha="right", rotation_mode="anchor", fontsize=8)
    axes.set_yticks(range(n), shown, fontsize=8)
    for spine in axes.spines.values():
        spine.set_visible(False)
    if n <= _NUMBERS_UP_TO:
        for i, j in np.argwhere(confusion > 0).tolist():
            ink = "white" if shares[i, j] > 0.55 else "#20262c"
            axes.text(j, i, f"{confusion[i, j]}", ha="center", va="center", fontsize=8, color=ink)
    bar = figure.colorbar(image, ax=axes, fraction=0.045, pad=0.03)
    bar.set_label("share of the row", fontsize=8)
    bar.ax.tick_params(labelsize=8)
    bar.ax.spines["outline"].set_visible(False)
    figure.savefig(file, format="png")

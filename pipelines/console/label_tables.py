"""How well several labels are told apart, as tables in the terminal."""

from __future__ import annotations

from collections.abc import Mapping

from soundbeam.model.evaluation.classification import QUALITY, Classification
from soundbeam.model.numbers import number
from soundbeam.pipelines.console.output import print_table, say

_CALL_FIGURES = ("precision", "recall", "f1", "exact_share", "mean_absolute_error", "average_precision")


def print_classification(classification: Classification, task: str) -> None:
    """Prints each label's figures, their means, and a summary of all labels together."""
    rows = [
        (figures.label, str(figures.clips), str(figures.found), *map(number, figures.quality))
        for figures in classification.labels
    ]
    if len(rows) > 1 and classification.macro:
        means = [number(classification.macro[name]) for name in QUALITY]
        rows.append(("mean of the labels", str(classification.clips), "", *means))
    print_table(("label", "clips", "found", *map(_head, QUALITY)), rows)
    say()
    for line in classification.told(task):
        say(line)


def print_calls(labels: Mapping[str, Mapping[str, float | None]], thresholds: Mapping[str, float]) -> None:
    """Prints the figures of a detector's calls in soundscapes, one row for each label."""
    rows = [
        (label, number(thresholds[label]), *(number(figures[name]) for name in _CALL_FIGURES))
        for label, figures in labels.items()
    ]
    print_table(("label", "threshold", *map(_head, _CALL_FIGURES)), rows)


def _head(figure: str) -> str:
    return "F1" if figure == "f1" else figure.replace("_", " ")

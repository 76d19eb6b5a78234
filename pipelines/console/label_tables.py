"""How well several labels are told apart, as tables in the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from soundbeam.model.evaluation.classification import QUALITY, Classification
from soundbeam.model.numbers import number
from soundbeam.pipelines.console.output import say

_MEAN = "mean of the labels"


def print_classification(its: Classification, task: str) -> None:
    """Prints each label's figures, their means, and what there is to say of all labels together."""
    wide = max(len(_MEAN), *(len(one.label) for one in its.labels))
    say(f"{'label':<{wide}}  clips  found  precision  recall     F1  average precision")
    for one in its.labels:
        say(_row(f"{one.label:<{wide}}  {one.clips:>5}  {one.found:>5}", one.quality))
    if len(its.labels) > 1 and its.macro:
        say(_row(f"{_MEAN:<{wide}}  {its.clips:>5}  {'':>5}", [its.macro[name] for name in QUALITY]))
    say()
    for line in its.told(task):
        say(line)


def print_calls(labels: Mapping[str, Mapping[str, float | None]], thresholds: Mapping[str, float]) -> None:
    """Prints the figures of a detector's calls in soundscapes, a row a label."""
    wide = max(len("label"), *map(len, labels))
    heads = ("threshold", "precision", "recall", "f1", "exact_share", "mean_absolute_error", "average_precision")
    say("  ".join([f"{'label':<{wide}}", *(head.replace("_", " ").replace("f1", "   F1") for head in heads)]))
    for label, figures in labels.items():
        values = (thresholds[label], *(figures[head] for head in heads[1:]))
        cells = (f"{number(value):>{max(5, len(head))}}" for head, value in zip(heads, values, strict=True))
        say("  ".join([f"{label:<{wide}}", *cells]))


def _row(begin: str, values: Sequence[float | None]) -> str:
    return begin + "".join(f"  {number(value):>{w}}" for value, w in zip(values, (9, 6, 5, 17), strict=True))

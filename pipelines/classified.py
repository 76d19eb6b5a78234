"""How well clips are told apart, as a table in the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from model.classification import QUALITY, Classification
from pipelines.console import number, say

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


def _row(begin: str, values: Sequence[float | None]) -> str:
    return begin + "".join(f"  {number(value):>{w}}" for value, w in zip(values, (9, 6, 5, 17), strict=True))

"""How well clips are told apart: each label's precision and recall, top-k, the confusion matrix; pure NumPy.

Two tasks: one of many (softmax: every clip has exactly one label, the highest score names it) and several at once
(sigmoid: a clip has any number of labels, or none; a label is predicted where its score reaches its threshold).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from soundbeam.model.evaluation.metrics import average_precision, precision_recall_f1
from soundbeam.model.numbers import number
from soundbeam.model.tasks import CLASSIFIER

QUALITY = ("precision", "recall", "f1", "average_precision")


@dataclasses.dataclass(frozen=True)
class LabelFigures:
    """One label's figures over all clips; None is what is not defined.

    Attributes:
        label: Its name.
        clips: How many have it.
        found: How many are predicted to have it.
        right: How many of those do.
        precision: right / found.
        recall: right / clips.
        f1: Their harmonic mean.
        average_precision: Of the label's scores over all clips.
    """

    label: str
    clips: int
    found: int
    right: int
    precision: float | None
    recall: float | None
    f1: float | None
    average_precision: float | None

    @property
    def quality(self) -> tuple[float | None, ...]:
        """The values of ``QUALITY``, in its order."""
        return tuple(getattr(self, name) for name in QUALITY)


@dataclasses.dataclass(frozen=True, eq=False)
class Classification:
    """How well clips are told apart.

    Attributes:
        labels: Each label's figures, in the order of the scores.
        clips: How many clips there are.
        exact: Clips whose labels are predicted exactly: the one label, or all of those that it has and no other.
        accuracy: exact / clips.
        interval: Its 95 % interval (Wilson 1927), as if clips were independent of each other.
        top: k → the share of clips with a true label among their k highest scores; one of many only.
        macro: precision, recall, f1 and average_precision: means over the labels that have clips. Of a label that is
            never predicted the precision counts as 0.
        confusion: int64 ``[labels, labels]``: clips by true label (row) and highest score (column), of the clips with
            exactly one label.
    """

    labels: tuple[LabelFigures, ...]
    clips: int
    exact: int
    accuracy: float
    interval: tuple[float, float]
    top: dict[int, float]
    macro: dict[str, float]
    confusion: np.ndarray

    def told(self, task: str) -> list[str]:
        """What a person reads of all labels together: accuracy, the share in the first k, the commonest mistakes."""
        low, high = self.interval
        what = "accuracy" if task == CLASSIFIER else "all labels right"
        of = f"{self.exact} of {self.clips} clips; 95 % interval {low:.3f} to {high:.3f}"
        lines = [f"{what} {number(self.accuracy)} ({of})"]
        if shares := [f"{k} highest: {number(share)}" for k, share in self.top.items() if k > 1]:
            lines.append("true label among the " + ", ".join(shares))
        mistakes = [(int(n), i, j) for (i, j), n in np.ndenumerate(self.confusion) if n and i != j]
        mistakes.sort(key=lambda one: (-one[0], one[1], one[2]))
        if mistakes:
            names = [one.label for one in self.labels]
            lines.append(
                "most often taken: " + ", ".join(f"{names[i]} for {names[j]} ({n})" for n, i, j in mistakes[:5])
            )
        return lines

    def plain(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {**dataclasses.asdict(self), "confusion": self.confusion.tolist()}

    @classmethod
    def of_plain(cls, plain: Mapping[str, Any]) -> Classification:
        """What ``plain`` gave, also after it went through JSON."""
        low, high = plain["interval"]
        return cls(
            **{
                **plain,
                "labels": tuple(LabelFigures(**label) for label in plain["labels"]),
                "interval": (low, high),
                "top": {int(k): share for k, share in plain["top"].items()},
                "confusion": np.array(plain["confusion"], np.int64),
            }
        )


def classify(
    truth: np.ndarray, scores: np.ndarray, labels: Sequence[str], task: str, thresholds: Sequence[float]
) -> Classification:
    """The figures of some clips.

    Args:
        truth: bool ``[clips, labels]``: which labels a clip has; of a ``classifier`` exactly one.
        scores: ``[clips, labels]``.
        labels: Their names, in that order.
        task: ``detector`` (several at once) or ``classifier`` (one of many).
        thresholds: Each label's, for several at once.

    Raises:
        ValueError: The shapes differ, there is no clip, or a classifier's clip has not exactly one label.
    """
    truth, scores = np.asarray(truth, bool), np.asarray(scores, np.float64)
    if truth.shape != scores.shape or truth.ndim != 2 or truth.shape[1] != len(labels) or not len(truth):
        raise ValueError(f"truth {truth.shape} and scores {scores.shape} are not clips by {len(labels)} labels")
    one_of_many = task == CLASSIFIER
    if one_of_many and not np.all(truth.sum(axis=1) == 1):
        raise ValueError("a clip has not exactly one label")
    highest = scores.argmax(axis=1)
    if one_of_many:
        predicted = np.eye(len(labels), dtype=bool)[highest]
    else:
        predicted = scores >= np.asarray(thresholds, np.float64)
    each = tuple(_label_figures(name, truth[:, i], predicted[:, i], scores[:, i]) for i, name in enumerate(labels))
    single = truth.sum(axis=1) == 1
    confusion = np.zeros((len(labels), len(labels)), np.int64)
    np.add.at(confusion, (truth[single].argmax(axis=1), highest[single]), 1)
    exact = int(np.sum(np.all(truth == predicted, axis=1)))
    return Classification(
        labels=each,
        clips=len(truth),
        exact=exact,
        accuracy=exact / len(truth),
        interval=wilson_interval(exact, len(truth)),
        top=_top(truth, scores) if one_of_many else {},
        macro=_macro(each),
        confusion=confusion,
    )


def wilson_interval(right: int, of: int, z: float = 1.959964) -> tuple[float, float]:
    """The interval of a share, 95 % with the default ``z`` (Wilson, J. Am. Stat. Assoc. 22, 1927).

    Args:
        right: How many are.
        of: Of how many, at least one.
        z: Quantile of the normal distribution.

    Returns:
        Lower and upper end, 0 to 1.
    """
    share = right / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return max(0.0, middle - half), min(1.0, middle + half)


def _label_figures(label: str, truth: np.ndarray, predicted: np.ndarray, scores: np.ndarray) -> LabelFigures:
    right = int(np.sum(truth & predicted))
    events = precision_recall_f1(right, int(predicted.sum()), int(truth.sum()))
    return LabelFigures(
        label, int(truth.sum()), int(predicted.sum()), right, events.precision, events.recall, events.f1,
        average_precision(truth, scores),
    )  # fmt: skip


def _macro(each: Sequence[LabelFigures]) -> dict[str, float]:
    present = [label for label in each if label.clips]
    if not present:
        return {}
    return {name: float(np.mean([getattr(label, name) or 0.0 for label in present])) for name in QUALITY}


def _top(truth: np.ndarray, scores: np.ndarray) -> dict[int, float]:
    """Shares for k = 1, 2, 3 and 5, as far as there are more labels than that; of equal scores the first leads."""
    order = np.argsort(-scores, axis=1, kind="stable")
    hits = np.cumsum(np.take_along_axis(truth, order, axis=1), axis=1) > 0
    return {k: float(hits[:, k - 1].mean()) for k in (1, 2, 3, 5) if k < truth.shape[1]}

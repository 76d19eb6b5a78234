"""How good scores, calls and counts are: pure NumPy, no thresholds chosen here.

A figure that is not defined (the recall where there is no annotation) is None, never a made-up 0 or 1.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt


def average_precision(truth: npt.ArrayLike, scores: npt.ArrayLike) -> float | None:
    """Average precision: the area under the precision-recall steps, Σ (Rₙ − Rₙ₋₁) Pₙ over falling thresholds.

    Equal scores pass the threshold together, so their order in the input does not matter. The definition (steps, no
    interpolation) is that of Manning et al., Introduction to Information Retrieval, 2008, and of scikit-learn.

    Args:
        truth: bool ``[n]``.
        scores: ``[n]``, higher is more likely true.

    Returns:
        0 to 1; None when nothing is true.

    Raises:
        ValueError: The lengths differ, or a score is NaN.
    """
    truth, scores = _checked(truth, scores)
    if not truth.any():
        return None
    precision, recall, _ = precision_recall_curve(truth, scores)
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def precision_recall_curve(truth: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Precision and recall with each distinct score as the threshold (a score at or above it counts).

    Args:
        truth: bool ``[n]``, something in it true.
        scores: ``[n]``, higher is more likely true.

    Returns:
        Precision, recall and threshold, float64 ``[thresholds]`` each, thresholds falling.

    Raises:
        ValueError: The lengths differ, a score is NaN, or nothing is true.
    """
    truth, scores = _checked(truth, scores)
    if not truth.any():
        raise ValueError("nothing is true: there is no recall")
    order = np.argsort(-scores, kind="stable")
    last = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))  # the last of each group of ties
    hits = np.cumsum(truth[order])[last]
    return hits / (last + 1), hits / truth.sum(), scores[order][last]


def roc_auc(truth: npt.ArrayLike, scores: npt.ArrayLike) -> float | None:
    """Area under the ROC curve: how often a true item scores above a false one, ties counting half.

    This is the Mann-Whitney U statistic over the number of pairs (Hanley & McNeil, Radiology 143, 1982).

    Args:
        truth: bool ``[n]``.
        scores: ``[n]``, higher is more likely true.

    Returns:
        0 to 1; None unless there is something true and something false.

    Raises:
        ValueError: The lengths differ, or a score is NaN.
    """
    truth, scores = _checked(truth, scores)
    positives = int(truth.sum())
    negatives = len(truth) - positives
    if not positives or not negatives:
        return None
    _, group, sizes = np.unique(scores, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(sizes) - (sizes - 1) / 2  # ranks from 1; ties share their mean
    u = float(mean_rank[group][truth].sum()) - positives * (positives + 1) / 2
    return u / (positives * negatives)


def match_events(calls: npt.ArrayLike, annotations: npt.ArrayLike) -> list[tuple[int, int]]:
    """Pairs calls with the annotations that they overlap, one to one, as many pairs as there can be.

    Intervals that only touch do not overlap. The interval that ends first is paired with the free one that ends
    first among those that it overlaps on the other side. Any other interval that could have had that one overlaps all
    of the rest as well, so the pairing never costs a pair: the matching is a maximum one.

    Args:
        calls: ``[n, 2]``: start and end, seconds, in any order; they may overlap each other.
        annotations: ``[m, 2]``, likewise.

    Returns:
        (index of the call, index of the annotation), by call.
    """
    sides = [np.asarray(side, dtype=np.float64).reshape(-1, 2) for side in (calls, annotations)]
    orders = [np.argsort(side[:, 1], kind="stable") for side in sides]
    sides = [side[order] for side, order in zip(sides, orders, strict=True)]
    # The earliest start from here on: where it lies behind the interval's end, nothing further on can overlap it.
    earliest = [np.minimum.accumulate(side[::-1, 0])[::-1] for side in sides]
    free = [np.ones(len(side), dtype=bool) for side in sides]
    ends = sorted((end, which, i) for which, side in enumerate(sides) for i, end in enumerate(side[:, 1].tolist()))
    pairs = []
    for end, which, i in ends:
        if not free[which][i]:
            continue
        other = 1 - which
        j = int(np.searchsorted(sides[other][:, 1], sides[which][i, 0], side="right"))
        while j < len(sides[other]) and earliest[other][j] < end:
            if free[other][j] and sides[other][j, 0] < end:
                free[which][i] = free[other][j] = False
                pair = (i, j) if which == 0 else (j, i)
                pairs.append((int(orders[0][pair[0]]), int(orders[1][pair[1]])))
                break
            j += 1
    return sorted(pairs)


@dataclasses.dataclass(frozen=True)
class EventScores:
    """How well calls meet annotations.

    Attributes:
        matched: Calls that match an annotation.
        calls: All calls.
        annotations: All annotations.
        precision: matched / calls; None when there is no call.
        recall: matched / annotations; None when there is no annotation.
        f1: Their harmonic mean, 2 × matched / (calls + annotations); None when there is neither.
    """

    matched: int
    calls: int
    annotations: int
    precision: float | None
    recall: float | None
    f1: float | None


def precision_recall_f1(matched: int, calls: int, annotations: int) -> EventScores:
    """Precision, recall and F1 from the three numbers of events."""
    return EventScores(
        matched,
        calls,
        annotations,
        matched / calls if calls else None,
        matched / annotations if annotations else None,
        2 * matched / (calls + annotations) if calls + annotations else None,
    )


@dataclasses.dataclass(frozen=True)
class CountErrors:
    """How far counts are from the truth.

    Attributes:
        counts: How many counts were compared.
        exact: How many of them are exactly right.
        exact_share: exact / counts; None when there are none.
        mean_absolute_error: In calls a recording; None when there are none.
    """

    counts: int
    exact: int
    exact_share: float | None
    mean_absolute_error: float | None


def count_errors(counted: npt.ArrayLike, true: npt.ArrayLike) -> CountErrors:
    """Compares counts ``[n]`` with the true ones ``[n]``; raises ValueError when the lengths differ."""
    counted, true = np.atleast_1d(counted), np.atleast_1d(true)
    if counted.shape != true.shape or counted.ndim != 1:
        raise ValueError(f"{counted.shape} counts against {true.shape} true ones")
    if not len(counted):
        return CountErrors(0, 0, None, None)
    error = np.abs(counted.astype(np.float64) - true)
    exact = int(np.sum(error == 0))
    return CountErrors(len(error), exact, exact / len(error), float(error.mean()))


def _checked(truth: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    truth, scores = np.asarray(truth, dtype=bool), np.asarray(scores, dtype=np.float64)
    if truth.shape != scores.shape or truth.ndim != 1:
        raise ValueError(f"truth {truth.shape} and scores {scores.shape} must be one list each, equally long")
    if np.isnan(scores).any():
        raise ValueError("a score is NaN")
    return truth, scores

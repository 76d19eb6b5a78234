"""Scores, calls and counts against the truth: one label, any number of recordings."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np

from soundbeam.model.evaluation.metrics import (
    CountErrors,
    EventScores,
    average_precision,
    count_errors,
    match_events,
    precision_recall_f1,
    roc_auc,
)
from soundbeam.model.evaluation.reliability import reliability

POSITIVE, NEGATIVE, AMBIGUOUS = 1, 0, -1
_TOLERANCE_S = 1e-6  # annotations are rounded, windows are not


def window_truth(start_s: np.ndarray, end_s: np.ndarray, annotations: np.ndarray) -> np.ndarray:
    """Which windows hold a call.

    A window is positive when it holds at least half of an annotated call, or when calls fill at least half of the
    window (so a call much longer than a window makes its windows positive, and one much shorter too). A window that no
    call touches is negative. All others hold a lesser part of a call: a good detector may score them either way, so
    they are ambiguous and stay out of average precision and ROC AUC. Windows of any length and hop are judged by the
    same rule.

    Args:
        start_s: ``[windows]``, ascending.
        end_s: ``[windows]``, ascending.
        annotations: ``[calls, 2]``: start and end, in any order; they may overlap.

    Returns:
        int8 ``[windows]``: POSITIVE, NEGATIVE or AMBIGUOUS.
    """
    start_s, end_s = np.asarray(start_s, np.float64), np.asarray(end_s, np.float64)
    annotations = np.asarray(annotations, np.float64).reshape(-1, 2)
    truth = np.full(len(start_s), NEGATIVE, np.int8)
    positive = np.zeros(len(start_s), bool)
    filled = np.zeros(len(start_s))
    for (call_start, call_end), merged in [(c, False) for c in annotations] + [(c, True) for c in _union(annotations)]:
        first = int(np.searchsorted(end_s, call_start + _TOLERANCE_S, "right"))
        stop = max(first, int(np.searchsorted(start_s, call_end - _TOLERANCE_S, "left")))
        shared = np.minimum(end_s[first:stop], call_end) - np.maximum(start_s[first:stop], call_start)
        if merged:
            filled[first:stop] += shared
        else:
            truth[first:stop] = AMBIGUOUS
            positive[first:stop] |= shared >= (call_end - call_start) / 2 - _TOLERANCE_S
    positive |= (truth == AMBIGUOUS) & (filled >= (end_s - start_s) / 2 - _TOLERANCE_S)
    truth[positive] = POSITIVE
    return truth


def _union(intervals: np.ndarray) -> list[list[float]]:
    merged: list[list[float]] = []
    for start, end in sorted(intervals.tolist()):
        if merged and start <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([start, end])
    return merged


@dataclasses.dataclass(frozen=True, eq=False)
class RecordingOutcome:
    """The detected calls of one label in one recording, and the annotated ones.

    Attributes:
        calls: ``[n, 2]``: start and end of the detected calls, seconds.
        counted: How many calls, as the table of counts has it.
        annotations: ``[m, 2]``.
        start_s: ``[windows]``, ascending.
        end_s: ``[windows]``.
        scores: ``[windows]``: this label's.
        interval: The least and the greatest number of calls that the table says there may be; None: it does not say.
    """

    calls: np.ndarray
    counted: int
    annotations: np.ndarray
    start_s: np.ndarray
    end_s: np.ndarray
    scores: np.ndarray
    interval: tuple[int, int] | None = None


@dataclasses.dataclass(frozen=True)
class Intervals:
    """Whether counts' intervals hold the true counts.

    Attributes:
        intervals: How many there are.
        covered: How many of them hold the true count.
        mean_width: Greatest less least, in calls; None where there are none.
    """

    intervals: int
    covered: int
    mean_width: float | None


@dataclasses.dataclass(frozen=True)
class WindowScores:
    """How well scores part the windows with a call from those without (see `window_truth`).

    Attributes:
        positive: Windows with a call.
        negative: Windows without.
        ambiguous: Windows left out.
        average_precision: None when no window is positive.
        roc_auc: None unless there are positive and negative windows.
    """

    positive: int
    negative: int
    ambiguous: int
    average_precision: float | None
    roc_auc: float | None


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """One label's figures over all recordings.

    Attributes:
        counts: Of the recordings.
        events: Of the calls.
        windows: Of the scores.
        matched: For each recording, how many of its calls match an annotation.
        intervals: Of the counts.
        calibration_error: Expected calibration error of the scores of windows that are not ambiguous; None without.
    """

    counts: CountErrors
    events: EventScores
    windows: WindowScores
    matched: tuple[int, ...]
    intervals: Intervals
    calibration_error: float | None


def evaluate(outcomes: Iterable[RecordingOutcome]) -> Evaluation:
    """One label's figures; windows of all recordings are ranked together."""
    outcomes = list(outcomes)
    matched = tuple(len(match_events(o.calls, o.annotations)) for o in outcomes)
    truth = np.concatenate(
        [window_truth(o.start_s, o.end_s, o.annotations) for o in outcomes] or [np.empty(0, np.int8)]
    )
    scores = np.concatenate([o.scores for o in outcomes] or [np.empty(0)])
    clear = truth != AMBIGUOUS
    return Evaluation(
        count_errors([o.counted for o in outcomes], [len(o.annotations) for o in outcomes]),
        precision_recall_f1(
            sum(matched), sum(len(o.calls) for o in outcomes), sum(len(o.annotations) for o in outcomes)
        ),
        WindowScores(
            int(np.sum(truth == POSITIVE)),
            int(np.sum(truth == NEGATIVE)),
            int(np.sum(truth == AMBIGUOUS)),
            average_precision(truth[clear] == POSITIVE, scores[clear]),
            roc_auc(truth[clear] == POSITIVE, scores[clear]),
        ),
        matched,
        _intervals(outcomes),
        reliability(truth[clear] == POSITIVE, scores[clear]).expected_calibration_error,
    )


def _intervals(outcomes: list[RecordingOutcome]) -> Intervals:
    intervals = [(*o.interval, len(o.annotations)) for o in outcomes if o.interval]
    covered = sum(low <= true <= high for low, high, true in intervals)
    width = float(np.mean([high - low for low, high, _ in intervals])) if intervals else None
    return Intervals(len(intervals), covered, width)

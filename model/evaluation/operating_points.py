"""Thresholds that give calls a precision, or the best F1: one label, any number of recordings."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np

from soundbeam.model.classifier.calibration import log_odds, sigmoid
from soundbeam.model.classifier.calls import CallRules, find_calls, find_peaks
from soundbeam.model.evaluation.detection import RecordingOutcome
from soundbeam.model.evaluation.metrics import EventScores, match_events, precision_recall_f1

_TRIED = 32  # thresholds, before those between two of them


@dataclasses.dataclass(frozen=True)
class OperatingPoint:
    """A threshold, and how well the calls that it gives meet the annotations."""

    threshold: float
    events: EventScores


def threshold_for_precision(
    outcomes: Iterable[RecordingOutcome], precision: float, rules: CallRules
) -> tuple[OperatingPoint | None, bool]:
    """The lowest threshold whose calls are right often enough: of those, the one that misses least.

    Calls come and go where a threshold passes a peak of the scores (`model.classifier.calls.find_peaks`), so one
    threshold is tried between any two neighbouring heights, upwards. Of more than 32, evenly spread ones
    are tried, then those below the first that reaches it. Where precision falls again on the way up, a lower one may be
    missed.

    Args:
        outcomes: One label's; their ``calls`` and ``counted`` do not matter, the calls are detected anew.
        precision: To be reached: above 0, at most 1.
        rules: How windows become calls.

    Returns:
        The point, and whether it reaches the precision. If none does it is the one with the best; None where no
        threshold gives a call.
    """
    outcomes = list(outcomes)
    between, tops = _between_peaks(outcomes, rules, 0.0)
    best: OperatingPoint | None = None
    low, high = 0, len(between)  # below low none reaches it; at high one does, or there are no more
    reached = False
    while low < high:
        for i in np.unique(np.linspace(low, high - 1, min(_TRIED, high - low)).round().astype(int)).tolist():
            point = _point(outcomes, tops, _round(1 / (1 + np.exp(-between[i]))), rules)
            reached_precision = point.events.precision
            if reached_precision is not None and reached_precision >= precision:
                best, reached, high = point, True, i
                break
            if (
                not reached
                and reached_precision is not None
                and (best is None or reached_precision > (best.events.precision or 0))
            ):
                best = point
            low = i + 1
    return best, reached


def best_threshold(
    outcomes: Iterable[RecordingOutcome], rules: CallRules, lowest: float = 0.0, precision: float | None = None
) -> OperatingPoint | None:
    """The threshold whose calls have the best F1, of those with a precision; of equally good ones the middle one.

    Thresholds are tried between the heights of peaks. Of more than 64, some are tried that are evenly spread in
    log-odds, then those round the best. A narrow maximum elsewhere may be missed.

    Args:
        outcomes: One label's; their ``calls`` and ``counted`` do not matter, the calls are detected anew.
        rules: How windows become calls.
        lowest: No lower threshold is tried: lower scores are not known.
        precision: To be reached; where none does, it is the threshold with the best one. None: any will do.

    Returns:
        None where no threshold gives a call that is right.
    """
    outcomes = list(outcomes)
    between, tops = _between_peaks(outcomes, rules, lowest)

    def worth(point: OperatingPoint) -> float:
        reached = point.events.precision or 0.0
        return (point.events.f1 or 0.0) if precision is None or reached >= precision else reached - 1

    points: dict[int, OperatingPoint] = {}
    low, high, tried = 0, len(between) - 1, -1
    while high >= 0 and len(points) > tried:
        tried = len(points)
        spread = np.searchsorted(between, np.linspace(between[low], between[high], 2 * _TRIED)).clip(low, high)
        for i in np.unique(spread).tolist():
            points[i] = points.get(i) or _point(outcomes, tops, _round(float(sigmoid(between[i]))), rules)
        best = max(map(worth, points.values()))
        good = [i for i in sorted(points) if worth(points[i]) == best]
        low = max((i for i in points if i < good[0]), default=good[0])
        high = min((i for i in points if i > good[0]), default=good[0])
    if not points or not points[good[0]].events.matched:
        return None
    return points[min(good, key=lambda i: abs(2 * i - good[0] - good[-1]))]


def _between_peaks(outcomes: list[RecordingOutcome], rules: CallRules, lowest: float) -> tuple[np.ndarray, list[float]]:
    """Log-odds between those of neighbouring peaks, ascending; and each recording's highest peak."""
    tops, heights = [], [np.empty(0)]
    for o in outcomes:
        if len(o.scores):
            height, peaks = find_peaks(np.asarray(o.start_s, np.float64), np.asarray(o.scores, np.float64), rules)
            heights.append(height[peaks])
        tops.append(float(heights[-1].max()) if len(o.scores) else -np.inf)
    levels, floor = np.unique(np.concatenate(heights)), float(log_odds(lowest))
    levels = levels[levels > floor + 1e-6]
    below = np.concatenate([np.maximum(levels[:1] - 0.1, floor), levels[:-1]])
    return (levels + below) / 2, tops


def _point(outcomes: list[RecordingOutcome], tops: list[float], threshold: float, rules: CallRules) -> OperatingPoint:
    matched = total = 0
    for o, top in zip(outcomes, tops, strict=True):
        if top >= log_odds(threshold):
            calls = find_calls(o.start_s, o.end_s, o.scores, threshold, rules)
            matched += len(match_events([(call.start_s, call.end_s) for call in calls], o.annotations))
            total += len(calls)
    return OperatingPoint(threshold, precision_recall_f1(matched, total, sum(len(o.annotations) for o in outcomes)))


def _round(share: float) -> float:
    """To four digits, of its distance to 1 where that is nearer."""
    return float(f"{share:.4g}") if share < 0.5 else round(1 - float(f"{1 - share:.4g}"), 9)

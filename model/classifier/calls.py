"""Scores of windows → calls: neighbouring windows over the threshold are one call; a dip in the score separates two."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np

from soundbeam.model.classifier.calibration import log_odds

_ROUNDING_S = 1e-6  # windows that touch may be this far apart
_DIGITS = 9  # of smoothed log-odds, behind the point


@dataclasses.dataclass(frozen=True)
class CallRules:
    """How windows become calls; chosen in training, kept in the bundle.

    Attributes:
        smooth_s: The log-odds of windows that start within ± half of this are averaged; 0: not smoothed.
        dip: Two calls are separated where the smoothed log-odds between them fall by at least this below the
            lower of their peaks; a shallower dip, even below the threshold, leaves one call.
        min_gap_s: Two peaks nearer than this are one call, however deep the dip.
        runs: A call is instead a run of neighbouring windows at or above the threshold, whatever its peaks. For
            windows side by side, and scores that nobody tuned rules for.
    """

    smooth_s: float = 0.0
    dip: float = 1.0
    min_gap_s: float = 0.0
    runs: bool = False


@dataclasses.dataclass(frozen=True)
class Call:
    """One event.

    Attributes:
        start_s: Seconds from the start of the recording.
        end_s: Its end; never after the end of the recording, nor after the next call's start.
        score: The highest score of its windows.
        expected: How far its label is expected there and then, 0 to 1; None: that is not known.
    """

    start_s: float
    end_s: float
    score: float
    expected: float | None = None


def find_calls(
    start_s: np.ndarray,
    end_s: np.ndarray,
    scores: np.ndarray,
    threshold: float,
    rules: CallRules | None = None,
    peaks: tuple[np.ndarray, list[int]] | None = None,
) -> list[Call]:
    """Finds the calls of one label in one recording.

    A call is a peak (see ``find_peaks``) whose smoothed score is at or above the threshold, or a run of windows whose
    score is (``CallRules.runs``). From the windows over the threshold that belong to it, its extent is what they have
    in common when they are few, and what they cover, less half of their overlap, when they are many.

    Args:
        start_s: float64 ``[windows]``, ascending; the last one may be closer to its neighbour than a hop.
        end_s: float64 ``[windows]``.
        scores: float ``[windows]``, 0 to 1.
        threshold: A window scored below it never makes a call.
        rules: None: the defaults.
        peaks: What ``find_peaks`` returns for these scores and rules; None: it is called here.

    Returns:
        In order of time; they do not overlap each other.
    """
    rules = rules or CallRules()
    start_s, end_s = np.asarray(start_s, np.float64), np.asarray(end_s, np.float64)
    scores = np.asarray(scores, np.float64)
    if not len(scores):
        return []
    if rules.runs:
        over = np.flatnonzero(scores >= threshold)
        groups = np.split(over, np.flatnonzero(np.diff(over) > 1) + 1)
    else:
        height, peak_windows = peaks or find_peaks(start_s, scores, rules)
        over = np.flatnonzero(height >= log_odds(threshold))
        valleys = [_valley(height, a, b) for a, b in itertools.pairwise(peak_windows)]
        groups = np.split(over, np.searchsorted(over, valleys))
    hop = float(start_s[1] - start_s[0]) if len(start_s) > 1 else float(end_s[0] - start_s[0])
    calls: list[Call] = []
    for windows in groups:
        if not len(windows):
            continue
        first, last = int(windows[0]), int(windows[-1])
        score = float(scores[slice(*_reach(start_s, start_s[first], start_s[last], rules.smooth_s))].max())
        if score < threshold:  # score and threshold are so near to 0 or 1 that their log-odds are equal
            continue
        begin, end = _extent(start_s, end_s, first, last, hop)
        if calls and begin < calls[-1].end_s:
            begin = (max(calls[-1].start_s, begin) + min(calls[-1].end_s, end)) / 2  # they meet midway
            calls[-1] = dataclasses.replace(calls[-1], end_s=begin)
        calls.append(Call(begin, end, score))
    return calls


def contiguous(start_s: np.ndarray, end_s: np.ndarray) -> list[slice]:
    """The stretches of windows without a gap between them: what was not recorded, or not scored, parts calls.

    Args:
        start_s: float64 ``[windows]``, ascending.
        end_s: float64 ``[windows]``.

    Example:
        >>> contiguous(np.array([0.0, 1.0, 7.0]), np.array([2.0, 3.0, 9.0]))
        [slice(0, 2, None), slice(2, 3, None)]
    """
    gaps = np.flatnonzero(start_s[1:] > end_s[:-1] + _ROUNDING_S) + 1
    bounds = [0, *gaps.tolist(), len(start_s)]
    return [slice(a, b) for a, b in itertools.pairwise(bounds) if a < b]


def find_peaks(start_s: np.ndarray, scores: np.ndarray, rules: CallRules) -> tuple[np.ndarray, list[int]]:
    """Finds the peaks that may be calls, before any threshold.

    A peak of the smoothed log-odds counts when its prominence (its height above the higher of the valleys that separate
    it from higher peaks) is at least ``rules.dip``, and no higher one lies nearer than ``rules.min_gap_s``.

    Args:
        start_s: float64 ``[windows]``, ascending, at least one.
        scores: float64 ``[windows]``.
        rules: How to smooth, and when to separate two peaks.

    Returns:
        The smoothed log-odds float64 ``[windows]``, and the peaks' indices in order.
    """
    height = smoothed(start_s, log_odds(scores), rules.smooth_s)
    return height, _drop_near(start_s, height, _prominent(height, rules.dip), rules.min_gap_s)


def smoothed(start_s: np.ndarray, values: np.ndarray, smooth_s: float) -> np.ndarray:
    """``[n]`` → ``[n]``: the mean of the values whose windows start within ± ``smooth_s`` / 2."""
    if smooth_s <= 0 or len(values) < 2:
        return values
    low, high = _reach(start_s, start_s, start_s, smooth_s)
    total = np.concatenate([[0.0], np.cumsum(values)])
    # Sums of equal values differ in their last digits, and would set the valley of a plateau anywhere on it.
    return np.round((total[high] - total[low]) / (high - low), _DIGITS)


def _reach(start_s: np.ndarray, first: np.ndarray, last: np.ndarray, smooth_s: float) -> tuple[np.ndarray, np.ndarray]:
    """The slices of windows that start between first − smooth_s / 2 and last + smooth_s / 2."""
    reach = smooth_s / 2 + 1e-6
    return np.searchsorted(start_s, first - reach, "left"), np.searchsorted(start_s, last + reach, "right")


def _prominent(height: np.ndarray, dip: float) -> list[int]:
    """Indices of peaks separated by a fall and a rise of at least ``dip``; one pass, the first of equal ones."""
    change = np.flatnonzero(np.diff(height) != 0)
    ridge = np.concatenate([[0], change + 1])  # one index for each run of equal values
    peaks: list[int] = []
    best, valley = int(ridge[0]), float("inf")
    for i in ridge[1:].tolist():
        value = height[i]
        if value > height[best] and height[best] - valley < dip:
            best, valley = i, float("inf")
        elif value - valley >= dip and height[best] - valley >= dip:
            peaks.append(best)
            best, valley = i, float("inf")
        else:
            valley = min(valley, value)
    return [*peaks, best]


def _drop_near(start_s: np.ndarray, height: np.ndarray, peaks: list[int], min_gap_s: float) -> list[int]:
    """Drops the lower of two peaks that are nearer than the gap, starting from the highest peak."""
    if min_gap_s <= 0 or len(peaks) < 2:
        return peaks
    kept = np.ones(len(peaks), bool)
    peak_s = start_s[peaks]
    for i in sorted(range(len(peaks)), key=lambda i: (-height[peaks[i]], i)):
        if kept[i]:
            near = np.abs(peak_s - peak_s[i]) < min_gap_s - 1e-6
            near[i] = False
            kept &= ~near
    return [p for p, keep in zip(peaks, kept, strict=True) if keep]


def _valley(height: np.ndarray, a: int, b: int) -> int:
    """The lowest window between two peaks (the middle one of equals); the later call starts there."""
    between = height[a : b + 1]
    lowest = np.flatnonzero(between == between.min())
    return a + int(lowest[len(lowest) // 2])


def _extent(start_s: np.ndarray, end_s: np.ndarray, first: int, last: int, hop: float) -> tuple[float, float]:
    """Start and end of a call whose windows over the threshold are ``first`` … ``last``."""
    window = float(end_s[first] - start_s[first])
    margin = max(0.0, (window - hop) / 2)
    begin = min(start_s[last], start_s[first] + margin)
    end = max(end_s[first], end_s[last] - margin)
    return float(max(begin, 0.0)), float(min(end, end_s[-1]))

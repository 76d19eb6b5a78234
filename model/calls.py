"""Scores of windows → calls: neighbouring windows over the threshold become one, a dip in the score tells two apart."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np

_SATURATED = 1e-4  # scores nearer than this to 0 or 1 say nothing more


@dataclasses.dataclass(frozen=True)
class CallRules:
    """How windows become calls; chosen in training, kept in the bundle.

    Attributes:
        smooth_s: The log-odds of windows that start within ± half of this are averaged; 0: not smoothed.
        dip: Two calls are told apart where the smoothed log-odds between them fall by at least this below the
            lower of their peaks; a shallower dip, even below the threshold, leaves one call.
        min_gap_s: Two peaks nearer than this are one call, however deep the dip.
    """

    smooth_s: float = 0.0
    dip: float = 1.0
    min_gap_s: float = 0.0


@dataclasses.dataclass(frozen=True)
class Call:
    """One event.

    Attributes:
        start_s: Seconds from the start of the recording.
        end_s: Its end; never after the end of the recording, nor after the next call's start.
        score: The highest score of its windows.
    """

    start_s: float
    end_s: float
    score: float


def find_calls(
    start_s: np.ndarray, end_s: np.ndarray, scores: np.ndarray, threshold: float, rules: CallRules | None = None
) -> list[Call]:
    """The calls of one label in one recording.

    A call is a peak of the smoothed log-odds whose prominence (its height above the higher of the valleys that part
    it from higher peaks) is at least ``rules.dip``, with both the smoothed score and at least one of its windows'
    own scores at or above the threshold. From the windows over the threshold that belong to it, its extent is what
    they have in common when they are few, and what they cover, less half of their overlap, when they are many.

    Args:
        start_s: float64 ``[windows]``, ascending; the last one may be closer to its neighbour than a hop.
        end_s: float64 ``[windows]``.
        scores: float ``[windows]``, 0 to 1.
        threshold: A window scored below it never makes a call.
        rules: None: the defaults.

    Returns:
        In order of time; they do not overlap each other.
    """
    rules = rules or CallRules()
    start_s, end_s = np.asarray(start_s, np.float64), np.asarray(end_s, np.float64)
    scores = np.asarray(scores, np.float64)
    if not len(scores):
        return []
    height = smoothed(start_s, log_odds(scores), rules.smooth_s)
    over = (height >= log_odds(threshold)) & (scores >= threshold)
    peaks = _drop_near(start_s, height, _prominent(height, rules.dip), rules.min_gap_s)
    hop = float(start_s[1] - start_s[0]) if len(start_s) > 1 else float(end_s[0] - start_s[0])
    bounds = [0, *(_valley(height, a, b) for a, b in itertools.pairwise(peaks)), len(scores)]
    calls: list[Call] = []
    for first, stop in itertools.pairwise(bounds):
        windows = first + np.flatnonzero(over[first:stop])
        if not len(windows):
            continue
        begin, end = _extent(start_s, end_s, int(windows[0]), int(windows[-1]), hop)
        if calls and begin < calls[-1].end_s:
            begin, before = _part(calls[-1], begin, end)
            calls[-1] = dataclasses.replace(calls[-1], end_s=before)
        calls.append(Call(begin, end, float(scores[windows].max())))
    return calls


def log_odds(score: np.ndarray | float) -> np.ndarray:
    """log(p / (1 − p)), finite for saturated scores."""
    score = np.clip(score, _SATURATED, 1 - _SATURATED)
    return np.log(score) - np.log1p(-score)


def smoothed(start_s: np.ndarray, values: np.ndarray, smooth_s: float) -> np.ndarray:
    """``[n]`` → ``[n]``: the mean of the values whose windows start within ± ``smooth_s`` / 2."""
    if smooth_s <= 0 or len(values) < 2:
        return values
    reach = smooth_s / 2 + 1e-6
    low = np.searchsorted(start_s, start_s - reach, "left")
    high = np.searchsorted(start_s, start_s + reach, "right")
    total = np.concatenate([[0.0], np.cumsum(values)])
    return (total[high] - total[low]) / (high - low)


def _prominent(height: np.ndarray, dip: float) -> list[int]:
    """Indices of peaks that a fall and a rise of at least ``dip`` part from each other; one pass, first of equals."""
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
    """Of two peaks nearer than the gap the lower goes, highest peaks first."""
    if min_gap_s <= 0 or len(peaks) < 2:
        return peaks
    kept = np.ones(len(peaks), bool)
    at = start_s[peaks]
    for i in sorted(range(len(peaks)), key=lambda i: (-height[peaks[i]], i)):
        if kept[i]:
            near = np.abs(at - at[i]) < min_gap_s - 1e-6
            near[i] = False
            kept &= ~near
    return [p for p, keep in zip(peaks, kept, strict=True) if keep]


def _valley(height: np.ndarray, a: int, b: int) -> int:
    """The lowest window between two peaks (the middle one of equals); the later call starts there."""
    between = height[a : b + 1]
    lowest = np.flatnonzero(between == between.min())
    return a + int(lowest[len(lowest) // 2])


def _extent(start_s: np.ndarray, end_s: np.ndarray, first: int, last: int, hop: float) -> tuple[float, float]:
    """Where a call lies whose windows over the threshold are ``first`` … ``last``."""
    window = float(end_s[first] - start_s[first])
    margin = max(0.0, (window - hop) / 2)
    begin = min(start_s[last], start_s[first] + margin)
    end = max(end_s[first], end_s[last] - margin)
    return float(max(begin, 0.0)), float(min(end, end_s[-1]))


def _part(call: Call, begin: float, end: float) -> tuple[float, float]:
    """Two overlapping calls → (start of the later, end of the earlier): they meet in the middle of their overlap."""
    meeting = (max(call.start_s, begin) + min(call.end_s, end)) / 2
    return meeting, meeting

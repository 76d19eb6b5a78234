"""Thresholds, chosen so that counts come out right."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from soundbeam.model.classifier.calls import CallRules, find_peaks
from soundbeam.model.training.soundscape_scores import SoundscapeScores

_THRESHOLDS = np.arange(-5.0, 9.01, 0.25)  # log-odds
_LEAST_GAIN = 0.02  # errors that differ by less count as equal
_PLATEAU = 0.75  # the error at a threshold includes those within this of it: a narrow minimum is luck


def candidate_rules(window_s: float, hop_s: float) -> list[CallRules]:
    """The rules worth trying, the likeliest first; where windows overlap by half or less only the dip matters."""
    fine = hop_s < window_s / 2
    smooth = [s for s in (1.0, 0.0, 1.5, 2.0) if s == 0 or (fine and s < window_s)]
    gaps = [0.5 * window_s, 0.25 * window_s, 0.75 * window_s, 0.0] if fine else [0.0]
    return [CallRules(s, d, g) for d, s, g in itertools.product((1.0, 0.5, 1.5, 2.0, 0.25, 3.0), smooth, gaps)]


def count_table(scored: Sequence[SoundscapeScores], rules: CallRules) -> np.ndarray:
    """int ``[soundscapes, thresholds]``: calls at each threshold."""
    table = np.zeros((len(scored), len(_THRESHOLDS)), np.int64)
    for row, s in zip(table, scored, strict=True):
        if len(s.scores):
            height, peaks = find_peaks(s.start_s, s.scores, rules)
            row[:] = (height[peaks][:, None] >= _THRESHOLDS[None, :]).sum(axis=0)
    return table


def choose_rules(scored: Sequence[SoundscapeScores], candidates: Sequence[CallRules]) -> tuple[CallRules, float]:
    """The rules with the least error of the counts, and the middle of the thresholds that are as good as the best.

    The error at a threshold is mean absolute error + share of counts that are not exact, averaged over the threshold
    and its neighbours. A threshold is as good as the best one if its error is worse by less than the standard error of
    the best one's (after the one-standard-error rule of Breiman et al., Classification and Regression Trees, 1984), and
    nearer to it than to the error of finding no call at all, which is small where calls are rare. The middle is as far
    as possible from misses and from false alarms.

    Returns:
        The rules, and the threshold as a score.
    """
    truth = np.array([len(s.calls) for s in scored])[:, None]
    nothing = (np.minimum(truth, 5) + (truth > 0)).mean()
    best, chosen = float("inf"), (candidates[0], 0.5)
    for rules in candidates:
        wrong = np.abs(count_table(scored, rules) - truth)
        costs = np.minimum(wrong, 5) + (wrong > 0)
        mean = _smooth(costs.mean(axis=0))
        at = int(np.argmin(mean))
        if mean[at] < best - _LEAST_GAIN:
            error = min(costs[:, at].std() / np.sqrt(len(scored)), (nothing - mean[at]) / 2)
            worse = np.flatnonzero(mean > mean[at] + max(error, _LEAST_GAIN))
            low, high = worse[worse < at].max(initial=-1) + 1, worse[worse > at].min(initial=len(mean)) - 1
            middle = (_THRESHOLDS[low] + _THRESHOLDS[high]) / 2
            best, chosen = float(mean[at]), (rules, float(1 / (1 + np.exp(-middle))))
    return chosen


def _smooth(cost: np.ndarray) -> np.ndarray:
    """``[thresholds]`` → the same: the mean over those within ``_PLATEAU``."""
    width = round(_PLATEAU / (_THRESHOLDS[1] - _THRESHOLDS[0]))
    return np.convolve(np.pad(cost, width, mode="edge"), np.ones(2 * width + 1) / (2 * width + 1), "valid")

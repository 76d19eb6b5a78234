"""The scores that another output gives the same windows."""

from __future__ import annotations

import numpy as np

from soundbeam.model.estimation.drawing import log_odds, microseconds
from soundbeam.pipelines.results import check_one_channel
from soundbeam.pipelines.review.population import Population, Windows
from soundbeam.pipelines.window_scores import read_window_scores


class ComparedScores:
    """Compares windows with those of another output, by their recordings and times.

    Args:
        output: The other output folder.
        population: The windows that are compared; the other output has their label too.

    Raises:
        ResultsError: One of the two has no predictions, or was scanned channel by channel.
        OptionError: The other output does not have the label.
    """

    def __init__(self, output: str, population: Population):
        other = Population(output, population.label)
        for of_each in (other, population):
            check_one_channel({"channel": of_each.parameters.channel}, of_each.output)
        self._output, self._label = output, population.label
        self._reach_us = int(microseconds(np.array(other.parameters.window_s / 2)))
        self._floor = np.float32(other.parameters.min_score or 0.0)

    def differences(self, windows: Windows) -> np.ndarray:
        """How far the log-odds of each window's two scores are apart, float64 ``[n]``.

        A window is compared with the one that starts nearest, at most half a window away; −∞ where there is none. A
        score that the other output did not keep is taken as the lowest that it keeps.
        """
        apart = np.full(len(windows.score), -np.inf)
        others = read_window_scores(self._output, windows.names, [self._label])
        for code, name in enumerate(windows.names):
            if name not in others:
                continue
            own = np.flatnonzero(windows.recording == code)
            starts_us = microseconds(others[name].start_s)
            nearest = _nearest(starts_us, windows.start_us[own])
            near = np.abs(starts_us[nearest] - windows.start_us[own]) <= self._reach_us
            scores = np.maximum(others[name].scores[nearest, 0], self._floor)
            apart[own[near]] = np.abs(log_odds(windows.score[own]) - log_odds(scores))[near]
        return apart


def _nearest(ascending: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The position of the nearest of some ascending numbers, for each of some values."""
    after = np.clip(np.searchsorted(ascending, values), 0, len(ascending) - 1)
    before = np.maximum(after - 1, 0)
    return np.where(values - ascending[before] <= ascending[after] - values, before, after)

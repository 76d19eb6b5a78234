"""The interval of a number of calls over many recordings."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from soundbeam.model.classifier.calibration import sigmoid
from soundbeam.model.classifier.count_interval import COVERAGE, CountModel

_EXACT = 400  # peaks; of more the sum is normal
_STEP = 0.05  # of log-odds
_MOST = 17.0  # float32 scores have no log-odds beyond


class PeakHeights:
    """How many peaks of the scores have which height, in bins of 0.05 of log-odds: bounded memory for any number.

    Args:
        floor: The model's: lower peaks are left out.
    """

    def __init__(self, floor: float):
        self.floor = floor
        self.numbers = np.zeros(int(np.ceil((_MOST - floor) / _STEP)) + 1, np.int64)

    def add(self, heights: np.ndarray) -> None:
        """Counts peaks in, by their smoothed log-odds ``[peaks]``."""
        kept = heights[heights >= self.floor]
        bins = np.minimum((kept - self.floor) / _STEP, len(self.numbers) - 1).astype(np.int64)
        self.numbers += np.bincount(bins, minlength=len(self.numbers))

    def interval(self, model: CountModel, counted: int) -> tuple[int, int]:
        """The 5 and 95 % quantiles of the number of calls in all recordings together, widened to hold what was counted.

        What the recordings' errors share is told apart from what each has of its own. The classifier's draws (slope,
        bias, missed) are one for all recordings: each gives a total of its own, and the distribution is their mixture.
        Within a draw, each peak is a call or not by itself, so that those errors cancel as the corpus grows.

        Args:
            model: The classifier's.
            counted: How many calls were found.
        """
        heights = self.floor + _STEP * (np.arange(len(self.numbers)) + 0.5)
        filled = self.numbers > 0
        heights, numbers = heights[filled], self.numbers[filled]
        if numbers.sum() <= _EXACT:
            return model.interval(np.repeat(heights, numbers), counted)
        slope, bias, missed = np.array(model.draws).T
        p = sigmoid(slope[:, None] * heights + bias[:, None])
        mean = (1 + missed) * (p @ numbers)
        deviation = np.sqrt((p * (1 - p)) @ numbers + missed * (p @ numbers)) + 1e-9
        ends = (_quantile(mean, deviation, share) for share in ((1 - COVERAGE) / 2, (1 + COVERAGE) / 2))
        low, high = (max(0, round(end)) for end in ends)
        return min(low, counted), max(high, counted)


def _quantile(mean: np.ndarray, deviation: np.ndarray, share: float) -> float:
    """A quantile of the mixture, in equal parts, of normal distributions."""
    low, high = float((mean - 9 * deviation).min()), float((mean + 9 * deviation).max())
    for _ in range(60):
        middle = (low + high) / 2
        if ndtr((middle - mean) / deviation).mean() < share:
            low = middle
        else:
            high = middle
    return (low + high) / 2

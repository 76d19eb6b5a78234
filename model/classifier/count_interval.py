"""The uncertainty of a count: from the peaks of the scores to an interval of counts."""

from __future__ import annotations

import bisect
import dataclasses
from collections.abc import Sequence
from math import erf

import numpy as np

from soundbeam.model.classifier.calibration import MIN_WINDOWS, log_odds, logistic_fit, sigmoid

COVERAGE = 0.9  # share of the counts that an interval is to hold
_MIN_PROBABILITY = 0.05  # a peak with a lower probability counts as no call
_DRAWS = 32
_MAX_EXACT = 400  # peaks; of more the sum is normal
_MIN_SOUNDSCAPES = 5  # soundscapes of a draw


@dataclasses.dataclass(frozen=True)
class CountModel:
    """A distribution of the number of calls in a recording, given the peaks of its scores.

    A peak of the smoothed log-odds h is one true call with probability σ(slope · h + bias); for each true call of this
    kind there are ``missed`` more without a peak of their own. How many calls there are is then Poisson-binomial
    (Hong, On computing the distribution function for the Poisson binomial distribution, 2013), and a Poisson number of
    missed ones more. The uncertainty of slope, bias and missed widens the distribution: it is the mean over draws of
    the three.

    Attributes:
        floor: Peaks with a lower h are ignored.
        draws: (slope, bias, missed), all equally likely.
    """

    floor: float = float(log_odds(_MIN_PROBABILITY))
    draws: tuple[tuple[float, float, float], ...] = ((1.0, 0.0, 0.0),)

    def interval(self, heights: np.ndarray, counted: int) -> tuple[int, int]:
        """The 5 and 95 % quantiles of the number of calls, widened to hold what was counted.

        Args:
            heights: The smoothed log-odds of all peaks, float64 ``[peaks]``.
            counted: How many calls were found.

        Returns:
            The lowest and the highest count; the true one lies between them nine times in ten.
        """
        heights = np.asarray(heights, np.float64)
        heights = heights[heights >= self.floor]
        slope, bias, missed = np.array(self.draws).T
        p = sigmoid(slope[:, None] * heights + bias[:, None])
        ends = (1 - COVERAGE) / 2, (1 + COVERAGE) / 2
        if not len(heights):
            low = high = 0
        elif len(heights) <= _MAX_EXACT:
            low, high = np.searchsorted(_exact(p, missed), ends).tolist()
        else:
            most = int(8 * (1 + missed.max()) * len(heights)) + 8
            low, high = (bisect.bisect_left(range(most), end, key=lambda k: _normal(p, missed, k)) for end in ends)
        return min(low, counted), max(high, counted)


# For when nothing is held out to fit a model to: each peak is a call with the probability that its score states.
AS_SCORED = CountModel()


def poisson_binomial(p: np.ndarray) -> np.ndarray:
    """``[draws, n]`` probabilities of n things → ``[draws, n + 1]``: that so many of them are."""
    pmf = np.zeros((len(p), p.shape[1] + 1))
    pmf[:, 0] = 1.0
    for k in range(p.shape[1]):
        there = p[:, k : k + 1]
        pmf[:, 1 : k + 2] = pmf[:, 1 : k + 2] * (1 - there) + pmf[:, : k + 1] * there
        pmf[:, 0] *= 1 - there[:, 0]
    return pmf


def _exact(p: np.ndarray, missed: np.ndarray) -> np.ndarray:
    """The distribution function at 0, 1, …: the mean over the draws."""
    extra = missed * p.sum(axis=1)
    most = int(np.ceil(extra.max() + 8 * np.sqrt(extra.max()))) + 4
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, most + 1)))])
    k = np.arange(most + 1)
    poisson = np.exp(k * np.log(np.maximum(extra, 1e-300))[:, None] - extra[:, None] - logs)
    poisson[extra == 0] = k == 0
    both = np.mean([np.convolve(a, b) for a, b in zip(poisson_binomial(p), poisson, strict=True)], axis=0)
    return np.cumsum(both) / both.sum()


def _normal(p: np.ndarray, missed: np.ndarray, k: int) -> float:
    """The distribution function at k, where so many things are summed up that each draw's sum is normal."""
    mean = (1 + missed) * p.sum(axis=1)
    deviation = np.sqrt((p * (1 - p)).sum(axis=1) + missed * p.sum(axis=1)) + 1e-9
    return float(np.mean([0.5 + erf(z / 2**0.5) / 2 for z in ((k + 0.5 - mean) / deviation).tolist()]))


@dataclasses.dataclass(frozen=True, eq=False)
class Peaks:
    """The peaks of one label's scores in one soundscape.

    Attributes:
        heights: float64 ``[peaks]``: smoothed log-odds.
        true: bool ``[peaks]``: which are a call's, one peak for a call.
        calls: How many calls there are.
    """

    heights: np.ndarray
    true: np.ndarray
    calls: int


def match_peaks(heights: np.ndarray, start_s: np.ndarray, end_s: np.ndarray, calls: np.ndarray) -> Peaks:
    """Gives each call a peak: the highest peaks choose first, each the nearest free call that its window overlaps.

    Args:
        heights: float64 ``[peaks]``.
        start_s: Of the peaks' windows, float64 ``[peaks]``.
        end_s: Their ends.
        calls: ``[n, 2]``: start and end.
    """
    true, free = np.zeros(len(heights), bool), np.ones(len(calls), bool)
    for i in np.argsort(-heights, kind="stable"):
        shared = np.minimum(end_s[i], calls[:, 1]) - np.maximum(start_s[i], calls[:, 0])
        reached = np.flatnonzero(free & (shared > 0))
        if len(reached):
            distance = np.abs(calls[reached].sum(axis=1) - start_s[i] - end_s[i])
            free[reached[np.argmin(distance)]] = False
            true[i] = True
    return Peaks(heights, true, len(calls))


def fit_count_model(soundscapes: Sequence[Peaks], independent: int, seed: int) -> CountModel | None:
    """Fits slope, bias and missed calls to soundscapes, and draws of them that express their uncertainty.

    Every draw is fitted to as many soundscapes as there are independent ones, drawn with replacement (the m out of n
    bootstrap of Bickel, Götze & van Zwet, Statistica Sinica 7, 1997): 40 soundscapes of 6 birds say no more about the
    next bird than 6 do.

    Args:
        soundscapes: The peaks of soundscapes whose calls are known.
        independent: How many sources the calls come from.
        seed: Decides the draws.

    Returns:
        None where there are too few peaks of either kind.
    """
    fitted = _fit(soundscapes)
    if fitted is None or sum(s.true.sum() for s in soundscapes) < MIN_WINDOWS:
        return None
    slope, bias = fitted
    floor = float((log_odds(_MIN_PROBABILITY) - bias) / slope)
    rng = np.random.default_rng(seed)
    many = min(len(soundscapes), max(independent, _MIN_SOUNDSCAPES))
    draws = []
    for _ in range(_DRAWS):
        drawn = [soundscapes[i] for i in rng.integers(len(soundscapes), size=many)]
        matched = sum(int(s.true[s.heights >= floor].sum()) for s in drawn)
        missed = (sum(s.calls for s in drawn) - matched + 0.5) / (matched + 1)
        draws.append((*(round(v, 4) for v in (_fit(drawn) or fitted)), round(missed, 4)))
    return CountModel(round(floor, 4), tuple(draws))


def _fit(soundscapes: Sequence[Peaks]) -> tuple[float, float] | None:
    heights = np.concatenate([s.heights for s in soundscapes])
    true = np.concatenate([s.true for s in soundscapes])
    hits, others = int(true.sum()), int((~true).sum())
    if not hits or not others:
        return None
    targets = np.where(true, (hits + 1) / (hits + 2), 1 / (others + 2))
    slope, biases = logistic_fit(heights, np.zeros(len(heights), int), targets)
    return (slope, float(biases[0])) if slope > _MIN_PROBABILITY else None

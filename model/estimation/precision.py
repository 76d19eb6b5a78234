"""Precision and recall at every threshold, the threshold for a wanted precision, and the scores' calibration."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy.stats import beta

from soundbeam.model.estimation.score_fit import effective_weights
from soundbeam.model.estimation.totals import LEVEL, Estimate, Posterior

RELIABILITY_BINS = 10


@dataclasses.dataclass(frozen=True)
class StratumShare:
    """What the verdicts of one stratum say by themselves, and what the fit says of it.

    Attributes:
        windows: How many there are.
        judged, yes: How many were judged, and judged to have the sound.
        share: Of all its windows, by weight, with the interval by Jeffreys' prior; None where none was judged.
        fit: The same by the logistic of the score.
        disagrees: Whether the two intervals have nothing in common.
    """

    windows: int
    judged: int
    yes: int
    share: Estimate | None
    fit: Estimate
    disagrees: bool


def stratum_shares(posterior: Posterior) -> list[StratumShare]:
    """The shares of all strata, each by its own verdicts and by the fit."""
    judged, strata = posterior.judged, posterior.population.strata
    weight = effective_weights(judged)
    n = np.bincount(judged.stratum, weight, strata)
    yes = np.bincount(judged.stratum, weight * judged.yes, strata)
    looked = np.bincount(judged.stratum, minlength=strata)
    known = np.bincount(judged.stratum, judged.yes, strata)
    shares = []
    for h, windows in enumerate(posterior.population.of_strata):
        fit = Estimate.of(posterior.of_fit[:, h])
        share = share_interval(yes[h], n[h]) if looked[h] else None
        disagrees = share is not None and (share.low > fit.high or share.high < fit.low)
        shares.append(StratumShare(int(windows), int(looked[h]), int(known[h]), share, fit, disagrees))
    return shares


def share_interval(yes: float, n: float) -> Estimate:
    """A share and its 90 % interval by Jeffreys' prior, which reaches 0 where none is yes, and 1 where all are.

    Brown, Cai and DasGupta (Interval estimation for a binomial proportion, Statistical Science 2001).
    """
    low, high = beta.ppf([(1 - LEVEL) / 2, (1 + LEVEL) / 2], yes + 0.5, n - yes + 0.5)
    tiny = 1e-9 * n
    return Estimate(yes / n, 0.0 if yes <= tiny else float(low), 1.0 if yes >= n - tiny else float(high))


@dataclasses.dataclass(frozen=True, eq=False)
class Curve:
    """Precision and recall of windows at thresholds.

    Attributes:
        threshold: float64 ``[n]``, from the highest to the lowest.
        windows: int64 ``[n]``: windows scored at or above it.
        precision: float64 ``[draws, n]``: the share of these with the sound.
        recall: float64 ``[draws, n]``: the share of the windows with the sound that are among these.
    """

    threshold: np.ndarray
    windows: np.ndarray
    precision: np.ndarray
    recall: np.ndarray

    def at(self, threshold: float) -> tuple[Estimate, Estimate] | None:
        """Precision and recall at the lowest known threshold that is not below this one; None where no window is."""
        above = np.flatnonzero(self.threshold >= threshold - 1e-9)
        if not len(above):
            return None
        return Estimate.of(self.precision[:, above[-1]]), Estimate.of(self.recall[:, above[-1]])

    def threshold_for(self, precision: float) -> Threshold:
        """The lowest threshold at and above which so large a share of windows has the sound."""
        reached = self.precision >= precision
        lowest = reached.shape[1] - 1 - np.argmax(reached[:, ::-1], 1)
        of_draws = np.where(reached.any(1), self.threshold[lowest], np.inf)
        middle = np.median(self.precision, 0) >= precision
        value = float(self.threshold[np.flatnonzero(middle)[-1]]) if middle.any() else None
        low, high = np.quantile(of_draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], method="nearest")
        return Threshold(precision, value, _known(low), _known(high), float(reached.any(1).mean()))

    def best(self) -> float:
        """The threshold with the highest F1 of windows, by the medians."""
        precision, recall = np.median(self.precision, 0), np.median(self.recall, 0)
        return float(self.threshold[np.argmax(2 * precision * recall / np.maximum(precision + recall, 1e-12))])

    def most_precise(self) -> float:
        """The lowest threshold with the highest precision, by the medians."""
        precision = np.median(self.precision, 0)
        return float(self.threshold[np.flatnonzero(precision >= precision.max() - 1e-9)[-1]])


@dataclasses.dataclass(frozen=True)
class Threshold:
    """The threshold for a wanted precision.

    Attributes:
        precision: As wanted.
        value: The threshold; None: none reaches it, as far as the verdicts tell.
        low, high: Its 90 % interval; None where the end lies above all scores.
        chance: The probability that some threshold reaches the precision.
    """

    precision: float
    value: float | None
    low: float | None
    high: float | None
    chance: float


def _known(threshold: float) -> float | None:
    return float(threshold) if np.isfinite(threshold) else None


def curve(posterior: Posterior, lowest: np.ndarray) -> Curve:
    """Precision and recall at the lower edges of the population's bins.

    Args:
        posterior: Of a population whose strata hold whole bins of the score.
        lowest: float64 ``[lines]``: the lowest score of each line's bin.
    """
    population = posterior.population
    thresholds, at = np.unique(-lowest, return_inverse=True)
    windows = np.bincount(at, population.windows)
    indicator = np.zeros((len(at), len(thresholds)))
    indicator[np.arange(len(at)), at] = 1.0
    yes = np.cumsum(posterior.numbers() @ indicator, 1)
    of_all = np.cumsum(windows)
    return Curve(-thresholds, of_all.astype(np.int64), yes / of_all, yes / np.maximum(yes[:, -1:], 1e-12))


@dataclasses.dataclass(frozen=True)
class ReliabilityBin:
    """Windows with scores in a tenth of 0 to 1: how many, their mean score, and the share of them with the sound."""

    low: float
    high: float
    windows: int
    judged: int
    score: float
    share: Estimate


def reliability_bins(posterior: Posterior) -> tuple[list[ReliabilityBin], Estimate]:
    """Whether the scores are probabilities, over all windows of the population.

    Returns:
        The bins that have windows, and the expected calibration error Σ windows / all × |share − mean score|.
    """
    population = posterior.population
    bins = np.clip(np.ceil(population.score * RELIABILITY_BINS).astype(int) - 1, 0, RELIABILITY_BINS - 1)
    at_judged = np.clip(np.ceil(posterior.judged.score * RELIABILITY_BINS).astype(int) - 1, 0, RELIABILITY_BINS - 1)
    windows = np.bincount(bins, population.windows, RELIABILITY_BINS)
    scores = np.bincount(bins, population.windows * population.score, RELIABILITY_BINS)
    judged = np.bincount(at_judged, minlength=RELIABILITY_BINS)
    indicator = np.zeros((len(bins), RELIABILITY_BINS))
    indicator[np.arange(len(bins)), bins] = 1.0
    yes = posterior.numbers() @ indicator
    error = np.abs(yes - scores).sum(1) / windows.sum()
    found = [
        ReliabilityBin(
            b / RELIABILITY_BINS, (b + 1) / RELIABILITY_BINS, int(windows[b]), int(judged[b]),
            float(scores[b] / windows[b]), Estimate.of(yes[:, b] / windows[b]),
        )
        for b in np.flatnonzero(windows)
    ]  # fmt: skip
    return found, Estimate.of(error)

"""How many windows contain the sound, from verdicts of a stratified sample, with intervals.

The number of each stratum is drawn from its posterior, as in Navine et al. (All thresholds barred: direct estimation of
call density in bioacoustic data, Frontiers in Bird Science 2024), and the strata are added up. Their prior, the same
Beta for every stratum, makes hundreds of calls of a stratum of a million windows of which twenty were looked at and
none had the sound. Here a stratum's share is what the logistic of the score gives it, plus a deviation on the scale of
log-odds whose usual size is found from the verdicts; line and deviations have one common posterior (score_fit.py).

Compared by simulation (benchmarks/review_coverage.py) with Horvitz–Thompson's estimator and with Beta priors of 0.1 and
0.5: with 200 looks, the first has intervals that hold too seldom where the sound is rare, and the others make too many
windows of it, with intervals three to fifty times as wide.
"""

from __future__ import annotations

import dataclasses
from functools import cached_property

import numpy as np

from soundbeam.model.estimation.judged import Judged, Population
from soundbeam.model.estimation.score_fit import ScoreFit, fit_scores

DRAWS = 1000
LEVEL = 0.9
_LEAST = 1e-9


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A number and its 90 % interval; None where nothing is known."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, draws: np.ndarray) -> Estimate:
        """The median of draws, and the quantiles that hold nine tenths of them."""
        low, value, high = np.quantile(draws, [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2])
        return cls(float(value), float(low), float(high))


@dataclasses.dataclass(frozen=True, eq=False)
class Posterior:
    """Draws of what a population may hold.

    Attributes:
        fit: The logistic of the score.
        population: The windows.
        judged: Those that were looked at.
        yes: int64 ``[draws, strata]``: windows with the sound.
        of_fit: float64 ``[draws, strata]``: the share of them by the logistic alone.
    """

    fit: ScoreFit
    population: Population
    judged: Judged
    yes: np.ndarray
    of_fit: np.ndarray

    @cached_property
    def total(self) -> Estimate:
        """Windows with the sound."""
        return Estimate.of(self.yes.sum(1))

    def shares(self) -> np.ndarray:
        """The share of each line's windows that have the sound, float64 ``[draws, lines]``.

        Within a stratum it follows the logistic, raised or lowered so that the stratum has the share that was drawn
        for it.
        """
        of_line = self.fit.shares(self.population.log_odds, self.population.stratum)
        at = self.population.stratum
        wanted = (self.yes / np.maximum(self.population.of_strata, 1))[:, at]
        by_fit = _means(of_line, self.population)[:, at]
        lower = of_line * wanted / np.maximum(by_fit, _LEAST)
        higher = 1 - (1 - of_line) * (1 - wanted) / np.maximum(1 - by_fit, _LEAST)
        return np.where(wanted <= by_fit, lower, higher)

    def numbers(self, seed: int = 0) -> np.ndarray:
        """How many of each line's windows have the sound, float64 ``[draws, lines]``.

        They vary around the expected numbers as far as windows were not judged, and keep the number of each stratum.
        """
        population, rng = self.population, np.random.default_rng(seed)
        share, at = np.clip(self.shares(), 0.0, 1.0), population.stratum
        expected = share * population.windows
        looked = np.bincount(self.judged.stratum, minlength=population.strata)
        unseen = 1 - np.minimum(looked / np.maximum(population.of_strata, 1), 1.0)
        noise = (rng.binomial(population.windows, share) - expected) * np.sqrt(unseen[at])
        spread = share * (1 - share) * population.windows
        for h in np.unique(at):
            of = at == h
            part = spread[:, of] / np.maximum(spread[:, of].sum(1, keepdims=True), _LEAST)
            noise[:, of] -= part * noise[:, of].sum(1, keepdims=True)
        return np.clip(expected + noise, 0.0, population.windows)


def estimate(
    judged: Judged, population: Population, seed: int = 0, draws: int = DRAWS, error: np.ndarray | None = None
) -> Posterior:
    """The posterior of how many windows contain the sound.

    Args:
        judged: Windows of a stratified sample, at least one.
        population: All windows that could have been drawn.
        seed: Decides the draws.
        draws: How many.
        error: float64 ``[draws]``: draws of the share of a single person's verdicts that are wrong; None: none is.
    """
    rng = np.random.default_rng(seed)
    fit = fit_scores(judged, draws, rng, error, population.strata)
    of_fit = _means(fit.shares(population.log_odds), population)
    share = np.clip(_means(fit.shares(population.log_odds, population.stratum), population), 0.0, 1.0)
    windows, strata = population.of_strata, population.strata
    if error is not None:  # what was looked at is not certain either
        return Posterior(fit, population, judged, rng.binomial(windows, share), of_fit)
    looked = np.bincount(judged.stratum, minlength=strata)
    known = np.bincount(judged.stratum, judged.yes, strata).astype(np.int64)
    yes = rng.binomial(np.maximum(windows - looked, 0), share) + known
    return Posterior(fit, population, judged, yes, of_fit)


def _means(of_lines: np.ndarray, population: Population) -> np.ndarray:
    """The mean over the windows of each stratum, float64 ``[draws, strata]``, of a value of each line."""
    indicator = np.zeros((len(population.stratum), population.strata))
    indicator[np.arange(len(population.stratum)), population.stratum] = population.windows
    return of_lines @ (indicator / np.maximum(population.of_strata, 1))

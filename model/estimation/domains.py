"""How many windows of each site, night or hour contain the sound, with intervals.

A domain in which few windows were looked at borrows from the others (small area estimation; Rao and Molina 2015): in
each, the logistic of the score is shifted by an amount whose spread over domains is estimated, and which is uncertain
where few were looked at. What the shifted logistics give is then scaled so that the domains of each stratum add up to
the number that was drawn for the whole stratum.
"""

from __future__ import annotations

import numpy as np

from soundbeam.model.classifier.calibration import sigmoid
from soundbeam.model.estimation.judged import Judged, Population
from soundbeam.model.estimation.score_fit import ScoreFit, effective_weights
from soundbeam.model.estimation.totals import Posterior

_SHIFTS = np.linspace(-6, 6, 97)
_STEP = _SHIFTS[1] - _SHIFTS[0]
_SLOPES = np.array([0.0, 0.25, 0.5, 0.75, 1.0, 1.25])
_SPREADS = np.array([0.05, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0])
_OUTLIERS, _OUTLIER_SPREAD = 0.05, 3.0  # sites with a background that the detector never heard
DOMAIN_DRAWS = 400
CHANCE_DRAWS = 60


def draw_domains(
    posterior: Posterior, population: Population, judged_domain: np.ndarray, clump: float = 1.0, seed: int = 0
) -> np.ndarray:
    """Draws of the windows with the sound in each domain, float64 ``[draws, domains]``.

    Args:
        posterior: Of all domains together.
        population: The same windows, by domain.
        judged_domain: int ``[n]``: the domain of each of the posterior's judged windows.
        clump: How many neighbouring windows have the same call: they are right or wrong together.
        seed: Decides the draws.
    """
    rng = np.random.default_rng(seed)
    fit, judged = posterior.fit, posterior.judged
    draws = min(DOMAIN_DRAWS, len(fit.height))
    shift = draw_shifts(fit, judged, judged_domain, population, draws, rng)
    expected, spread = np.empty((draws, population.domains)), np.empty((draws, population.domains))
    for r in range(draws):
        share = shifted_shares(posterior, population, shift[r], r)
        expected[r] = np.bincount(population.domain, share * population.windows, population.domains)
        spread[r] = np.bincount(population.domain, share * (1 - share) * population.windows, population.domains)
    # Calls come at random, each with as many windows as give the number its variance: few are expected, often none is.
    size = np.maximum(clump * spread / np.maximum(expected, 1e-12), 1e-3)
    drawn = np.rint(rng.poisson(expected / size) * size)
    seen = np.bincount(judged_domain[judged.yes], minlength=population.domains)
    most = np.bincount(population.domain, population.windows, population.domains)
    return np.clip(drawn, 0 if fit.error.any() else seen, most)


def shifted_shares(posterior: Posterior, population: Population, shift: np.ndarray, draw: int) -> np.ndarray:
    """The share of each line's windows with the sound in one draw, float64 ``[lines]``.

    Args:
        posterior: Of all domains together.
        population: The same windows, by domain.
        shift: float64 ``[domains]``: what is added to the log-odds.
        draw: Which of the posterior's draws.
    """
    fit, at = posterior.fit, population.stratum
    share = sigmoid(fit.log_odds_of_draw(population.log_odds, at, draw) + shift[population.domain])
    windows = np.maximum(population.of_strata, 1)
    by_fit = (np.bincount(at, share * population.windows, population.strata) / windows)[at]
    wanted = np.minimum(posterior.yes[draw] / windows, 1.0)[at]
    lower = share * wanted / np.maximum(by_fit, 1e-12)
    higher = 1 - (1 - share) * (1 - wanted) / np.maximum(1 - by_fit, 1e-12)
    return np.clip(np.where(wanted <= by_fit, lower, higher), 0.0, 1.0)


def draw_shifts(
    fit: ScoreFit, judged: Judged, domain: np.ndarray, population: Population, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """Draws of what is added to the log-odds in each domain, float64 ``[draws, domains]``.

    They are normal around a slope × how much more (on the scale of log-odds) the scores promise in that domain than in
    all: where calls are rarer, a score is less often right. Slope and spread are found from the verdicts.
    """
    promise = _promise(fit, population)
    weight = effective_weights(judged)
    wrong = float(fit.error.mean()) * ~judged.doubled
    share = sigmoid(fit.best_log_odds(judged.log_odds, judged.stratum) + _SHIFTS[:, None])
    seen = np.clip(wrong + (1 - 2 * wrong) * share, 1e-12, 1 - 1e-12)
    of_window = weight * np.where(judged.yes, np.log(seen), np.log1p(-seen))  # [shifts, n]
    looked = np.unique(domain)
    at = np.searchsorted(looked, domain)
    likelihood = np.stack([np.bincount(at, row, len(looked)) for row in of_window], 1)  # [looked, shifts]
    likelihood = np.exp(likelihood - likelihood.max(1, keepdims=True))
    choices = [(slope, spread) for slope in _SLOPES for spread in _SPREADS]
    evidence = []
    for slope, spread in choices:
        prior = _normal(slope * promise[looked], spread)
        evidence.append(np.log(np.sum(likelihood * prior, 1) + 1e-300).sum() - 0.5 * spread**2)
    chance = np.exp(np.array(evidence) - max(evidence))
    chosen = rng.choice(len(choices), draws, p=chance / chance.sum())
    slope, spread = np.array(choices)[chosen].T
    noise = rng.standard_normal((2, draws, population.domains))
    usual = slope[:, None] * promise + spread[:, None] * noise[0]
    shift = np.where(rng.random(usual.shape) < _OUTLIERS, _OUTLIER_SPREAD * noise[1], usual)
    for c in np.unique(chosen):
        rows = np.flatnonzero(chosen == c)
        up_to = np.cumsum(likelihood * _normal(choices[c][0] * promise[looked], choices[c][1]), 1)
        up_to /= up_to[:, -1:]
        for column, of_domain in zip(looked, up_to, strict=True):
            place = np.minimum(np.searchsorted(of_domain, rng.random(len(rows))), len(_SHIFTS) - 1)
            shift[rows, column] = _SHIFTS[place] + _STEP * (rng.random(len(rows)) - 0.5)
    return shift


def _normal(mean: np.ndarray, spread: float) -> np.ndarray:
    """The probability of each shift, float64 ``[domains, shifts]``."""
    density = np.exp(-0.5 * ((_SHIFTS - mean[:, None]) / spread) ** 2)
    outlier = np.exp(-0.5 * (_SHIFTS / _OUTLIER_SPREAD) ** 2)
    density /= density.sum(1, keepdims=True) + 1e-300
    return (1 - _OUTLIERS) * density + _OUTLIERS * outlier / outlier.sum()


def _promise(fit: ScoreFit, population: Population) -> np.ndarray:
    """The log of each domain's mean share by the fit over that of all windows, float64 ``[domains]``, −3 to 3."""
    share = sigmoid(fit.best_log_odds(population.log_odds, population.stratum)) * population.windows
    windows = np.bincount(population.domain, population.windows, population.domains)
    of_domain = np.bincount(population.domain, share, population.domains) / np.maximum(windows, 1)
    of_all = share.sum() / population.windows.sum()
    return np.clip(np.where(windows > 0, np.log((of_domain + 1e-9) / (of_all + 1e-9)), 0.0), -3.0, 3.0)


def chance_of_any(
    posterior: Posterior,
    population: Population,
    judged_domain: np.ndarray,
    cell: np.ndarray,
    cells: int,
    clump: float = 1.0,
    seed: int = 0,
) -> np.ndarray:
    """The probability that at least one window has the sound, float64 ``[cells]``.

    Args:
        posterior: Of all windows.
        population: The same windows, by domain; lines of two cells are apart.
        judged_domain: int ``[n]``: the domain of each of the posterior's judged windows.
        cell: int ``[lines]``: the cell, such as a site's night, of each line.
        cells: How many there are.
        clump: How many neighbouring windows have the same call: n windows are as likely to have none as n / clump
            windows that have nothing to do with each other.
        seed: Decides the draws.
    """
    rng = np.random.default_rng(seed)
    shift = draw_shifts(posterior.fit, posterior.judged, judged_domain, population, CHANCE_DRAWS, rng)
    chance = np.zeros(cells)
    for r in range(CHANCE_DRAWS):
        share = np.minimum(shifted_shares(posterior, population, shift[r], r), 1 - 1e-12)
        none = np.bincount(cell, population.windows * np.log1p(-share), cells) / clump
        chance -= np.expm1(none) / CHANCE_DRAWS
    return chance

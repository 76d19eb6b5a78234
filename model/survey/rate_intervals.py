"""Calls per hour of effort, with intervals that allow for nights that differ."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

COVERAGE = 0.9


class Rates(NamedTuple):
    """Calls per hour of each group.

    Attributes:
        calls: int64 ``[groups]``.
        hours: float64 ``[groups]``: the effort.
        rate: float64 ``[groups]``; NaN without effort.
        low, high: float64 ``[groups]``: the ends of the interval of 90 %; NaN without effort.
    """

    calls: np.ndarray
    hours: np.ndarray
    rate: np.ndarray
    low: np.ndarray
    high: np.ndarray


def rates(group: np.ndarray, unit: np.ndarray, calls: np.ndarray, hours: np.ndarray, groups: int) -> Rates:
    """Calls per hour of groups, and how far the rate would be off if other nights had been drawn.

    Calls come in bouts, so that they vary more between nights than independent calls would. The units, nights of a
    site, are taken for independent: the variance of the rate R = Σ c / Σ h, a ratio, is n / (n − 1) · Σ (c − R h)² /
    (Σ h)² over the n units with effort (Cochran, Sampling Techniques, 1977, equation 6.13), the interval is t's, on the
    scale of logarithms. It is widened to hold that of a Poisson count (Garwood, Biometrika, 1936), which alone is left
    with one unit or without a call. It says nothing of the classifier's errors.

    Args:
        group: int ``[cells]``: of what group a cell is.
        unit: int ``[cells]``: of what unit. Cells of one group and unit are added up.
        calls: ``[cells]``.
        hours: ``[cells]``. Groups and units without effort do not count.
        groups: How many groups there are.
    """
    units = int(unit.max(initial=0)) + 1
    pairs, place = np.unique(group.astype(np.int64) * units + unit, return_inverse=True)
    c, h = np.bincount(place, calls, len(pairs)), np.bincount(place, hours, len(pairs))
    listened = h > 0
    of_pair, c, h = (pairs // units)[listened], c[listened], h[listened]
    total, effort = np.bincount(of_pair, c, groups), np.bincount(of_pair, h, groups)
    n = np.bincount(of_pair, minlength=groups)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = total / effort
        squares = np.bincount(of_pair, (c - rate[of_pair] * h) ** 2, groups)
        deviation = np.sqrt(n / (n - 1) * squares) / effort
    low, high = poisson_interval(total)
    low, high = low / np.where(effort > 0, effort, np.nan), high / np.where(effort > 0, effort, np.nan)
    several = (n > 1) & (total > 0)
    if several.any():
        from scipy.stats import t

        quantile = t.ppf((1 + COVERAGE) / 2, n[several] - 1)
        factor = np.exp(np.minimum(quantile * deviation[several] / rate[several], 50.0))
        low[several] = np.minimum(low[several], rate[several] / factor)
        high[several] = np.maximum(high[several], rate[several] * factor)
    return Rates(np.rint(total).astype(np.int64), effort, rate, low, high)


def poisson_interval(count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Garwood's interval of 90 % for the mean of a Poisson variable; from 0 on where nothing was counted."""
    from scipy.stats import chi2

    count = np.asarray(count, np.float64)
    tail = (1 - COVERAGE) / 2
    low = np.where(count > 0, chi2.ppf(tail, np.maximum(2 * count, 1)) / 2, 0.0)
    return low, chi2.ppf(1 - tail, 2 * count + 2) / 2

"""How the number of labels that were heard grows with the number of nights."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import gammaln

_PERMUTATIONS = 400


class Accumulation(NamedTuple):
    """Labels heard within n nights, n = 1, 2, …

    Attributes:
        mean: float64 ``[nights]``: the mean over all orders of the nights.
        low, high: float64 ``[nights]``: the 5 and 95 % quantiles over 400 random orders.
    """

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def accumulation(heard: np.ndarray, seed: int = 0) -> Accumulation:
    """The labels that n of the nights, drawn at random, have between them.

    The mean is exact: a label of k of N nights is missed by n of them with the probability C(N − k, n) / C(N, n)
    (Ugland, Gray & Ellingsen, Journal of Animal Ecology, 2003).

    Args:
        heard: bool ``[labels, nights]``: which label was heard in which night.
        seed: Decides the orders.
    """
    nights = heard.shape[1]
    n = np.arange(1, nights + 1)
    k = heard.sum(axis=1)[:, None]
    left = nights - k - n[None, :]
    with np.errstate(invalid="ignore"):
        logs = gammaln(nights - k + 1) - gammaln(left + 1) - gammaln(nights + 1) + gammaln(nights - n + 1)[None, :]
    missed = np.where(left >= 0, np.exp(np.where(left >= 0, logs, 0.0)), 0.0)
    rng = np.random.default_rng(seed)
    found = np.empty((_PERMUTATIONS, nights))
    for row in found:
        shuffled = heard[:, rng.permutation(nights)]
        first = np.argmax(shuffled, axis=1)[shuffled.any(axis=1)]
        row[:] = np.cumsum(np.bincount(first, minlength=nights))
    low, high = np.quantile(found, (0.05, 0.95), axis=0)
    return Accumulation((1 - missed).sum(axis=0), low, high)

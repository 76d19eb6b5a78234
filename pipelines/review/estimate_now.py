"""The present estimate, while one is still looking: how many windows have the sound, from the verdicts so far."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

_DRAWS = 2000
_PRIOR = 0.5  # Jeffreys' Beta(½, ½): a stratum without a yes among the judged keeps an interval


@dataclasses.dataclass(frozen=True)
class PresentEstimate:
    """An estimate of how many windows have the sound, with an interval that is to hold the truth nine times in ten.

    Attributes:
        windows: How many there are.
        judged: How many of them the verdicts are about.
        total, low, high: Windows with the sound.
    """

    windows: int
    judged: int
    total: float
    low: float
    high: float


def present_estimate(
    windows: Sequence[int], rows: Sequence[Mapping[str, Any]], heard: Mapping[str, bool]
) -> PresentEstimate | None:
    """Estimates the total by posterior draws of each stratum's share, as Navine et al. (2024) do.

    Within a stratum windows differ in weight (spacing makes some rarer), so shares are weighted, and worth as many
    verdicts as Kish's effective sample size says.

    Args:
        windows: How many there are in each stratum of a probability sample.
        rows: The drawn windows: ``review_id``, ``stratum``, ``weight``.
        heard: For each judged window, whether it has the sound. Windows of which a reviewer was unsure are left out.

    Returns:
        None where nothing was judged yet.
    """
    judged = [row for row in rows if row["review_id"] in heard and row["weight"] is not None]
    if not judged:
        return None
    rng = np.random.default_rng(0)
    draws, middle = np.zeros(_DRAWS), 0.0
    for i, size in enumerate(windows):
        own = [row for row in judged if (row["stratum"] or 0) == i]
        weights = np.array([row["weight"] for row in own], np.float64)
        yes = np.array([heard[row["review_id"]] for row in own], np.float64)
        n = weights.sum() ** 2 / np.square(weights).sum() if len(own) else 0.0
        share = float(weights @ yes / weights.sum()) if len(own) else 0.5
        draws += size * rng.beta(n * share + _PRIOR, n * (1 - share) + _PRIOR, _DRAWS)
        middle += size * (n * share + _PRIOR) / (n + 2 * _PRIOR)
    low, high = np.quantile(draws, [0.05, 0.95])
    return PresentEstimate(int(sum(windows)), len(judged), middle, float(low), float(high))

"""The estimate while verdicts come in: fast, from the sample alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from soundbeam.model.estimation.judged import Judged, Population
from soundbeam.model.estimation.totals import Estimate, estimate

_DRAWS = 400
_POINTS = 4  # of each stratum


def present_estimate(
    low: Sequence[float],
    high: Sequence[float],
    windows: Sequence[int],
    yes: np.ndarray,
    score: np.ndarray,
    stratum: np.ndarray,
    weight: np.ndarray | None = None,
) -> Estimate | None:
    """How many windows of all contain the sound, with the 90 % interval, as `review report` will tell it more exactly.

    The scores of a stratum are taken to be like those that were judged, or, where these are few, evenly spread on the
    scale of log-odds. It takes less than a tenth of a second.

    Args:
        low, high: The bounds of the strata's scores.
        windows: How many windows each has.
        yes: bool ``[n]``: the verdicts yes and no; those of other kinds are left out.
        score: float64 ``[n]``: of these windows.
        stratum: int ``[n]``: of these windows.
        weight: float64 ``[n]``: see `Judged`; None: all alike.

    Returns:
        None without a verdict.
    """
    if not len(yes):
        return None
    from soundbeam.model.classifier.calibration import log_odds, sigmoid

    low_x, high_x = log_odds(np.maximum(low, 1e-5)), log_odds(np.minimum(high, 1 - 1e-5))
    within = (np.arange(_POINTS) + 0.5) / _POINTS
    scores = sigmoid(low_x[:, None] + (high_x - low_x)[:, None] * within)
    for h in np.flatnonzero(np.bincount(stratum) >= _POINTS):
        scores[h] = np.quantile(score[stratum == h], within)
    share = np.asarray(windows, np.int64)[:, None] // _POINTS + (
        np.arange(_POINTS) < np.asarray(windows, np.int64)[:, None] % _POINTS
    )
    strata = np.repeat(np.arange(len(share)), _POINTS)
    population = Population.of(strata, scores.ravel(), share.ravel(), len(share))
    return estimate(Judged.of(yes, score, stratum, weight), population, draws=_DRAWS).total

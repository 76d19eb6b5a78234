"""In which sites or months verdicts differ from what the scores say."""

from __future__ import annotations

import dataclasses

import numpy as np

from soundbeam.model.classifier.calibration import sigmoid
from soundbeam.model.estimation.judged import Judged
from soundbeam.model.estimation.score_fit import ScoreFit

FALSE_DISCOVERIES = 0.1


@dataclasses.dataclass(frozen=True)
class Drift:
    """The verdicts of one domain.

    Attributes:
        domain: Its row.
        judged, yes: How many windows were judged, and how many of them have the sound.
        expected: How many would by the fit.
        p_value: How likely a difference at least as large is by chance.
        differs: Whether it is named among those that differ.
    """

    domain: int
    judged: int
    yes: int
    expected: float
    p_value: float
    differs: bool


def find_drift(fit: ScoreFit, judged: Judged, domain: np.ndarray) -> list[Drift]:
    """Compares the verdicts of each domain with the fit.

    The number of yes has an exact distribution under the fit (Poisson-binomial); the p value is two-sided, with half of
    the probability of the number itself. On average at most one in ten of the domains that are named differs by chance
    alone (Benjamini and Hochberg, Journal of the Royal Statistical Society B 1995).

    Args:
        fit: The logistic of the score.
        judged: Windows.
        domain: int ``[n]``: of each of these.

    Returns:
        Each domain with a verdict, in order.
    """
    wrong = float(fit.error.mean()) * ~judged.doubled
    share = wrong + (1 - 2 * wrong) * sigmoid(fit.best_log_odds(judged.log_odds, judged.stratum))
    found = []
    for d in np.unique(domain):
        of = domain == d
        chance = np.ones(1)
        for p in share[of]:
            chance = np.convolve(chance, [1 - p, p])
        yes = int(judged.yes[of].sum())
        half = chance[yes] / 2
        p_value = min(1.0, 2 * min(chance[:yes].sum() + half, chance[yes + 1 :].sum() + half))
        found.append(Drift(int(d), int(of.sum()), yes, float(share[of].sum()), float(p_value), False))
    ordered = np.sort([each.p_value for each in found])
    passing = ordered <= FALSE_DISCOVERIES * np.arange(1, len(found) + 1) / max(len(found), 1)
    limit = ordered[passing].max() if passing.any() else -1.0
    return [dataclasses.replace(each, differs=each.p_value <= limit) for each in found]

"""How far reviewers agree beyond chance; NumPy only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np


def cohens_kappa(first: Iterable[str], second: Iterable[str]) -> float | None:
    """Cohen's kappa of two reviewers (Educational and Psychological Measurement, 1960): (p_o − p_e) / (1 − p_e).

    Args:
        first, second: Their verdicts on the same windows, in the same order.

    Returns:
        1 for full agreement, 0 for as much as chance gives, −1 at least; None where it is not defined: without any
        window, or where both gave one and the same verdict throughout.
    """
    a, b = np.asarray(list(first)), np.asarray(list(second))
    if len(a) != len(b):
        raise ValueError(f"{len(a)} and {len(b)} verdicts")
    if not len(a):
        return None
    categories = np.union1d(a, b)
    shares = [(np.mean(a == c), np.mean(b == c)) for c in categories]
    expected = float(sum(p * q for p, q in shares))
    return _beyond_chance(float(np.mean(a == b)), expected)


def fleiss_kappa(counts: np.ndarray) -> float | None:
    """Fleiss' kappa of many reviewers (Psychological Bulletin, 1971); some may have judged more windows than others.

    Agreement is the share of equal ones among all pairs of verdicts on one window, averaged over windows; chance is the
    sum of squared shares of the categories.

    Args:
        counts: int ``[windows, categories]``: how many reviewers gave each verdict. Windows with one are left out.

    Returns:
        As for `cohens_kappa`.
    """
    counts = np.asarray(counts, np.float64)
    reviewers = counts.sum(axis=1)
    counts, reviewers = counts[reviewers > 1], reviewers[reviewers > 1]
    if not len(counts):
        return None
    pairs = (counts * (counts - 1)).sum(axis=1) / (reviewers * (reviewers - 1))
    shares = counts.sum(axis=0) / counts.sum()
    return _beyond_chance(float(pairs.mean()), float(np.square(shares).sum()))


def kappa(verdicts: Mapping[str, Mapping[str, str]]) -> float | None:
    """Cohen's kappa where two reviewers have judged, Fleiss' where there are more.

    Args:
        verdicts: Reviewer → window → verdict. Windows that one reviewer judged say nothing.

    Returns:
        As for `cohens_kappa`.
    """
    judged = {name: given for name, given in verdicts.items() if given}
    if len(judged) == 2:
        first, second = judged.values()
        both = sorted(first.keys() & second.keys())
        return cohens_kappa((first[w] for w in both), (second[w] for w in both))
    windows = sorted({w for given in judged.values() for w in given})
    categories = sorted({v for given in judged.values() for v in given.values()})
    counts = np.zeros((len(windows), len(categories)), int)
    row, column = ({name: i for i, name in enumerate(names)} for names in (windows, categories))
    for given in judged.values():
        for window, verdict in given.items():
            counts[row[window], column[verdict]] += 1
    return fleiss_kappa(counts)


def _beyond_chance(observed: float, expected: float) -> float | None:
    return None if expected > 1 - 1e-12 else (observed - expected) / (1 - expected)

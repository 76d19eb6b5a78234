"""Windows that stand for one call each: those with the highest score of all around them."""

from __future__ import annotations

import numpy as np


def find_summits(unit: np.ndarray, start_us: np.ndarray, score: np.ndarray, apart_us: int) -> np.ndarray:
    """Which windows have the highest score of all that start less than ``apart_us`` from them; of equals the first.

    Args:
        unit: ``[n]``: what windows have in common that may be compared, such as a recording's channel; each together.
        start_us: int64 ``[n]``, ascending in each unit, µs.
        score: ``[n]``.
        apart_us: How far apart two calls start at least, µs.

    Returns:
        bool ``[n]``.
    """
    summit = np.ones(len(score), bool)
    for step in range(1, len(score)):
        near = (unit[step:] == unit[:-step]) & (start_us[step:] - start_us[:-step] < apart_us)
        if not near.any():
            break
        later_wins = score[step:] > score[:-step]
        summit[:-step] &= ~(near & later_wins)
        summit[step:] &= ~(near & ~later_wins)
    return summit

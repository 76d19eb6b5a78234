"""Picks the windows of the highest value, apart from each other: no probability sample."""

from __future__ import annotations

import numpy as np


def pick_apart(
    recording: np.ndarray, start_us: np.ndarray, value: np.ndarray, spacing_us: int, most: int
) -> tuple[np.ndarray, np.ndarray]:
    """Picks in each recording the window of the highest value, then the highest of those not near it, and so on.

    Args:
        recording: int64 ``[n]``, ascending from 0.
        start_us: int64 ``[n]``, µs.
        value: float64 ``[n]``; what is −∞ is not picked.
        spacing_us: Windows that start nearer than this to a pick of their recording are not picked.
        most: How many of a recording are picked at most.

    Returns:
        (int64 ``[k]``, positions; int64 ``[k]``, whether each is its recording's first pick (0), second (1), …).
    """
    left = np.asarray(value, np.float64).copy()
    if not len(left):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    begins = np.flatnonzero(np.append(True, recording[1:] != recording[:-1]))
    own = np.repeat(np.arange(len(begins)), np.diff(np.append(begins, len(left))))
    picks, rounds = list[np.ndarray](), list[np.ndarray]()
    for k in range(most):
        best = np.maximum.reduceat(left, begins)
        at = np.flatnonzero((left == best[own]) & np.isfinite(left))
        if not len(at):
            break
        at = at[np.append(True, own[at[1:]] != own[at[:-1]])]  # of equal ones the first
        picks.append(at)
        rounds.append(np.full(len(at), k))
        picked_us = np.full(len(begins), np.iinfo(np.int64).min // 2)
        picked_us[own[at]] = start_us[at]
        left[np.abs(start_us - picked_us[own]) < max(spacing_us, 1)] = -np.inf
    if not picks:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    return np.concatenate(picks), np.concatenate(rounds)


def rank_in_groups(group: np.ndarray, value: np.ndarray) -> np.ndarray:
    """The place of each in its group, by falling value, from 0; of equal ones the first comes first; int64 ``[n]``.

    Args:
        group: int64 ``[n]``.
        value: float ``[n]``.
    """
    order = np.lexsort((-np.asarray(value, np.float64), group))
    ordered = group[order]
    begins = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])) if len(order) else np.empty(0, np.int64)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order)) - np.repeat(begins, np.diff(np.append(begins, len(order))))
    return rank

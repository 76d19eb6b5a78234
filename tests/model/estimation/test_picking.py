"""Picking the best windows apart from each other, against a plain loop."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from soundbeam.model.estimation.picking import pick_apart, rank_in_groups


def by_loop(recording, start, value, spacing, most):
    picks = []
    for r in np.unique(recording):
        left = {i for i in range(len(start)) if recording[i] == r and np.isfinite(value[i])}
        for k in range(most):
            if not left:
                break
            best = min(left, key=lambda i: (-value[i], i))
            picks.append((best, k))
            left = {i for i in left if i != best and abs(start[i] - start[best]) >= spacing}
    return sorted(picks)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 60), st.integers(0, 9), st.integers(1, 6))
def test_picks_are_those_of_a_loop(seed, n, spacing, most):
    rng = np.random.default_rng(seed)
    recording = np.sort(rng.integers(0, 4, n))
    start = rng.permutation(1000)[:n]
    value = rng.integers(0, 5, n).astype(float)
    value[rng.random(n) < 0.2] = -np.inf
    at, order = pick_apart(recording, start, value, spacing * 10, most)
    assert sorted(zip(at.tolist(), order.tolist(), strict=True)) == by_loop(recording, start, value, spacing * 10, most)


def test_ranks_in_groups():
    assert rank_in_groups(np.array([1, 0, 1, 1, 0]), np.array([2.0, 5.0, 3.0, 2.0, 6.0])).tolist() == [1, 1, 0, 2, 0]
    assert rank_in_groups(np.empty(0, int), np.empty(0)).tolist() == []

"""The accumulation curve, against all orders of a few nights."""

import itertools

import numpy as np

from soundbeam.model.survey.accumulation import accumulation


def test_against_every_order():
    heard = np.random.default_rng(3).random((7, 5)) < 0.3
    heard[6] = False  # a label that was never heard adds nothing
    curves = [
        [heard[:, order[: n + 1]].any(axis=1).sum() for n in range(5)] for order in itertools.permutations(range(5))
    ]
    found = accumulation(heard)
    np.testing.assert_allclose(found.mean, np.mean(curves, axis=0), rtol=1e-12)
    low, high = np.quantile(curves, (0.05, 0.95), axis=0)
    assert np.abs(found.low - low).max() <= 1 and np.abs(found.high - high).max() <= 1
    assert found.mean[-1] == found.low[-1] == found.high[-1] == heard.any(axis=1).sum()


def test_a_label_of_every_night_is_there_at_once():
    assert accumulation(np.ones((3, 4), bool)).mean.tolist() == [3, 3, 3, 3]

"""Reliability against scikit-learn and a loop over the definition."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import precision_recall_curve as sklearn_curve

from soundbeam.model.evaluation.metrics import precision_recall_curve
from soundbeam.model.evaluation.reliability import reliability


@pytest.fixture(params=range(5))
def scored(request):
    rng = np.random.default_rng(request.param)
    scores = np.round(rng.beta(0.5, 0.5, 500), 2)  # ties, and scores on the edges of bins
    return rng.random(500) < scores**1.5, scores


def by_definition(truth, scores, bins=10):
    """Guo et al.: Σ |B| / n × |acc(B) − conf(B)| over B = ((m − 1) / M, m / M]."""
    total = 0.0
    for m in range(1, bins + 1):
        inside = (scores > (m - 1) / bins) & (scores <= m / bins) | ((m == 1) & (scores == 0))
        if inside.any():
            total += inside.sum() / len(scores) * abs(truth[inside].mean() - scores[inside].mean())
    return total


def test_the_error_is_that_of_the_definition(scored):
    assert reliability(*scored).expected_calibration_error == pytest.approx(by_definition(*scored), abs=1e-12)


def test_the_bins_are_those_of_scikit_learn(scored):
    found = reliability(*scored)
    shares, means = calibration_curve(*scored, n_bins=10)
    there = found.counts > 0
    np.testing.assert_allclose(found.shares[there], shares)
    np.testing.assert_allclose(found.scores[there], means)
    assert found.counts.sum() == 500 and len(found.edges) == 11


def test_probabilities_are_calibrated_and_sure_mistakes_are_not():
    rng = np.random.default_rng(0)
    scores = rng.random(200_000)
    assert reliability(rng.random(200_000) < scores, scores).expected_calibration_error < 0.01
    assert reliability([False] * 5, [1.0] * 5).expected_calibration_error == 1.0
    assert reliability([True, False], [1.0, 0.0]).expected_calibration_error == 0.0


def test_nothing_and_what_is_no_score():
    empty = reliability([], [])
    assert empty.expected_calibration_error is None and empty.counts.sum() == 0 and np.isnan(empty.shares).all()
    for scores in ([1.1], [-0.1], [np.nan]):
        with pytest.raises(ValueError, match="within 0 to 1"):
            reliability([True], scores)
    with pytest.raises(ValueError, match="equally long"):
        reliability([True, False], [0.5])


def test_the_curve_is_that_of_scikit_learn(scored):
    precision, recall, thresholds = sklearn_curve(*scored)
    found = precision_recall_curve(*scored)
    np.testing.assert_allclose(found[2], thresholds[::-1])
    np.testing.assert_allclose(found[0], precision[:-1][::-1])
    np.testing.assert_allclose(found[1], recall[:-1][::-1])
    with pytest.raises(ValueError, match="nothing is true"):
        precision_recall_curve([False], [0.5])

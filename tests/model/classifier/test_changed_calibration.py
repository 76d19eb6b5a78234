"""Scores of one calibration brought to another one, against the network's own scores, which only these tests know."""

import numpy as np
import pytest

from soundbeam.model.classifier.calibration import Calibration
from soundbeam.model.classifier.changed_calibration import ChangedCalibration

NONE = None
CALIBRATIONS = [
    NONE,
    Calibration(0.4, (-1.0,)),
    Calibration(1.0, (0.0,)),
    Calibration(1.0, (2.0,)),
    Calibration(1.35, (0.3,)),
    Calibration(1.35, (6.3,)),
    Calibration(5.0, (-3.0,)),
]


def network_scores():
    """float32 [windows, 1]: from 0 to 1, most of them near the ends."""
    logits = np.linspace(-18.0, 18.0, 200_001)
    return np.unique(np.r_[0, 1e-12, 1 / (1 + np.exp(-logits)), 1].astype(np.float32))[:, None]


@pytest.mark.parametrize("old", CALIBRATIONS)
@pytest.mark.parametrize("new", CALIBRATIONS)
def test_the_true_score_lies_between_the_ends(old, new):
    network = network_scores()
    stored = network if old is None else old.apply(network)
    true = network if new is None else new.apply(network)
    changed = ChangedCalibration(old, new).apply(stored)
    assert changed.scores.dtype == changed.low.dtype == changed.high.dtype == np.float32
    assert (changed.low <= true).all() and (true <= changed.high).all()
    assert (changed.low <= changed.scores).all() and (changed.scores <= changed.high).all()
    if old is None or old == new:
        np.testing.assert_array_equal(changed.scores, true)
        np.testing.assert_array_equal(changed.low, changed.high)


def test_mild_calibrations_are_brought_back_to_the_last_digits():
    network, old, new = network_scores(), Calibration(0.8, (0.5,)), Calibration(0.5, (-1.0,))
    changed = ChangedCalibration(old, new).apply(old.apply(network))
    np.testing.assert_allclose(changed.scores, new.apply(network), atol=3e-6)
    assert np.max(changed.high - changed.low) < 1e-5


def test_a_steep_one_is_known_to_be_coarse_near_one_and_only_there():
    network, old, new = network_scores(), Calibration(1.35, (6.3,)), Calibration(0.5, (0.0,))
    changed = ChangedCalibration(old, new).apply(old.apply(network))
    width = (changed.high - changed.low)[:, 0]
    assert width.max() > 5e-3 and width[network[:, 0] < 0.5].max() < 1e-5


def test_each_label_by_itself():
    network = np.repeat(network_scores(), 3, axis=1)
    old = Calibration(1.0, (0.0, -1.0, 0.5), (1.0, 0.7, 1.1))
    new = Calibration(1.0, (1.0, -1.0, 0.0), (0.8, 0.7, 0.9))
    stored = old.apply(network)
    changed = ChangedCalibration(old, new).apply(stored)
    np.testing.assert_array_equal(changed.scores[:, 1], stored[:, 1])
    np.testing.assert_array_equal(changed.scores[:, 0], new.apply(network)[:, 0])
    np.testing.assert_allclose(changed.scores[:, 2], new.apply(network)[:, 2], atol=1e-5)


def test_a_classifiers_scores_are_not_brought_back():
    assert not ChangedCalibration(Calibration(0.5), Calibration(0.7)).possible
    assert not ChangedCalibration(None, Calibration(0.7)).possible
    assert ChangedCalibration(Calibration(0.5), Calibration(0.5)).possible
    assert ChangedCalibration(None, Calibration(0.5, (1.0,))).possible


def test_some_labels_of_a_calibration():
    whole = Calibration(0.7, (1.0, 2.0, 3.0), (0.7, 0.8, 0.9))
    assert whole.of_labels([2, 0]) == Calibration(0.7, (3.0, 1.0), (0.9, 0.7))
    assert Calibration(0.7, (1.0, 2.0)).of_labels([1]) == Calibration(0.7, (2.0,))
    assert Calibration(0.7).of_labels([1]) == Calibration(0.7)

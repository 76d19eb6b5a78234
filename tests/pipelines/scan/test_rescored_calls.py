"""Calls in rescored scores against those in the network's own: random sounds, calibrations, rules and thresholds."""

import numpy as np
import pytest

from soundbeam.model.classifier.calibration import Calibration
from soundbeam.model.classifier.calls import CallRules
from soundbeam.model.classifier.changed_calibration import ChangedCalibration
from soundbeam.pipelines.scan.rescoring import tell_calls
from soundbeam.transforms.kept_scores import KeptScores
from soundbeam.transforms.records import DecodeReport, Recording, SegmentScores
from soundbeam.transforms.scoring.count_calls import Counting, count_calls


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def found(scores, counting):
    """Starts, ends and the interval of the calls in float32 [windows, 1]."""
    n = len(scores)
    start_s = np.arange(n) * 0.5
    report = DecodeReport(Recording("a", 1, ""), "ok", "", "", n / 2, 8000, 1, n, 1)
    segment = SegmentScores("a", 0, start_s, start_s + 1.0, KeptScores.of(scores))
    result = count_calls(report, [segment], counting)
    return [(call.start_s, call.end_s) for call in result.calls["a"]], result.intervals["a"]


def case(rng):
    """Scores of a network, two calibrations and how calls are found; half of the thresholds are a window's score."""
    smooth = np.convolve(rng.normal(0, rng.choice([3, 6, 10]), 404), np.full(5, 0.2), "valid")
    network = sigmoid(smooth + rng.normal(-2, 3)).astype(np.float32)[:, None]
    slope, bias, factor = rng.choice([0.5, 0.8, 1.1, 1.35]), rng.normal(0, 2), rng.choice([0.3, 0.6, 0.9, 1.5, 3.0])
    old = Calibration(float(slope), (float(bias),))
    new = Calibration(float(slope * factor), (float(bias * factor + rng.normal(0, 1.5)),))
    observed = float(new.apply(network.astype(np.float64))[rng.integers(400), 0])
    threshold = observed if rng.random() < 0.5 else float(rng.uniform(0.1, 0.9))
    dip = float(rng.choice([0.25, 0.5, 1.0, 2.0]) * slope * factor)
    rules = CallRules(float(rng.choice([0, 1, 2])), dip, float(rng.choice([0, 1])), bool(rng.random() < 0.1))
    return network, old, new, Counting(("a",), (float(np.clip(threshold, 1e-6, 1 - 1e-6)),), rules)


@pytest.mark.parametrize("seed", range(4))
def test_calls_and_counts_are_those_of_the_networks_own_scores(seed):
    rng, told, calls = np.random.default_rng(seed), 0, 0
    for _ in range(100):
        network, old, new, counting = case(rng)
        true = new.apply(network)
        changed = ChangedCalibration(old, new).apply(old.apply(network))
        if tell_calls(changed, counting):
            told += 1
            np.testing.assert_allclose(changed.scores, true, atol=1e-5)
            expected = found(true, counting)
            assert found(changed.scores, counting) == expected
            calls += len(expected[0])
    assert told > 30 and calls > 300


def test_a_score_on_both_sides_of_a_threshold_does_not_tell_calls():
    old, new = Calibration(0.8, (0.0,)), Calibration(1.2, (0.0,))
    stored = np.array([[0.3], [0.7], [0.2]], np.float32)
    changed = ChangedCalibration(old, new).apply(stored)
    at = float(changed.high[1, 0])
    assert changed.low[1, 0] < at
    assert not tell_calls(changed, Counting(("a",), (at,), CallRules()))
    assert tell_calls(changed, Counting(("a",), (at + 1e-5,), CallRules()))

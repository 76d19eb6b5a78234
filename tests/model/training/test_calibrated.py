"""Calibration: the fits are the best ones by SciPy's judgement, and calls do not change."""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, logsumexp
from scipy.special import logit as scipy_logit

from soundbeam.model.classifier.calibration import NETWORK_LIMIT, Calibration, fit_platt, fit_temperature, log_odds
from soundbeam.model.classifier.calls import CallRules, find_calls, smoothed
from soundbeam.model.evaluation.reliability import reliability


def label(seed, slope, bias, windows=6000):
    """Scores whose log-odds x are true with probability σ(slope x + bias)."""
    rng = np.random.default_rng(seed)
    x = np.clip(rng.normal(-2, 3, windows), -9, 9)
    return expit(x), rng.random(windows) < expit(slope * x + bias)


def platt_loss(theta, scores, truths):
    total = 0.0
    for i, (p, truth) in enumerate(zip(scores, truths, strict=True)):
        z = theta[0] * scipy_logit(np.clip(p, NETWORK_LIMIT, 1 - NETWORK_LIMIT)) + theta[1 + i]
        aim = np.where(truth, (truth.sum() + 1) / (truth.sum() + 2), 1 / ((~truth).sum() + 2))
        total += np.sum(np.logaddexp(0, z) - aim * z)
    return total


def test_platt_finds_the_optimum():
    scores, truths = zip(*(label(i, 0.6, bias) for i, bias in enumerate((-1.0, 0.5, 0.0))), strict=True)
    found = fit_platt(scores, truths)
    best = minimize(platt_loss, np.zeros(4), (scores, truths), method="BFGS")
    np.testing.assert_allclose([found.slope, *found.biases], best.x, atol=1e-3)
    assert found.slope == pytest.approx(0.6, abs=0.05)
    for i in range(3):
        calibrated = found.apply(np.stack(scores, axis=1))[:, i]
        before, after = (reliability(truths[i], s).expected_calibration_error for s in (scores[i], calibrated))
        assert after < 0.03 and after < before


def test_a_label_with_too_little_takes_the_others_mean_and_nothing_can_be_made_of_nothing():
    (p, truth), (q, other) = label(0, 0.7, -1.0), label(1, 0.7, 0.4)
    few = np.zeros(30, bool)
    found = fit_platt([p, q, np.full(30, 0.1)], [truth, other, few])
    assert found.biases[2] == pytest.approx(np.mean(found.biases[:2]))
    assert fit_platt([np.full(30, 0.1)], [few]) is None
    assert fit_platt([1 - p], [truth]) is None  # the higher the falser


def test_scores_without_an_error_do_not_become_certain():
    truth = np.arange(200) < 100
    found = fit_platt([np.where(truth, 0.999, 0.001)], [truth])
    best = minimize(lambda b: platt_loss([found.slope, b[0]], [np.where(truth, 0.999, 0.001)], [truth]), [0.0])
    assert found.slope <= 1.35 and found.biases[0] == pytest.approx(best.x[0], abs=1e-3)


def test_the_temperature_is_the_optimum():
    rng = np.random.default_rng(3)
    logs = log_softmax(rng.normal(0, 4, (800, 5)), axis=1)
    truth = np.array([rng.choice(5, p=np.exp(z - logsumexp(z))) for z in 0.5 * logs])
    found = fit_temperature(np.exp(logs), truth)
    best = minimize(lambda a: -np.mean(log_softmax(a[0] * logs, axis=1)[np.arange(800), truth]), [1.0])
    assert found.slope == pytest.approx(best.x[0], rel=2e-3)
    after = found.apply(np.exp(logs).astype(np.float32))
    assert after.dtype == np.float32 and np.allclose(after.sum(axis=1), 1, atol=1e-6)
    assert np.array_equal(after.argmax(axis=1), logs.argmax(axis=1))
    assert fit_temperature(np.exp(logs[:30]), truth[:30]) is None


@settings(max_examples=200, suppress_health_check=[HealthCheck.filter_too_much])
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 25),
    st.floats(0.3, 1.2),
    st.floats(-3.0, 1.0),
    st.floats(-4.0, 6.0),
    st.sampled_from([0.5, 1.0, 2.0]),
    st.sampled_from([0.0, 1.0, 2.0]),
)
def test_calibrated_scores_give_the_same_calls(seed, windows, slope, bias, threshold, gap, smooth_s):
    """Whatever the scores: threshold and dip mapped, the calls of float32 probabilities are the network's."""
    raw = expit(np.random.default_rng(seed).uniform(-8.5, 8.5, windows)).astype(np.float32)
    start, rules = np.arange(windows) * 0.5, CallRules(smooth_s, 1.0, gap)
    height = smoothed(start, log_odds(raw.astype(np.float64)), smooth_s)
    steps = np.abs(height[:, None] - height)[np.triu_indices(windows, 1)]
    # Near ties are decided by how float32 rounds.
    assume(np.abs(height - threshold).min() > 0.01 and not np.any(steps < 0.01) and not np.any(abs(steps - 1) < 0.01))
    calibration = Calibration(slope, (bias,))
    scores = calibration.apply(raw[:, None])[:, 0]
    mapped = CallRules(smooth_s, slope * rules.dip, gap)
    before = find_calls(start, start + 4, raw, expit(threshold), rules)
    after = find_calls(start, start + 4, scores, calibration.threshold(expit(threshold), 0), mapped)
    assert [(c.start_s, c.end_s) for c in after] == [(c.start_s, c.end_s) for c in before]


def test_sure_scores_stay_apart_and_what_is_no_number_stays_none():
    calibration = Calibration(0.8, (-1.0,))
    scores = np.array([[0.0], [1e-3], [0.99], [0.999], [0.9998], [1.0], [np.nan]], np.float32)
    found = calibration.apply(scores)[:, 0]
    assert found.dtype == np.float32 and np.isnan(found[-1]) and np.all(np.diff(found[:-1]) > 0)
    assert calibration.threshold(0.99, 0) == pytest.approx(float(found[2]), rel=1e-5)

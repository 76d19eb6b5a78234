"""Calls per hour and their intervals, against closed forms and simulated nights."""

import numpy as np
import pytest

from soundbeam.model.survey.rate_intervals import poisson_interval, rates


def test_poisson_against_tables():
    # Garwood's limits of 90 %, as in Biometrika Tables for Statisticians, table 40.
    low, high = poisson_interval(np.array([0, 1, 10, 50]))
    np.testing.assert_allclose(low, [0, 0.0513, 5.425, 38.965], atol=2e-3)
    np.testing.assert_allclose(high, [2.996, 4.744, 16.962, 63.287], atol=2e-3)


def test_the_rate_is_calls_by_hours_whatever_the_cells():
    group = np.array([0, 0, 0, 1, 1, 2])
    unit = np.array([0, 0, 1, 0, 1, 0])
    calls = np.array([3, 0, 5, 0, 0, 4])
    hours = np.array([1.0, 1.0, 2.0, 4.0, 0.0, 0.0])
    found = rates(group, unit, calls, hours, 3)
    assert found.calls.tolist() == [8, 0, 0]  # the third group has no effort
    np.testing.assert_allclose(found.rate, [2.0, 0.0, np.nan])
    np.testing.assert_allclose([found.low[1], found.high[1]], [0, -np.log(0.05) / 4])
    assert np.isnan(found.low[2])


def test_nights_that_differ_widen_the_interval():
    unit, hours = np.arange(10), np.full(10, 2.0)
    same = rates(np.zeros(10, int), unit, np.full(10, 20), hours, 1)
    bouts = rates(np.zeros(10, int), unit, np.array([200, *[0] * 9]), hours, 1)
    assert same.rate[0] == bouts.rate[0] == 10.0
    low, high = poisson_interval(np.array([200]))
    assert (same.low[0], same.high[0]) == pytest.approx((low[0] / 20, high[0] / 20))
    # By hand: n / (n - 1) · Σ (c - R h)² / (Σ h)², t's 95 % quantile of 9 degrees of freedom 1.8331.
    deviation = np.sqrt(10 / 9 * (180**2 + 9 * 20**2)) / 20
    assert bouts.high[0] == pytest.approx(10 * np.exp(1.8331 * deviation / 10), rel=1e-4)
    assert bouts.low[0] == pytest.approx(10 / np.exp(1.8331 * deviation / 10), rel=1e-4)


def test_nine_intervals_in_ten_hold_the_rate():
    rng, held = np.random.default_rng(0), 0
    for _ in range(400):
        hours = rng.uniform(4, 10, 30)
        calls = rng.poisson(rng.gamma(0.8, 2.0 / 0.8, 30) * hours)  # nights vary
        found = rates(np.zeros(30, int), np.arange(30), calls, hours, 1)
        held += found.low[0] <= 2.0 <= found.high[0]
    assert 0.85 <= held / 400 <= 0.95

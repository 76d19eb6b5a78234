"""Intervals of counts: the distribution is SciPy's, and nine in ten hold the true count."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import binom, poisson
from scipy.stats import norm as normal

from soundbeam.model.classifier.count_interval import (
    AS_SCORED,
    CountModel,
    Peaks,
    _exact,
    _normal,
    fit_count_model,
    match_peaks,
    poisson_binomial,
)

probabilities = st.lists(st.floats(0, 1), max_size=12)


@given(probabilities)
def test_the_poisson_binomial_is_that_of_all_outcomes(p):
    """Its generating function is Π (1 − p + p x): a product of polynomials."""
    expected = np.ones(1)
    for one in p:
        expected = np.convolve(expected, [1 - one, one])
    np.testing.assert_allclose(poisson_binomial(np.array([p]))[0], expected, atol=1e-12)


def test_equal_peaks_are_binomial_and_missed_calls_poisson():
    below = _exact(np.full((1, 30), 0.3), np.array([0.2]))
    expected = np.convolve(binom.pmf(np.arange(31), 30, 0.3), poisson.pmf(np.arange(40), 0.2 * 9))
    np.testing.assert_allclose(below[:25], np.cumsum(expected)[:25], atol=1e-6)


def test_of_many_peaks_the_sum_is_normal():
    p, missed = np.random.default_rng(0).random((3, 500)), np.array([0.0, 0.1, 0.3])
    exact = _exact(p, missed)
    assert max(abs(_normal(p, missed, k) - exact[k]) for k in range(200, 400, 5)) < 0.01
    expected = normal.cdf(250.5, p[0].sum(), np.sqrt((p[0] * (1 - p[0])).sum()))
    assert _normal(p[:1], missed[:1], 250) == pytest.approx(expected)


@given(st.lists(st.floats(-12, 12), max_size=30), st.integers(0, 30))
def test_an_interval_holds_what_was_counted(heights, counted):
    low, high = AS_SCORED.interval(np.array(heights), counted)
    assert 0 <= low <= counted <= high


def test_sure_peaks_leave_no_doubt_and_faint_ones_are_none():
    assert AS_SCORED.interval(np.array([11.0] * 5 + [-4.0] * 1000), 5) == (5, 5)
    assert AS_SCORED.interval(np.array([]), 0) == (0, 0)
    low, high = AS_SCORED.interval(np.array([0.0] * 600), 300)
    assert (low, high) == (binom.ppf(0.05, 600, 0.5), binom.ppf(0.95, 600, 0.5))


def test_the_nearest_free_call_goes_to_the_highest_peak():
    start = np.array([0.0, 2.0, 10.0, 30.0])
    found = match_peaks(np.array([1.0, 3.0, 2.0, 5.0]), start, start + 4, np.array([[3.0, 5.0], [11.0, 13.0]]))
    assert found.true.tolist() == [False, True, True, False] and found.calls == 2


def site(rng, slope, bias, missed=0.05):
    """A soundscape as the model has it: the heights of its peaks, and how many calls there are."""
    heights = rng.normal(rng.uniform(-2, 2), 3.0, rng.integers(0, 25))
    true = rng.random(len(heights)) < expit(slope * heights + bias)
    return Peaks(heights, true, int(true.sum() + rng.poisson(missed * true.sum())))


@pytest.mark.parametrize("seed", range(3))
def test_nine_in_ten_fresh_soundscapes_are_covered(seed):
    rng = np.random.default_rng(seed)
    model = fit_count_model([site(rng, 0.8, -0.5) for _ in range(40)], 8, seed)
    fresh = [site(rng, 0.8, -0.5) for _ in range(400)]
    found = [model.interval(s.heights, int((s.heights > 0.6).sum())) for s in fresh]
    covered = np.mean([low <= s.calls <= high for (low, high), s in zip(found, fresh, strict=True)])
    assert covered >= 0.9
    assert np.mean([high - low for low, high in found]) < 8  # not by saying nothing


def test_the_fit_is_what_the_peaks_were_made_with():
    rng = np.random.default_rng(5)
    model = fit_count_model([site(rng, 0.8, -0.5, 0.1) for _ in range(4000)], 4000, 0)
    slope, bias, missed = np.array(model.draws).mean(axis=0)
    assert (slope, bias) == (pytest.approx(0.8, abs=0.05), pytest.approx(-0.5, abs=0.1))
    assert expit(slope * model.floor + bias) == pytest.approx(0.05, abs=0.01)
    assert missed > 0.1  # and the calls of peaks below the floor


def test_fewer_sources_leave_more_doubt():
    rng = np.random.default_rng(1)
    known, heights = [site(rng, 0.8, -0.5) for _ in range(40)], np.linspace(-3, 5, 40)
    widths = []
    for sources in (40, 5):
        low, high = fit_count_model(known, sources, 0).interval(heights, 20)
        widths.append(high - low)
    assert widths[1] > widths[0]


def test_too_little_to_learn_from():
    few = Peaks(np.array([1.0, -1.0]), np.array([True, False]), 1)
    assert fit_count_model([few], 1, 0) is None
    assert fit_count_model([Peaks(np.zeros(50), np.ones(50, bool), 50)], 1, 0) is None
    assert CountModel(*(AS_SCORED.floor, AS_SCORED.draws)) == AS_SCORED

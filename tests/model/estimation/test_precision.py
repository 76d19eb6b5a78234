"""Precision, recall, thresholds and calibration against brute force; drift and errors against closed forms."""

import numpy as np
import pytest
from scipy import integrate, stats

from soundbeam.model.estimation.drift import find_drift
from soundbeam.model.estimation.judged import Judged, Population
from soundbeam.model.estimation.precision import curve, reliability_bins, share_interval, stratum_shares
from soundbeam.model.estimation.present import present_estimate
from soundbeam.model.estimation.reviewer_errors import draw_error
from soundbeam.model.estimation.score_fit import ScoreFit
from soundbeam.model.estimation.totals import estimate

SCORE = np.array([0.05, 0.25, 0.45, 0.65, 0.85, 0.95])
LOWEST = np.array([0.0, 0.2, 0.4, 0.6, 0.8, 0.9])
WINDOWS = np.array([2000, 400, 100, 80, 60, 40])
YES = np.array([0, 20, 30, 60, 55, 40])


@pytest.fixture(scope="module")
def known():
    """Every window was judged: precision and recall are known."""
    score, n = np.repeat(SCORE, WINDOWS), np.arange(6)
    yes = np.concatenate([np.arange(windows) < k for windows, k in zip(WINDOWS, YES, strict=True)])
    return estimate(Judged.of(yes, score, np.repeat(n, WINDOWS)), Population.of(n, SCORE, WINDOWS))


def test_precision_and_recall_where_every_window_was_judged(known):
    of = curve(known, LOWEST)
    assert of.threshold.tolist() == LOWEST[::-1].tolist()
    assert of.windows.tolist() == np.cumsum(WINDOWS[::-1]).tolist()
    precision = np.cumsum(YES[::-1]) / np.cumsum(WINDOWS[::-1])
    assert np.median(of.precision, 0) == pytest.approx(precision)
    assert np.median(of.recall, 0) == pytest.approx(np.cumsum(YES[::-1]) / YES.sum())
    wanted = of.threshold_for(0.8)
    assert (wanted.value, wanted.low, wanted.high) == (0.6, 0.6, 0.6)
    assert of.threshold_for(1.0).value == 0.9
    at = of.at(0.6)
    assert at is not None and at[0].value == pytest.approx(155 / 180)
    assert of.at(0.99) is None


def test_calibration_error_where_every_window_was_judged(known):
    bins, error = reliability_bins(known)
    assert [b.windows for b in bins] == WINDOWS.tolist()
    assert [b.share.value for b in bins] == pytest.approx((YES / WINDOWS).tolist())
    assert error.value == pytest.approx(np.sum(np.abs(YES - WINDOWS * SCORE)) / WINDOWS.sum())


def test_a_precision_that_no_threshold_reaches():
    judged = Judged.of([0] * 30, [0.1, 0.5, 0.9] * 10, [0, 1, 2] * 10)
    posterior = estimate(judged, Population.of([0, 1, 2], [0.1, 0.5, 0.9], [100, 100, 100]))
    wanted = curve(posterior, np.array([0.0, 0.3, 0.7])).threshold_for(0.95)
    assert wanted.value is None and wanted.high is None and wanted.chance < 0.05


def test_few_verdicts_leave_the_threshold_wide():
    score = np.linspace(0.02, 0.98, 25)
    judged = Judged.of(score > 0.5, score, np.zeros(25, int))
    lowest = np.arange(0, 1, 0.04)
    of = curve(estimate(judged, Population.of([0] * 25, lowest + 0.02, [40] * 25)), lowest)
    wanted = of.threshold_for(0.9)
    assert wanted.value is not None and wanted.low is not None
    assert wanted.low < wanted.value and (wanted.high is None or wanted.high > wanted.value)


@pytest.mark.parametrize(("yes", "n"), [(3, 10), (0.7, 4.2), (0, 20), (20, 20)])
def test_jeffreys_interval_against_quadrature(yes, n):
    of = share_interval(yes, n)
    assert of.value == yes / n

    def below(limit):
        return integrate.quad(
            lambda p: p ** (yes - 0.5) * (1 - p) ** (n - yes - 0.5), 0, limit, points=[limit / 1e4], limit=400
        )[0]

    whole = below(1 - 1e-12)
    if yes:
        assert below(of.low) / whole == pytest.approx(0.05, abs=2e-4)
    else:
        assert of.low == 0
    if yes < n:
        assert below(of.high) / whole == pytest.approx(0.95, abs=2e-4)
    else:
        assert of.high == 1


def test_a_stratum_that_the_fit_cannot_follow_is_named():
    score, share = [0.05, 0.3, 0.7, 0.95], [0.0, 0.7, 0.1, 1.0]
    yes = np.concatenate([np.arange(60) < 60 * p for p in share])
    strata = np.repeat(np.arange(4), 60)
    posterior = estimate(Judged.of(yes, np.repeat(score, 60), strata), Population.of(range(4), score, [900] * 4))
    shares = stratum_shares(posterior)
    assert [s.disagrees for s in shares][1:3] == [True, True]
    assert [(s.judged, s.yes) for s in shares] == [(60, 0), (60, 42), (60, 6), (60, 60)]
    alike = np.concatenate([np.arange(60) < 60 * p for p in score])
    posterior = estimate(Judged.of(alike, np.repeat(score, 60), strata), Population.of(range(4), score, [900] * 4))
    assert not any(s.disagrees for s in stratum_shares(posterior))


def test_drift_is_the_exact_binomial_test_where_all_scores_are_alike():
    fit = ScoreFit(
        0.0, np.zeros(10), np.ones(10), np.zeros((10, 1)), np.zeros(10), (0.0, 1.0)
    )  # score ½: every second one is right
    yes = np.r_[np.arange(20) < 19, np.arange(20) < 11, np.arange(4) < 1]
    domain = np.repeat([0, 1, 2], [20, 20, 4])
    found = find_drift(fit, Judged.of(yes, [0.5] * 44, [0] * 44), domain)
    for each, n in zip(found, (20, 20, 4), strict=True):
        of = stats.binom(n, 0.5)
        mid = [of.cdf(each.yes - 1) + of.pmf(each.yes) / 2, of.sf(each.yes) + of.pmf(each.yes) / 2]
        assert each.judged == n and each.expected == pytest.approx(n / 2)
        assert each.p_value == pytest.approx(2 * min(mid))
    assert [each.differs for each in found] == [True, False, False]


def test_two_people_who_differ_once_in_ten_err_once_in_twenty():
    error = draw_error(10_000, 1000, 4000, np.random.default_rng(0))
    e = np.median(error)
    assert 2 * e * (1 - e) == pytest.approx(0.1, rel=0.03)
    few = draw_error(10, 1, 4000, np.random.default_rng(0))
    assert few.std() > 10 * error.std()
    assert draw_error(5, 5, 100, np.random.default_rng(0)).max() <= 0.5


def test_the_present_estimate_is_near_the_one_of_the_report():
    rng = np.random.default_rng(1)
    low, high, windows = [0.0, 0.1, 0.5], [0.1, 0.5, 1.0], [9000, 900, 300]
    score = np.concatenate([rng.uniform(a, b, 30) for a, b in zip(low, high, strict=True)])
    yes = rng.random(90) < score**2
    stratum = np.repeat(np.arange(3), 30)
    fast = present_estimate(low, high, windows, yes, score, stratum)
    edges = np.concatenate([np.linspace(a, b, 21)[:-1] for a, b in zip(low, high, strict=True)])
    steps = np.repeat([(b - a) / 40 for a, b in zip(low, high, strict=True)], 20)
    population = Population.of(np.repeat(np.arange(3), 20), edges + steps, np.repeat(windows, 20) // 20)
    exact = estimate(Judged.of(yes, score, stratum), population).total
    assert fast is not None
    assert fast.value == pytest.approx(exact.value, rel=0.25)
    assert fast.low < exact.value < fast.high
    assert present_estimate(low, high, windows, yes[:0], score[:0], stratum[:0]) is None

"""The logistic of the score against quadrature, against maximum likelihood, and where verdicts are few or alike."""

import numpy as np
import pytest
from scipy import integrate, optimize

from soundbeam.model.estimation.judged import Judged
from soundbeam.model.estimation.score_fit import effective_weights, fit_scores


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def judged(x, yes, **more):
    return Judged.of(yes, sigmoid(np.asarray(x, float)), np.zeros(len(x), int), **more)


def test_draws_have_the_posterior_that_quadrature_gives():
    x, yes = np.array([-2.0, -1.0, 0.0, 1.0, 3.0]), np.array([0, 1, 0, 1, 1])
    centre = x.mean()

    def density(log_slope, height):
        p = sigmoid(height + np.exp(log_slope) * (x - centre))
        prior = np.exp(-0.5 * ((log_slope / 0.7) ** 2 + ((height - centre) / 8) ** 2))
        return np.prod(np.where(yes, p, 1 - p)) * prior

    def mean(of):
        return integrate.dblquad(lambda s, h: of(s, h) * density(s, h), -9, 9, -4, 3, epsabs=1e-5, epsrel=1e-4)[0]

    whole = mean(lambda s, h: 1.0)
    fit = fit_scores(judged(x, yes), 60_000, np.random.default_rng(0))
    assert fit.centre == pytest.approx(centre)
    assert fit.height.mean() == pytest.approx(mean(lambda s, h: h) / whole, abs=0.03)
    assert fit.slope.mean() == pytest.approx(mean(lambda s, h: np.exp(s)) / whole, rel=0.03)
    of_height = mean(lambda s, h: h * h) / whole - (mean(lambda s, h: h) / whole) ** 2
    assert fit.height.std() == pytest.approx(np.sqrt(of_height), rel=0.04)


def test_strata_deviate_as_weighted_draws_of_the_prior_do():
    x = np.array([-3.0, -2.5, -2.0, -1.0, 0.0, 0.5, 2.0, 2.5, 3.0])
    yes, stratum = np.array([1, 0, 1, 0, 0, 0, 1, 1, 0], bool), np.repeat([0, 1, 2], 3)
    rng, n = np.random.default_rng(5), 400_000
    sizes = np.array([0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0])
    chance = np.gradient(sizes) / (1 + (sizes / 0.5) ** 2)
    height, slope = rng.normal(x.mean(), 8, n), np.exp(rng.normal(0, 0.7, n))
    deviation = rng.choice(sizes, n, p=chance / chance.sum())[:, None] * rng.standard_normal((n, 3))
    p = sigmoid(height[:, None] + slope[:, None] * (x - x.mean()) + deviation[:, stratum])
    weight = np.prod(np.where(yes, p, 1 - p), 1)
    expected = weight @ p / weight.sum()
    fit = fit_scores(Judged.of(yes, sigmoid(x), stratum), 20_000, rng)
    found = sigmoid(fit.log_odds(x) + fit.deviation[:, stratum])
    assert found.mean(0) == pytest.approx(expected, abs=0.015)
    of_square = weight @ (p - expected) ** 2 / weight.sum()
    assert found.std(0) == pytest.approx(np.sqrt(of_square), rel=0.06)
    spread = np.sqrt(weight @ deviation**2 / weight.sum())
    assert np.sqrt(np.mean(fit.deviation**2, 0)) == pytest.approx(spread, rel=0.12)


def test_many_verdicts_give_the_likeliest_line():
    rng = np.random.default_rng(1)
    x = rng.uniform(-6, 4, 20_000)
    yes = rng.random(len(x)) < sigmoid(0.5 + 0.6 * x)

    def loss(theta):
        eta = theta[0] + theta[1] * x
        return np.sum(np.logaddexp(0, eta) - yes * eta)

    best = optimize.minimize(loss, [0.0, 1.0]).x
    fit = fit_scores(judged(x, yes), 4000, rng)
    assert fit.slope.mean() == pytest.approx(best[1], abs=0.02)
    assert (fit.height - fit.slope * fit.centre).mean() == pytest.approx(best[0], abs=0.03)


@pytest.mark.parametrize("yes", [True, False])
def test_verdicts_that_are_all_alike_leave_a_wide_finite_fit(yes):
    x = np.array([-4.0, 0.0, 2.0, 5.0])
    shares = fit_scores(judged(x, np.full(4, yes)), 2000, np.random.default_rng(2)).shares(x)
    assert np.all(np.isfinite(shares))
    low, high = np.quantile(shares[:, 0], [0.05, 0.95])
    assert high - low > 0.3 if yes else high < 0.6
    assert np.median(shares[:, 3] if yes else 1 - shares[:, 0]) > 0.8


def test_one_verdict_is_enough_for_a_fit():
    fit = fit_scores(judged([1.0], [True]), 500, np.random.default_rng(3))
    assert np.isfinite(fit.height).all() and fit.height.std() > 0.5


def test_wrong_verdicts_are_allowed_for():
    rng = np.random.default_rng(4)
    x = rng.uniform(-8, 4, 4000)
    there = rng.random(len(x)) < sigmoid(x)
    said = there ^ (rng.random(len(x)) < 0.1)
    blind = fit_scores(judged(x, said), 1000, rng)
    aware = fit_scores(judged(x, said), 1000, rng, np.full(1000, 0.1))
    low = np.array([-6.0])
    assert blind.shares(low).mean() > 0.05
    assert aware.shares(low).mean() < 0.012
    assert aware.slope.mean() == pytest.approx(1.0, abs=0.15)


def test_unequal_weights_know_less():
    weight = np.array([1.0, 1.0, 1.0, 9.0])
    of = Judged.of([True] * 4, [0.5] * 4, [0, 0, 0, 0], weight)
    assert effective_weights(of).sum() == pytest.approx(12**2 / 84)

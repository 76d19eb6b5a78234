"""Totals against populations whose truth is known."""

import numpy as np
import pytest
from scipy import stats

from soundbeam.model.estimation.domains import draw_domains
from soundbeam.model.estimation.judged import Judged, Population
from soundbeam.model.estimation.totals import Estimate, estimate


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_the_interval_of_draws_holds_nine_tenths():
    of = Estimate.of(np.arange(1001.0))
    assert (of.low, of.value, of.high) == pytest.approx((50, 500, 950))


def test_where_every_window_was_judged_the_total_is_known():
    judged = Judged.of([1, 1, 0, 0, 1], [0.9, 0.8, 0.2, 0.1, 0.3], [1, 1, 0, 0, 0])
    total = estimate(judged, Population.of([0, 1], [0.2, 0.85], [3, 2])).total
    assert (total.value, total.low, total.high) == (3, 3, 3)


def test_a_stratum_without_a_yes_has_an_interval():
    judged = Judged.of([0] * 12 + [1] * 10, [0.02] * 12 + [0.9] * 10, [0] * 12 + [1] * 10)
    total = estimate(judged, Population.of([0, 1], [0.02, 0.9], [10_000, 100])).total
    assert 90 <= total.low < total.value < total.high
    assert total.high - total.low > 50
    assert total.high < 100 + 10_000 * stats.beta.ppf(0.95, 0.5, 12.5)  # what the stratum's verdicts alone would say


@pytest.mark.parametrize("yes", [True, False])
def test_verdicts_that_are_all_alike_give_a_wide_total(yes):
    judged = Judged.of([yes] * 10, [0.1, 0.9] * 5, [0, 1] * 5)
    total = estimate(judged, Population.of([0, 1], [0.1, 0.9], [1000, 1000])).total
    assert 0 <= total.low < total.high <= 2000
    assert (total.high > 1950) if yes else (total.low < 50)


def test_intervals_hold_the_truth_of_calibrated_scores_of_any_base_rate():
    rng, hits, off = np.random.default_rng(0), 0, []
    for repetition in range(60):
        x = rng.normal(-4, 2.5, 20_000)
        there = rng.random(len(x)) < sigmoid(1.3 * x - 1)
        stratum = np.searchsorted([-4, -2, 0], x)
        drawn = np.concatenate([rng.choice(np.flatnonzero(stratum == h), 30, replace=False) for h in range(4)])
        bins = np.round(x * 4) / 4
        line, at = np.unique(np.stack([stratum, bins], 1), axis=0, return_inverse=True)
        population = Population.of(line[:, 0].astype(int), sigmoid(line[:, 1]), np.bincount(at.ravel()))
        total = estimate(Judged.of(there[drawn], sigmoid(x[drawn]), stratum[drawn]), population, repetition).total
        hits += total.low <= there.sum() <= total.high
        off.append(total.value / there.sum() - 1)
    assert 49 <= hits <= 60  # of 60 with probability 0.9: fewer than 49 once in 80 times
    assert abs(np.mean(off)) < 0.05


def test_wrong_verdicts_widen_and_correct_the_total():
    rng = np.random.default_rng(5)
    score = np.repeat([0.01, 0.9], 150)
    there = np.repeat([False, True], 150)
    said = there ^ (rng.random(300) < 0.04)
    population = Population.of([0, 1], [0.01, 0.9], [50_000, 500])
    judged = Judged.of(said, score, np.repeat([0, 1], 150))
    blind = estimate(judged, population).total
    aware = estimate(judged, population, error=np.full(1000, 0.04)).total
    assert blind.value > 1500
    assert aware.low <= 500 <= aware.high
    assert aware.value < 1200


def sites(rng, rates, each=4000, looks=15):
    """Score, truth, site of windows whose base rate differs between sites, and those judged."""
    site = np.repeat(np.arange(len(rates)), each)
    there = rng.random(len(site)) < np.asarray(rates)[site]
    x = np.where(there, rng.normal(2, 1.5, len(site)), rng.normal(-4, 1.5, len(site)))
    stratum = np.searchsorted([-3, -1, 1], x)
    drawn = [rng.choice(np.flatnonzero(stratum == h), min(looks * 4, (stratum == h).sum()), False) for h in range(4)]
    return x, there, site, stratum, np.concatenate(drawn)


def lines(x, stratum, domain, domains):
    """A population by stratum, quarter of a unit of log-odds, and domain."""
    key = np.stack([domain, stratum, np.round(x * 4)], 1)
    line, at = np.unique(key, axis=0, return_inverse=True)
    windows = np.bincount(at.ravel())
    return Population.of(line[:, 1].astype(int), sigmoid(line[:, 2] / 4), windows, 4, line[:, 0].astype(int), domains)


def test_domains_add_up_and_their_intervals_hold_the_truth():
    rng, hits, n = np.random.default_rng(6), 0, 0
    for repetition in range(8):
        rates = rng.gamma(1, 0.01, 12)
        x, there, site, stratum, drawn = sites(rng, rates)
        judged = Judged.of(there[drawn], sigmoid(x[drawn]), stratum[drawn])
        posterior = estimate(judged, lines(x, stratum, np.zeros(len(x)), 1), repetition)
        of_sites = draw_domains(posterior, lines(x, stratum, site, 12), site[drawn], seed=repetition)
        assert of_sites.sum(1).mean() == pytest.approx(posterior.yes.sum(1).mean(), rel=0.05)
        low, high = np.quantile(of_sites, [0.05, 0.95], 0)
        truth = np.bincount(site, there, 12)
        hits, n = hits + np.sum((low <= truth) & (truth <= high)), n + 12
    assert hits / n >= 0.75  # of the sites of eight corpora; 0.86 over sixty


def test_a_site_where_nothing_was_looked_at_is_less_certain():
    rng = np.random.default_rng(7)
    x, there, site, stratum, drawn = sites(rng, [0.02] * 6)
    spread = []
    for seen in (drawn, drawn[site[drawn] != 3]):
        judged = Judged.of(there[seen], sigmoid(x[seen]), stratum[seen])
        posterior = estimate(judged, lines(x, stratum, np.zeros(len(x)), 1))
        spread.append(draw_domains(posterior, lines(x, stratum, site, 6), site[seen]).std(0)[3])
    assert spread[1] > 1.1 * spread[0]

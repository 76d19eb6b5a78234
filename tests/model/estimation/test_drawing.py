"""The draw: exact probabilities, by brute force over small populations and by many seeds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundbeam.model.estimation.drawing import (
    Rules,
    ScoreHistogram,
    allocate,
    eligible,
    key_of,
    microseconds,
    random_numbers,
    strata_of,
)
from soundbeam.model.estimation.stratified_draw import StratifiedDraw, draw


def population(seed=1, recordings=6, windows=40, hop=1.0):
    """recording, start_s, score and truth of windows; calls come in runs, and rarely."""
    rng = np.random.default_rng(seed)
    recording = np.repeat(np.arange(recordings), windows)
    start = np.tile(np.arange(windows) * hop, recordings)
    truth = np.zeros(len(recording))
    for at in rng.choice(len(recording) - 4, 5, replace=False):
        truth[at : at + 3] = 1
    score = 1 / (1 + np.exp(-(rng.normal(-3, 2, len(recording)) + 4 * truth)))
    return recording, start, score.astype(np.float32), truth


def by_brute_force(recording, start, stratum, first, second, spacing, most):
    """The first two phases, window by window."""
    retained = {}
    for i in range(len(start)):
        near = [
            j
            for j in range(len(start))
            if recording[j] == recording[i] and stratum[j] == stratum[i]
            and (j == i or abs(start[j] - start[i]) < spacing)
        ]  # fmt: skip
        if first[i] == min(first[near]):
            retained[i] = len(near)
    weights = {}
    for i, m in retained.items():
        group = [j for j in retained if recording[j] == recording[i] and stratum[j] == stratum[i]]
        if not most:
            weights[i] = float(m)
        elif sorted(group, key=lambda j: second[j]).index(i) < most:
            weights[i] = m * max(1.0, len(group) / most)
    return weights


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.5, 1.0, 2.5, 7.0]), st.integers(0, 3), st.integers(1, 40))
def test_the_rules_window_by_window(seed, spacing, most, n):
    rng = np.random.default_rng(seed)
    recording = rng.integers(0, 3, n)
    start = np.round(rng.choice(np.arange(200), n, replace=False) * 0.5, 6)
    stratum = rng.integers(0, 2, n)
    keys = np.array([key_of(f"r{r}", None, "x") for r in recording], np.uint64)
    at = microseconds(start)
    chosen, weight, _ = eligible(recording, keys, at, stratum, Rules(seed, spacing, most))
    numbers = [random_numbers(keys, at, seed, phase) for phase in (1, 2)]
    expected = by_brute_force(recording, start, stratum, *numbers, spacing, most)
    assert dict(zip(chosen.tolist(), weight.tolist(), strict=True)) == pytest.approx(expected)


def test_the_random_numbers_are_uniform_and_those_of_two_phases_are_independent():
    keys = np.repeat(np.array([key_of(f"r{r}", 1, "x") for r in range(20)], np.uint64), 1000)
    at = np.tile(np.arange(1000) * 500_000, 20)
    one, two, other = (random_numbers(keys, at, s, p) / 2.0**64 for s, p in ((0, 1), (0, 2), (1, 1)))
    for numbers in (one, two, other):
        counts = np.histogram(numbers, 50, (0, 1))[0]
        assert ((counts - 400) ** 2 / 400).sum() < 49 + 5 * np.sqrt(2 * 49)
    for a, b in ((one, two), (one, other), (one[1:], one[:-1]), (one[1000:], one[:-1000])):
        assert abs(np.corrcoef(a, b)[0, 1]) < 5 / np.sqrt(len(a))
    assert np.array_equal(one, random_numbers(keys, at, 0, 1) / 2.0**64)


@pytest.mark.parametrize(("spacing", "most", "n"), [(0.0, 0, 40), (5.0, 0, 40), (5.0, 2, 30), (12.0, 1, 12)])
def test_totals_are_unbiased_and_windows_as_probable_as_their_weights_say(spacing, most, n):
    recording, start, score, truth = population()
    seeds = 1500
    totals, ones, seen, inverse = np.zeros(seeds), np.zeros(seeds), np.zeros(len(truth)), np.zeros(len(truth))
    for seed in range(seeds):
        drawn, _ = draw(recording, start, score, n, Rules(seed, spacing, most))
        at = drawn.windows["position"]
        totals[seed] = (drawn.weight * truth[at]).sum()
        ones[seed] = drawn.weight.sum()
        seen[at] += 1
        inverse[at] += drawn.weight
    for estimates, expected in ((totals, truth.sum()), (ones, len(truth))):
        assert abs(estimates.mean() - expected) < 4 * estimates.std() / np.sqrt(seeds) + 1e-9
    # Each window's weights, over all seeds, are in the mean 1: none is drawn more or less often than its weight says.
    assert seen.min() > 0
    np.testing.assert_allclose(inverse.mean() / seeds, 1, atol=0.03)
    variance = inverse / seeds * (inverse / seen)  # about, of a weight w that is drawn with probability 1/w
    assert np.max(np.abs(inverse / seeds - 1) / np.sqrt(variance / seeds)) < 5


def test_spacing_and_limits_hold():
    recording, start, score, _ = population(recordings=20, windows=100)
    drawn, edges = draw(recording, start, score, 300, Rules(3, 10.0, 2))
    at = drawn.windows["position"]
    assert len(set(at.tolist())) == len(at)
    for r in range(20):
        for h in range(len(edges) + 1):
            of = np.sort(start[at[(recording[at] == r) & (drawn.stratum == h)]])
            assert len(of) <= 2 and (np.diff(of) >= 10).all()


def test_a_second_draw_continues_the_first():
    recording, start, score, _ = population(recordings=30)
    rules = Rules(5, 5.0, 3)
    one, edges = draw(recording, start, score, 40, rules)
    two, _ = draw(recording, start, score, 40, rules, edges, one.drawn)
    first, second = one.windows["position"].tolist(), two.windows["position"].tolist()
    assert len(first) == 40 and len(second) == 40 and not set(first) & set(second)
    both, _ = draw(recording, start, score, 80, rules, edges)
    assert set(first) | set(second) == set(both.windows["position"].tolist())
    np.testing.assert_array_equal(one.drawn + two.drawn, both.drawn)


def test_no_more_is_drawn_than_there_is():
    recording, start, score, _ = population()
    drawn, _ = draw(recording, start, score, 10**6, Rules(0, 0, 0))
    assert sorted(drawn.windows["position"].tolist()) == list(range(len(start)))
    np.testing.assert_array_equal(drawn.weight, 1.0)
    rest, _ = draw(recording, start, score, 5, Rules(0, 0, 0), np.empty(0, np.float32), np.array([len(start)]))
    assert len(rest.weight) == 0 and rest.drawn.tolist() == [0]


def test_pieces_give_what_the_whole_gives():
    recording, start, score, _ = population(recordings=25)
    edges = np.array([0.05, 0.3, 0.9], np.float32)
    keys = np.array([key_of(f"r{r}", None, "x") for r in recording], np.uint64)
    results = []
    for pieces in (1, 25):
        drawing = StratifiedDraw(4, 60, Rules(2, 5.0, 2))
        for some in np.array_split(np.arange(len(start)), pieces):
            drawing.add(
                recording[some], keys[some], microseconds(start[some]), score[some], strata_of(score[some], edges),
                lambda at, some=some: {"position": some[at]},
            )  # fmt: skip
        results.append(drawing.result())
    assert results[0].windows["position"].tolist() == results[1].windows["position"].tolist()
    np.testing.assert_array_equal(results[0].weight, results[1].weight)
    np.testing.assert_array_equal(results[0].in_stratum, np.bincount(strata_of(score, edges), minlength=4))


def test_who_stops_early_has_seen_each_stratum_by_its_share():
    recording, start, score, _ = population(recordings=50)
    drawn, edges = draw(recording, start, score, 200, Rules(0, 0, 0))
    for part in (50, 100, 150):
        seen = np.bincount(drawn.stratum[:part], minlength=len(edges) + 1)
        assert np.abs(seen - drawn.drawn * part / 200).max() <= 1.01


def test_the_rarest_scores_have_strata_of_their_own():
    rng = np.random.default_rng(0)
    score = 1 / (1 + np.exp(-rng.normal(-8, 1.5, 1_000_000)))
    histogram = ScoreHistogram()
    for some in np.array_split(score, 7):
        histogram.add(some)
    edges = histogram.edges(9)
    counts = np.bincount(strata_of(score, edges), minlength=9)
    assert len(edges) == 8 and counts.sum() == len(score) and 15 <= counts[-1] <= 40
    ratios = np.cumsum(counts[::-1])[1:] / np.cumsum(counts[::-1])[:-1]
    assert ratios.min() > 3 and ratios.max() < 5


@pytest.mark.parametrize("scores", [[0.0] * 50, [1.0] * 50, [0.0] * 30 + [1.0] * 20, [0.3], [0.2, 0.2, 0.9]])
def test_equal_scores_make_fewer_strata_and_none_is_empty(scores):
    histogram = ScoreHistogram()
    histogram.add(np.array(scores))
    edges = histogram.edges(9)
    assert (np.bincount(strata_of(scores, edges), minlength=len(edges) + 1) > 0).all()
    assert len(edges) + 1 == len(set(scores))


def test_neymans_allocation_within_its_bounds():
    available = np.array([10**6, 1000, 100, 2, 0])
    spread = np.array([400.0, 300.0, 100.0, 1.0, 0.0])
    total = allocate(200, available, spread)
    assert total.sum() == 200 and total[3] == 2 and total[4] == 0
    expected = 0.25 / 4 + 0.75 * spread[:3] / spread.sum()
    np.testing.assert_allclose(total[:3] / total[:3].sum(), expected / expected.sum(), atol=0.01)
    more = allocate(100, available, spread[::-1], total)
    assert more.sum() == 300 and (more >= total).all()
    assert allocate(5, available, spread).tolist() and allocate(5, available, spread).sum() == 5
    assert (allocate(8, available, spread)[:4] >= 2).all()
    assert allocate(50, np.array([7, 5]), np.array([0.0, 0.0])).tolist() == [7, 5]
    assert allocate(3, np.zeros(2, int), np.zeros(2)).tolist() == [0, 0]

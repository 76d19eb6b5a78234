"""Kappa against tables of the papers and a closed form."""

import numpy as np
import pytest

from soundbeam.model.estimation.agreement import cohens_kappa, fleiss_kappa, kappa


def test_cohens_kappa_of_a_table():
    # 20 yes/yes, 5 yes/no, 10 no/yes, 15 no/no: p_o = 0.7; p_e = 0.5 × 0.6 + 0.5 × 0.4 = 0.5.
    first = ["yes"] * 25 + ["no"] * 25
    second = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    assert cohens_kappa(first, second) == pytest.approx(0.4)
    assert cohens_kappa(second, first) == pytest.approx(0.4)


def test_perfect_chance_and_opposite():
    assert cohens_kappa("abab", "abab") == 1
    assert cohens_kappa("aabb", "abab") == pytest.approx(0)
    assert cohens_kappa("ab", "ba") == -1
    assert cohens_kappa("", "") is None
    assert cohens_kappa("aaa", "aaa") is None
    with pytest.raises(ValueError):
        cohens_kappa("a", "ab")


def test_fleiss_kappa_of_a_published_table():
    # Ten subjects, fourteen raters, five categories; the result that textbooks give is 0.210.
    counts = [
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ]  # fmt: skip
    assert fleiss_kappa(np.array(counts)) == pytest.approx(0.210, abs=5e-4)


def test_fleiss_of_two_is_scotts_pi():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 3, 200), rng.integers(0, 3, 200)
    b[:120] = a[:120]
    counts = np.array([[np.sum(np.array([x, y]) == c) for c in range(3)] for x, y in zip(a, b, strict=True)])
    pooled = np.bincount(np.concatenate([a, b])) / 400
    expected = (np.mean(a == b) - np.sum(pooled**2)) / (1 - np.sum(pooled**2))
    assert fleiss_kappa(counts) == pytest.approx(expected)


def test_kappa_takes_what_several_have_judged():
    two = {"ana": {"1": "yes", "2": "no", "3": "yes"}, "ben": {"1": "yes", "2": "no", "4": "no"}}
    assert kappa(two) == 1  # of windows 1 and 2
    assert kappa({**two, "cem": {}}) == 1
    three = {"ana": {"1": "y", "2": "n"}, "ben": {"1": "y", "2": "n"}, "cem": {"1": "y", "2": "y"}}
    # Pairs agree by 1 and 1/3; shares are 4/6 and 2/6.
    assert kappa(three) == pytest.approx((2 / 3 - 5 / 9) / (1 - 5 / 9))
    assert kappa({"ana": {"1": "yes"}}) is None
    assert kappa({}) is None

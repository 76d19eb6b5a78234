"""Metrics against scikit-learn, SciPy and closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching
from sklearn.metrics import average_precision_score, roc_auc_score

from soundbeam.model.evaluation.metrics import (
    average_precision,
    count_errors,
    match_events,
    precision_recall_f1,
    roc_auc,
)

# Few distinct scores: ties are the hard part.
scored = st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=60)


@given(scored)
def test_average_precision_and_roc_auc_equal_scikit_learn(items):
    truth, scores = np.array([t for t, _ in items]), np.array([s / 5 for _, s in items])
    if truth.any():
        assert average_precision(truth, scores) == pytest.approx(average_precision_score(truth, scores), abs=1e-12)
    if truth.any() and not truth.all():
        assert roc_auc(truth, scores) == pytest.approx(roc_auc_score(truth, scores), abs=1e-12)


def test_many_float32_scores():
    rng = np.random.default_rng(1)
    truth = rng.random(20_000) < 0.02
    scores = (rng.normal(size=20_000) + truth).astype(np.float32)
    assert average_precision(truth, scores) == pytest.approx(average_precision_score(truth, scores), abs=1e-12)
    assert roc_auc(truth, scores) == pytest.approx(roc_auc_score(truth, scores), abs=1e-12)


def test_perfect_and_worst_order():
    truth = [False] * 6 + [True] * 2
    assert average_precision(truth, range(8)) == 1.0 and roc_auc(truth, range(8)) == 1.0
    assert roc_auc(truth, range(8, 0, -1)) == 0.0
    assert average_precision(truth, range(8, 0, -1)) == pytest.approx((1 / 7 + 2 / 8) / 2)
    assert average_precision(truth, [0.5] * 8) == 0.25 and roc_auc(truth, [0.5] * 8) == 0.5


def test_undefined_is_none():
    assert average_precision([], []) is None and roc_auc([], []) is None
    assert average_precision([False, False], [1, 2]) is None
    assert roc_auc([False, False], [1, 2]) is None and roc_auc([True, True], [1, 2]) is None
    none = precision_recall_f1(0, 0, 0)
    assert (none.precision, none.recall, none.f1) == (None, None, None)
    missed = precision_recall_f1(0, 0, 3)
    assert (missed.precision, missed.recall, missed.f1) == (None, 0.0, 0.0)
    assert count_errors([], []).mean_absolute_error is None and count_errors([], []).exact_share is None


@pytest.mark.parametrize("metric", [average_precision, roc_auc])
def test_bad_scores_are_refused(metric):
    with pytest.raises(ValueError, match="NaN"):
        metric([True, False], [np.nan, 0.1])
    with pytest.raises(ValueError, match="equally long"):
        metric([True, False], [0.1])


# Lengths of zero and shared ends on purpose.
interval = st.tuples(st.integers(0, 20), st.integers(0, 6)).map(lambda p: (p[0] / 2, (p[0] + p[1]) / 2))
intervals = st.lists(interval, max_size=9)


@settings(max_examples=400)
@given(intervals, intervals)
def test_matching_is_a_maximum_one(calls, annotations):
    overlaps = np.array([[a[0] < b[1] and b[0] < a[1] for b in annotations] for a in calls], dtype=bool)
    pairs = match_events(calls, annotations)
    assert all(overlaps[i, j] for i, j in pairs)
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)
    if calls and annotations:
        best = maximum_bipartite_matching(csr_array(overlaps), perm_type="column")
        assert len(pairs) == int(np.sum(best >= 0))


def test_matching_is_one_to_one_and_strict():
    assert match_events([(0, 10)], [(1, 2), (3, 4)]) == [(0, 0)]
    assert match_events([(0, 2), (2, 4)], [(1, 3)]) == [(0, 0)]
    assert match_events([(0, 1)], [(1, 2)]) == []  # they touch, no more
    assert match_events([], [(0, 1)]) == [] and match_events([(0, 1)], []) == []
    # Greedy by start would give the long call both of the short one's chances.
    assert match_events([(0, 9), (0, 2)], [(1, 3), (8, 10)]) == [(0, 1), (1, 0)]


def test_matching_of_a_long_recording():
    starts = np.arange(20_000) * 5.0
    annotations = np.stack([starts, starts + 3], axis=1)
    calls = annotations[::-1] + 0.5
    assert len(match_events(calls, annotations)) == 20_000


def test_counts_and_events():
    errors = count_errors([3, 0, 2, 5], [3, 0, 4, 4])
    assert (errors.counts, errors.exact, errors.exact_share) == (4, 2, 0.5)
    assert errors.mean_absolute_error == pytest.approx(0.75)
    assert count_errors(np.array([0], np.uint8), np.array([1], np.uint8)).mean_absolute_error == 1.0
    events = precision_recall_f1(3, 4, 6)
    assert (events.precision, events.recall) == (0.75, 0.5) and events.f1 == pytest.approx(0.6)
    with pytest.raises(ValueError, match="against"):
        count_errors([1], [1, 2])

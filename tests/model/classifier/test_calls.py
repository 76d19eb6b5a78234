"""Calls: worked examples, SciPy's peaks as an independent judge, and properties that hold for any scores."""

import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.signal import find_peaks

from soundbeam.model.classifier.calibration import log_odds
from soundbeam.model.classifier.calls import Call, CallRules, find_calls, smoothed


def windows(n: int, hop: float = 0.5, window: float = 4.0):
    start = np.arange(n) * hop
    return start, start + window


def calls_of(scores, threshold=0.5, rules=None, hop=0.5, window=4.0):
    return find_calls(*windows(len(scores), hop, window), np.array(scores), threshold, rules)


def test_neighbours_become_one_call():
    assert [c.score for c in calls_of([0.1, 0.6, 0.9, 0.7, 0.1])] == [0.9]


def test_a_dip_parts_two_calls_and_a_shallow_one_does_not():
    deep, shallow = [0.1, 0.95, 0.6, 0.96, 0.1], [0.1, 0.95, 0.93, 0.96, 0.1]
    assert [c.score for c in calls_of(deep)] == [0.95, 0.96]
    assert [c.score for c in calls_of(shallow)] == [0.96]


def test_a_shallow_dip_below_the_threshold_is_one_call():
    assert len(calls_of([0.0, 0.55, 0.45, 0.55, 0.0])) == 1
    assert len(calls_of([0.0, 0.99, 0.45, 0.99, 0.0])) == 2


def test_side_by_side_windows():
    calls = calls_of([0.0, 0.9, 0.9, 0.0, 0.9], hop=3, window=3)
    assert calls == [Call(3, 9, 0.9), Call(12, 15, 0.9)]


def test_two_peaks_within_the_gap_are_one_call():
    scores = [0.1, 0.95, 0.2, 0.96, 0.1]
    assert len(calls_of(scores, rules=CallRules(min_gap_s=1.0))) == 2
    assert len(calls_of(scores, rules=CallRules(min_gap_s=1.5))) == 1


def test_smoothing_takes_a_lone_spike_away():
    scores = [0.01] * 5 + [0.6] + [0.01] * 5
    assert len(calls_of(scores)) == 1
    assert calls_of(scores, rules=CallRules(smooth_s=1.0)) == []


def test_extent_is_the_common_part_of_few_windows():
    # A call from 10 to 13 s is wholly inside the windows of 4 s that start from 9 to 10 s.
    start, _ = windows(40)
    scores = np.where((start >= 9) & (start <= 10), 0.9, 0.0)
    (call,) = calls_of(scores)
    assert (call.start_s, call.end_s) == (10.0, 13.0)


def test_extent_of_a_long_call_covers_it():
    start, _ = windows(60)
    (call,) = calls_of(np.where((start >= 5) & (start <= 20), 0.9, 0.0))
    assert (call.start_s, call.end_s) == (6.75, 22.25)


def test_last_window_moved_back_and_short_recording():
    start, end = np.array([0.0, 0.5, 1.0, 1.1]), np.array([4.0, 4.5, 5.0, 5.1])
    (call,) = find_calls(start, end, np.array([0.0, 0.0, 0.9, 0.9]), 0.5)
    assert 0 <= call.start_s < call.end_s <= 5.1
    assert find_calls(np.array([0.0]), np.array([1.5]), np.array([0.9]), 0.5) == [Call(0.0, 1.5, 0.9)]


def test_no_windows_no_calls():
    assert find_calls(np.zeros(0), np.zeros(0), np.zeros(0), 0.5) == []
    assert calls_of([0.0, 1.0, 0.0, 1.0], threshold=0.0)


def test_smoothing_equals_a_plain_loop():
    start = np.array([0.0, 0.5, 1.0, 1.5, 1.7])
    values = np.array([1.0, 5.0, -2.0, 4.0, 0.5])
    want = [values[np.abs(start - s) <= 0.5].mean() for s in start]
    np.testing.assert_allclose(smoothed(start, values, 1.0), want)


scores_lists = st.lists(st.floats(0, 1, width=32, allow_subnormal=False), min_size=1, max_size=60)
rules_any = st.builds(CallRules, st.sampled_from([0.0, 1.0, 2.0]), st.floats(0.01, 4), st.sampled_from([0.0, 1.0, 3.0]))


@settings(max_examples=200, deadline=None)
@given(scores_lists, st.floats(0.01, 0.99), rules_any, st.sampled_from([0.25, 1.0, 3.0]))
def test_properties_of_any_scores(scores, threshold, rules, hop):
    _start, end = windows(len(scores), hop, 3.0)
    calls = calls_of(scores, threshold, rules, hop, 3.0)
    assert all(c.score >= threshold for c in calls)
    assert all(0 <= c.start_s <= c.end_s <= end[-1] for c in calls)
    assert all(a.end_s <= b.start_s + 1e-9 for a, b in itertools.pairwise(calls))
    assert all(c.score in np.array(scores) for c in calls)
    if max(scores) < threshold:
        assert calls == []
    elif rules.smooth_s == 0:
        assert calls


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.floats(0.001, 0.999), min_size=1, max_size=60, unique=True),  # SciPy counts equal peaks twice
    st.floats(0.01, 0.99),
    st.floats(0.01, 4),
)
def test_as_many_calls_as_scipy_finds_prominent_peaks(scores, threshold, dip):
    assume(min(abs(score - threshold) for score in scores) > 1e-9)  # log-odds of neighbours among floats are equal
    logit = log_odds(np.array(scores, np.float64))
    # Edges count as falling to the floor, plateaus as one peak: pad, then ask SciPy.
    peaks, _ = find_peaks(np.concatenate([[-50], logit, [-50]]), height=log_odds(threshold), prominence=dip)
    assert len(calls_of(scores, threshold, CallRules(dip=dip))) == len(peaks)


@pytest.mark.parametrize("n", [1, 2, 200_000])
def test_a_day_of_windows_is_one_pass(n):
    rng = np.random.default_rng(0)
    assert len(calls_of(rng.random(n), 0.0, CallRules(1.0, 0.5, 1.0))) >= 1


@given(st.lists(st.floats(0, 1, width=32), max_size=30))
def test_runs_of_windows_are_calls(scores):
    """Side by side: each run of windows at or above the threshold is one call from its first to its last."""
    start = 3.0 * np.arange(len(scores))
    want, begin = [], None
    for i, score in enumerate([*scores, 0.0]):
        if score >= 0.25 and begin is None:
            begin = i
        elif score < 0.25 and begin is not None:
            want.append((3.0 * begin, 3.0 * i, max(scores[begin:i])))
            begin = None
    calls = find_calls(start, start + 3, np.array(scores), 0.25, CallRules(runs=True))
    assert [(call.start_s, call.end_s, call.score) for call in calls] == want

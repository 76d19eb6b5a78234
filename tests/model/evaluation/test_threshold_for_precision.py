"""The thresholds for a wanted precision and for the best F1, against trying all thresholds one by one."""

import numpy as np
import pytest

from soundbeam.model.classifier.calls import CallRules, find_calls
from soundbeam.model.evaluation import operating_points
from soundbeam.model.evaluation.detection import RecordingOutcome
from soundbeam.model.evaluation.operating_points import best_threshold, threshold_for_precision

RULES = CallRules(smooth_s=1.0, dip=0.5, min_gap_s=1.0)
SPACING = 20.0  # seconds from one call, or false alarm, to the next: they cannot be mixed up


def recording(seed, heights, true):
    """Scores with a peak of each height; those of ``true`` stand over an annotated call."""
    rng = np.random.default_rng(seed)
    start = np.arange(0.0, SPACING * (len(heights) + 1), 0.5)
    middles = SPACING * (1 + np.arange(len(heights)))
    shape = np.exp(-(((start[:, None] + 1 - middles) / 1.5) ** 2))
    scores = np.clip(np.max(shape * heights, axis=1, initial=0.0) + 0.01 * rng.random(len(start)), 1e-3, 1 - 1e-3)
    calls = np.array([(m - 1, m + 1) for m, is_call in zip(middles, true, strict=True) if is_call]).reshape(-1, 2)
    return RecordingOutcome(np.empty((0, 2)), 0, calls, start, start + 2, scores)


def by_hand(outcomes, threshold):
    """Calls, and those that are right: every call lies round one middle only."""
    calls = right = 0
    for o in outcomes:
        for call in find_calls(o.start_s, o.end_s, o.scores, threshold, RULES):
            calls += 1
            right += bool(np.any((o.annotations[:, 0] < call.end_s) & (o.annotations[:, 1] > call.start_s)))
    return calls, right


@pytest.fixture(scope="module", params=range(4))
def outcomes(request):
    rng = np.random.default_rng(request.param)
    true = rng.random((3, 12)) < 0.6
    heights = np.clip(np.where(true, 0.7, 0.45) + 0.2 * rng.standard_normal((3, 12)), 0.05, 0.99)
    return [recording(i, h, t) for i, (h, t) in enumerate(zip(heights, true, strict=True))]


@pytest.mark.parametrize("wanted", [0.5, 0.8, 0.9, 1.0])
@pytest.mark.parametrize("tried", [1000, 7])
def test_no_lower_threshold_does(outcomes, wanted, tried, monkeypatch):
    monkeypatch.setattr(operating_points, "_TRIED", tried)
    point, reached = threshold_for_precision(iter(outcomes), wanted, RULES)
    every = [(t, *by_hand(outcomes, t)) for t in np.linspace(0.001, 0.999, 400)]
    good = [t for t, calls, right in every if calls and right / calls >= wanted]
    assert reached == bool(good)
    calls, right = by_hand(outcomes, point.threshold)
    annotated = sum(len(o.annotations) for o in outcomes)
    assert (point.events.calls, point.events.matched, point.events.annotations) == (calls, right, annotated)
    if reached:
        assert right / calls >= wanted
        if tried == 1000:  # all of them
            assert by_hand(outcomes, min(good))[1] <= right
    else:
        assert right / calls >= max(r / c for _, c, r in every if c) - 1e-9


def test_a_perfect_detector_needs_the_threshold_between(tmp_path):
    outcomes = [recording(0, [0.9, 0.2, 0.8, 0.3], [True, False, True, False])]
    point, reached = threshold_for_precision(outcomes, 1.0, RULES)
    assert reached and 0.25 < point.threshold < 0.8 and point.events.recall == 1.0


def test_not_reached_is_told_with_the_nearest():
    outcomes = [recording(0, [0.9, 0.7], [False, True])]
    point, reached = threshold_for_precision(outcomes, 0.9, RULES)
    assert not reached and point.events.precision == 0.5 and point.events.recall == 1.0
    nothing = RecordingOutcome(np.empty((0, 2)), 0, np.array([[1.0, 2.0]]), np.empty(0), np.empty(0), np.empty(0))
    assert threshold_for_precision([nothing], 0.9, RULES) == (None, False)
    assert threshold_for_precision([], 0.9, RULES) == (None, False)


def test_saturated_scores():
    start = np.arange(10.0)
    outcome = RecordingOutcome(np.empty((0, 2)), 0, np.array([[0.0, 20.0]]), start, start + 2, np.ones(10))
    point, reached = threshold_for_precision([outcome], 1.0, RULES)
    assert reached and point.threshold < 1 and point.events.calls == 1
    silent = RecordingOutcome(np.empty((0, 2)), 0, np.empty((0, 2)), start, start + 2, np.zeros(10))
    point, reached = threshold_for_precision([silent], 1.0, RULES)
    assert not reached and (point is None or point.events.precision == 0.0)


@pytest.mark.parametrize(("lowest", "tried", "tolerance"), [(0.0, 1000, 1e-9), (0.6, 1000, 1e-9), (0.0, 16, 0.03)])
def test_no_other_threshold_has_a_better_f1(outcomes, lowest, tried, tolerance, monkeypatch):
    monkeypatch.setattr(operating_points, "_TRIED", tried)
    calls_there_are = sum(len(o.annotations) for o in outcomes)
    every = [(t, *by_hand(outcomes, t)) for t in np.linspace(max(lowest, 0.001), 0.999, 100)]
    best = max(2 * right / (calls + calls_there_are) for _, calls, right in every)
    point = best_threshold(outcomes, RULES, lowest)
    calls, right = by_hand(outcomes, point.threshold)
    assert point.threshold >= lowest and point.events.f1 >= best - tolerance
    assert 2 * right / (calls + calls_there_are) == pytest.approx(point.events.f1)


def test_where_no_call_is_right_there_is_no_threshold():
    assert best_threshold([recording(0, [0.5, 0.7], [False, False])], RULES) is None
    assert best_threshold([], RULES) is None


@pytest.mark.parametrize("wanted", [0.8, 1.0])
def test_of_thresholds_with_a_precision_the_best_f1_is_taken(outcomes, wanted, monkeypatch):
    monkeypatch.setattr(operating_points, "_TRIED", 1000)
    point = best_threshold(outcomes, RULES, precision=wanted)
    every = [(*by_hand(outcomes, t),) for t in np.linspace(0.001, 0.999, 100)]
    good = [right for calls, right in every if calls and right / calls >= wanted]
    calls, right = by_hand(outcomes, point.threshold)
    assert (
        (right / calls >= wanted and right >= max(good)) if good else right / calls >= max(r / c for c, r in every if c)
    )

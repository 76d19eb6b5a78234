"""A recording's result: no window lost in silence, none counted twice."""

import dataclasses

import apache_beam as beam
import numpy as np
from apache_beam.testing.test_pipeline import TestPipeline as PipelineOfTest
from apache_beam.testing.util import assert_that, equal_to
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from soundbeam.model.classifier.calls import CallRules, find_calls
from soundbeam.model.classifier.count_interval import CountModel
from soundbeam.transforms.kept_scores import KeptScores
from soundbeam.transforms.records import DecodeReport, Recording, SegmentScores, Unscannable
from soundbeam.transforms.scoring.count_calls import CountCalls, Counting, count_calls, result_of_unscannable

RECORDING = Recording("file:///a.wav", 100, "v")
COUNTING = Counting(("x", "y"), (0.5, 0.9), CallRules())


def scores(index, first, values, error=""):
    start = first + np.arange(len(values), dtype=float)
    both = np.stack([np.asarray(values, np.float32), np.zeros(len(values), np.float32)], axis=1)
    return SegmentScores(RECORDING.uri, index, start, start + 1, None if error else KeptScores.of(both), error)


def report(windows, segments, status="ok", error=""):
    return DecodeReport(RECORDING, status, "" if status == "ok" else "decode", error, 9.0, 8000, 1, windows, segments)


def test_segments_are_joined_in_order_and_counted_for_each_label():
    result = count_calls(report(6, 2), [scores(1, 3, [0.0, 0.9, 0.0]), scores(0, 0, [0.0, 0.8, 0.0])], COUNTING)
    assert result.start_s.tolist() == [0, 1, 2, 3, 4, 5]
    assert [c.start_s for c in result.calls["x"]] == [1, 4]
    assert result.calls["y"] == []
    assert result.report.status == "ok"


def test_every_label_has_an_interval_of_its_count():
    """Peaks of 0.8 and 0.9, and the model's p: the number of calls is a sum of two Bernoulli ones."""
    certain = CountModel(draws=((1.0, -2.0, 0.0),))
    counting = dataclasses.replace(COUNTING, count_model=certain)
    result = count_calls(report(6, 2), [scores(1, 3, [0.0, 0.9, 0.0]), scores(0, 0, [0.0, 0.8, 0.0])], counting)
    p = [1 / (1 + np.exp(2) * (1 - s) / s) for s in (0.8, 0.9)]  # 0.35 and 0.55
    assert (1 - p[0]) * (1 - p[1]) > 0.05 and p[0] * p[1] > 0.05
    assert result.intervals == {"x": (0, 2), "y": (0, 0)}
    assert count_calls(report(2, 1, "partial", "cut off"), [], counting).intervals == {}


def test_a_segment_given_twice_counts_once():
    twice = [scores(0, 0, [0.9, 0.0]), scores(0, 0, [0.9, 0.0])]
    result = count_calls(report(2, 1), twice, COUNTING)
    assert result.start_s.tolist() == [0, 1] and len(result.calls["x"]) == 1


def test_lost_windows_make_the_recording_partial_and_say_why():
    result = count_calls(report(4, 2), [scores(0, 0, [0.9, 0.0]), scores(1, 2, [0, 0], "no memory")], COUNTING)
    assert (result.report.status, result.report.stage, result.report.windows) == ("partial", "score", 2)
    assert result.report.error == "2 of 4 windows have no score: no memory"


def test_no_window_left_is_a_failure_without_calls():
    result = count_calls(report(2, 1, "partial", "cut off"), [], COUNTING)
    assert (result.report.status, result.calls) == ("failed", {})
    assert result.report.error.startswith("cut off; 2 of 2 windows have no score")


def test_a_file_that_was_not_decoded_keeps_its_reason():
    result = result_of_unscannable(Unscannable(RECORDING, "failed", "list", "empty file (0 bytes)"), 2)
    assert (result.report.status, result.report.stage, result.report.error) == (
        "failed",
        "list",
        "empty file (0 bytes)",
    )
    assert (result.scores.windows, result.scores.labels, result.calls) == (0, 2, {})


def test_each_recording_is_counted_as_soon_as_it_ended_whatever_the_order_of_its_parts():
    other = Recording("file:///b.wav", 1, "v")
    items = [
        scores(1, 3, [0.0, 0.9, 0.0]),
        DecodeReport(other, "failed", "decode", "no audio", None, None, None, 0, 0),
        report(6, 2),
        scores(0, 0, [0.0, 0.8, 0.0]),
        DecodeReport(Recording("file:///c.wav", 1, "v"), "ok", "", "", 9.0, 8000, 1, 5, 2),
    ]
    with PipelineOfTest(runner="FnApiRunner") as pipeline:
        results = pipeline | beam.Create([items]) | beam.FlatMap(lambda x: x) | CountCalls(COUNTING)
        found = results["whole"] | beam.Map(
            lambda r: (r.report.recording.uri[-5:], r.report.status, r.report.stage, len(r.calls.get("x", ())))
        )
        assert_that(
            found, equal_to([("b.wav", "failed", "decode", 0), ("a.wav", "ok", "", 2), ("c.wav", "failed", "score", 0)])
        )


LEVELS = [float(np.float32(score)) for score in (0.0, 0.01, 0.04, 0.06, 0.2, 0.26, 0.5, 0.9, 1.0)]
MANY = st.tuples(st.integers(1, 40), st.integers(1, 14)).flatmap(
    lambda shape: arrays(np.float32, shape, elements=st.sampled_from(LEVELS))
)


@given(
    MANY, st.sampled_from([0.05, 0.2, 0.25]), st.sampled_from([0.0, 2.5]), st.sampled_from([0.5, 1.0]), st.booleans()
)
def test_calls_of_what_is_kept_are_those_of_all_scores_with_the_floor_under_them(dense, floor, smooth_s, dip, zeros):
    """Of a label, every score under the floor counts as the floor, or a dip under the threshold if that is lower."""
    labels = tuple(f"bird{i}" for i in range(dense.shape[1]))
    thresholds = tuple(0.25 if i % 2 else 0.5 for i in range(len(labels)))
    rules = CallRules(smooth_s, dip)
    start = np.arange(len(dense), dtype=float)
    parts = [
        SegmentScores(RECORDING.uri, i, start[part], start[part] + 1, KeptScores.of(dense[part], floor))
        for i, part in enumerate((slice(0, 7), slice(7, None)))
        if len(start[part])
    ]
    counting = Counting(labels, thresholds, rules, zeros=zeros)
    found = count_calls(report(len(dense), len(parts)), parts, counting)
    for i, label in enumerate(labels):
        odds = thresholds[i] / (1 - thresholds[i])
        below = min(floor, odds / (odds + np.exp(dip)))
        column = np.where(dense[:, i] < floor, np.nextafter(np.float32(below), np.float32(0)), dense[:, i])
        calls = find_calls(start, start + 1, column, thresholds[i], rules)
        assert found.calls.get(label, []) == calls
        assert (label in found.calls) == (zeros or bool(calls)) == (label in found.intervals)


def test_two_calls_with_nothing_kept_between_them_are_two_however_high_the_floor():
    dense = np.full((20, 11), 0.001, np.float32)
    dense[:, 0] = 0.9
    dense[[3, 15], 5] = 0.26
    counting = Counting(tuple("abcdefghijk"), (0.25,) * 11, CallRules())
    start = np.arange(20.0)
    scored = SegmentScores(RECORDING.uri, 0, start, start + 1, KeptScores.of(dense, 0.25))
    result = count_calls(report(20, 1), [scored], counting)
    assert [call.start_s for call in result.calls["f"]] == [3.0, 15.0]
    assert result.intervals["f"][1] >= 2 and result.intervals["k"] == (0, 0)

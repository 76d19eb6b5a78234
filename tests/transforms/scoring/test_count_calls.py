"""A recording's result: no window lost in silence, none counted twice."""

import dataclasses

import apache_beam as beam
import numpy as np
from apache_beam.testing.test_pipeline import TestPipeline as PipelineOfTest
from apache_beam.testing.util import assert_that, equal_to

from soundbeam.model.classifier.calls import CallRules
from soundbeam.model.classifier.count_interval import CountModel
from soundbeam.transforms.records import DecodeReport, Recording, SegmentScores, Unscannable
from soundbeam.transforms.scoring.count_calls import CountCalls, Counting, count_calls, result_of_unscannable

RECORDING = Recording("file:///a.wav", 100, "v")
COUNTING = Counting(("x", "y"), (0.5, 0.9), CallRules())


def scores(index, first, values, error=""):
    start = first + np.arange(len(values), dtype=float)
    both = np.stack([np.asarray(values, np.float32), np.zeros(len(values), np.float32)], axis=1)
    return SegmentScores(RECORDING.uri, index, start, start + 1, None if error else both, error)


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
    assert result.scores.shape == (0, 2) and result.calls == {}


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

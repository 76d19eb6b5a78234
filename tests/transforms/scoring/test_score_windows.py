"""Scores of segments: each window once, equal to scoring it alone, whatever it stands together with."""

import dataclasses
import itertools
from concurrent.futures import ThreadPoolExecutor

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.testing.util import assert_that

from soundbeam.model.classifier.bundle import load_bundle
from soundbeam.model.errors import SoundbeamError
from soundbeam.transforms.records import DecodeReport, Recording, Segment
from soundbeam.transforms.scoring.score_windows import ScoreWindows, load_scorer, score_segments, windows_of
from tests.placeholder import HOP_S, RATE, expected_score, with_tones


def segment(name, windows, seed):
    hop = round(HOP_S * RATE)
    offsets = np.arange(windows) * hop
    samples = with_tones((windows - 1) * HOP_S + 1, [0.7], seed=seed).astype(np.float32)
    return Segment(name, 0, samples, offsets, offsets / RATE, offsets / RATE + 1)


def scores_of(segments, scorer, threads):
    with ThreadPoolExecutor(threads) as pool:
        return list(score_segments(segments, scorer, pool))


@pytest.fixture(scope="module")
def scorer(tone_bundle):
    return load_bundle(tone_bundle).scorer()


def test_windows_are_gathered_where_their_offsets_say():
    s = segment("a", 3, 0)
    windows = windows_of(s)
    assert windows.shape == (3, RATE)
    np.testing.assert_array_equal(windows[2], s.samples[RATE : 2 * RATE])


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("lengths", [[1], [1, 1, 1], [20, 1, 7, 3], [8, 9, 40], [70, 1, 2, 90, 3, 1, 30]])
def test_scores_are_those_of_each_window_by_itself(scorer, lengths, threads):
    segments = [segment(f"r{i}", n, i) for i, n in enumerate(lengths)]
    scored = scores_of(segments, scorer, threads)
    assert [s.uri for s in scored] == [s.uri for s in segments]
    for given, got in zip(segments, scored, strict=True):
        assert got.error == ""
        expected = [expected_score(given.samples[o : o + RATE].astype(np.float64)) for o in given.offsets]
        np.testing.assert_allclose(got.scores.column(0), expected, atol=1e-5)


@pytest.mark.parametrize("threads", [1, 2])
def test_one_segment_that_cannot_be_scored_costs_no_other_its_scores(scorer, threads):
    class Failing:
        batch = scorer.batch

        def score_windows(self, windows):
            if np.any(windows > 5):
                raise RuntimeError("no memory\nleft")
            return scorer.score_windows(windows)

        def score_segment(self, samples, offsets):
            return self.score_windows(np.stack([samples[o : o + RATE] for o in offsets]))

    good, bad, alone = segment("good", 2, 0), segment("bad", 2, 1), segment("long", 30, 2)
    bad.samples[0] = 10
    scored = scores_of([good, bad, alone], Failing(), threads)
    assert [s.scores is None for s in scored] == [False, True, False]
    assert scored[1].error == "scoring failed: no memory left"


def test_a_score_that_is_no_number_is_an_error_not_a_score(scorer):
    class Broken:
        batch = 8

        def score_windows(self, windows):
            return np.full((len(windows), 1), np.nan, np.float32)

        def score_segment(self, samples, offsets):
            return self.score_windows(offsets)

    (scored,) = scores_of([segment("a", 3, 0)], Broken(), 1)
    assert scored.scores is None and "not a number" in scored.error


def test_a_worker_refuses_a_bundle_that_was_changed_after_the_start(tone_bundle):
    with pytest.raises(SoundbeamError, match="changed while the scan ran"):
        load_scorer(tone_bundle, "0" * 64)


def test_short_recordings_fill_a_call_and_long_segments_are_not_piled_up(tone_bundle):
    long, short = segment("long", 20, 0), [segment(f"{i}", 1, i) for i in range(300)]
    step = ScoreWindows(tone_bundle, "", threads=2, segment_samples=len(long.samples))
    with beam.Pipeline() as p:
        sizes = (
            p
            | beam.Create([[*short, *40 * [long]]])
            | beam.FlatMap(lambda items: items)
            | step.batches()
            | beam.Map(lambda batch: (len(batch), sum(len(s.samples) for s in batch)))
        )
        most = 8 * len(long.samples)
        assert_that(sizes, lambda found: _check(found, most))


def test_batches_come_out_whole_and_in_order_while_the_next_ones_are_scored(tone_bundle):
    report = DecodeReport(Recording("r", 1, ""), "ok", "", "", 1.0, RATE, 1, 0, 1)
    items = [[segment(f"s{i}", 2, i), dataclasses.replace(report, windows=i)] for i in range(100)]
    step = ScoreWindows(tone_bundle, load_bundle(tone_bundle).fingerprint, threads=2, segment_samples=RATE // 4)
    with beam.Pipeline() as p:
        scored = p | beam.Create([items]) | beam.FlatMap(itertools.chain.from_iterable) | step
        assert_that(scored, lambda found: _same(items, found))


def _same(items, found):
    assert [s.uri for s in found[::2]] == [s.uri for s, _ in items]
    assert [r.windows for r in found[1::2]] == list(range(100))
    for (given, _), got in zip(items, found[::2], strict=True):
        expected = [expected_score(given.samples[o : o + RATE].astype(np.float64)) for o in given.offsets]
        np.testing.assert_allclose(got.scores.column(0), expected, atol=1e-5)


def _check(found, most):
    assert sum(n for n, _ in found) == 340
    assert max(samples for _, samples in found) <= most
    assert found[0][0] == most // RATE  # of one window each
    assert len(found) == -(-sum(samples for _, samples in found) // most)

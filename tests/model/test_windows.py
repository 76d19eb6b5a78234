"""The arithmetic of windows: closed forms, and the same windows in tuning as in a scan."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.synthesis.mixing import DecodedClip
from soundbeam.model.synthesis.validation_soundscapes import Soundscape
from soundbeam.model.tasks import DETECTOR
from soundbeam.model.training.plan import TrainingTask
from soundbeam.model.training.soundscape_scores import score_soundscapes
from soundbeam.model.training.whole_clips import score_clips
from soundbeam.model.windows import WindowSpec
from soundbeam.transforms.decoding.segments import split_into_segments
from tests.training_examples import TINY
from tests.window_specs import specs


def expected_starts(n: int, spec: WindowSpec) -> list[int]:
    """The definition, one window at a time."""
    window, starts, k = round(spec.window_s * spec.rate), [], 0
    if n == 0:
        return []
    while round(k * spec.hop_s * spec.rate) + window <= n:
        starts.append(round(k * spec.hop_s * spec.rate))
        k += 1
    if not starts:
        return [0]
    if starts[-1] + window < n:
        starts.append(n - window)
    return starts


@settings(deadline=None)
@given(specs(), st.integers(0, 1500))
def test_starts_are_those_of_the_definition(spec, n):
    starts = spec.starts(n)
    assert starts.dtype == np.int64
    assert starts.tolist() == expected_starts(n, spec)
    assert spec.count(n) == len(starts)


@settings(deadline=None)
@given(specs(), st.integers(1, 1500))
def test_every_sample_is_in_a_window_and_the_last_ends_where_the_recording_ends(spec, n):
    starts = spec.starts(n)
    covered = np.zeros(max(n, spec.window_samples), bool)
    for start in starts:
        covered[start : start + spec.window_samples] = True
    assert covered[:n].all()
    assert len(set(starts.tolist())) == len(starts)
    assert starts[-1] + spec.window_samples == max(n, spec.window_samples)
    start_s, end_s = spec.windows(0, n)[1:]
    regular = spec.regular(n)
    np.testing.assert_array_equal(start_s[:regular], np.arange(regular) * spec.hop_s)
    if len(starts) > regular:
        assert end_s[-1] == n / spec.rate
        assert start_s[-1] == max(0, n - spec.window_samples) / spec.rate


class Asked:
    """A scorer that keeps which windows it was asked for."""

    def score_segment(self, samples, offsets):
        self.samples, self.offsets = len(samples), offsets
        return np.zeros((len(offsets), 1), np.float32)


def with_windows(spec):
    """An architecture of these windows."""
    mel = dataclasses.replace(TINY.front_end.features[0], low_hz=0, high_hz=spec.rate / 2)
    front_end = dataclasses.replace(TINY.front_end, features=(mel,), rate=spec.rate)
    return dataclasses.replace(TINY, front_end=front_end, window_s=spec.window_s, hop_s=spec.hop_s)


def check_that_tuning_has_the_windows_of_a_scan(spec, n):
    samples, architecture, scorer = np.zeros(n, np.float32), with_windows(spec), Asked()
    assert architecture.windows == spec
    scan = list(split_into_segments([samples], spec, segment_s=3 * spec.window_s))
    start_s = np.concatenate([s.start_s for s in scan])
    first = [round(s.start_s[0] * spec.rate) for s in scan]
    offsets = np.concatenate([at + s.offsets for at, s in zip(first, scan, strict=True)])

    score_clips(scorer, [DecodedClip(samples, "a", "")], architecture.windows, TrainingTask(("a",), DETECTOR, {}))
    np.testing.assert_array_equal(scorer.offsets, offsets)
    assert scorer.samples == max(n, spec.window_samples)

    ((scored,),) = score_soundscapes(scorer, [Soundscape(samples, ())], ("a",), architecture.windows)
    np.testing.assert_array_equal(scorer.offsets, offsets)
    np.testing.assert_array_equal(scored.start_s, start_s)
    if n >= spec.window_samples:
        end_s = np.concatenate([s.end_s for s in scan])
        np.testing.assert_allclose(scored.start_s + spec.length_s, end_s, rtol=0, atol=1e-9)


@settings(deadline=None)
@given(specs(), st.integers(1, 1500))
def test_tuning_has_the_windows_of_a_scan(spec, n):
    check_that_tuning_has_the_windows_of_a_scan(spec, n)


def test_a_hop_of_half_samples_does_not_drift():
    """90 s are 992,250 samples, a hop is 5,512.5. Window 174 starts at 87 s, sample 959,175, and ends with the sound.

    Hops of 5,512 samples would begin it 87 samples earlier, and need one window more.
    """
    spec, n = WindowSpec(11025, 3.0, 0.5), 90 * 11025
    check_that_tuning_has_the_windows_of_a_scan(spec, n)
    starts, (start_s, end_s) = spec.starts(n), spec.windows(0, n)[1:]
    assert len(starts) == spec.count(n) == 175
    assert starts[[0, 1, 2, 3, 4, 174]].tolist() == [0, 5512, 11025, 16538, 22050, 959175]
    assert (start_s[174], end_s[174]) == (87.0, 90.0)


def test_a_day_of_windows_stays_exact():
    spec = WindowSpec(16000, 3.0, 0.1)
    n = 24 * 3600 * 16000 + 7
    starts, (start_s, _) = spec.starts(n), spec.windows(0, n)[1:]
    assert np.array_equal(starts[:-1], np.arange(len(starts) - 1) * 1600)
    assert start_s[863_000] == 863_000 * 0.1
    assert starts[-1] == n - 48000


@pytest.mark.parametrize(
    ("rate", "window", "hop", "said"),
    [
        (16000, 3.0, 3.5, "hop of at most 3 s"),
        (16000, 3.0, 0.0, "above zero"),
        (16000, -1.0, 1.0, "above zero"),
        (16000, float("nan"), 1.0, "above zero"),
        (0, 3.0, 1.0, "above zero"),
        (16000, 3.0, 1e-6, "shorter than a sample"),
        (100, 0.024, 0.024, "missed"),  # 2.4 samples: windows of 2 would leave some between them
    ],
)
def test_a_spec_that_would_miss_sound_is_refused(rate, window, hop, said):
    with pytest.raises(SoundbeamError, match=said):
        WindowSpec(rate, window, hop)

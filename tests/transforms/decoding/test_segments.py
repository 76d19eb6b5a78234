"""The arithmetic of windows: closed forms, and independence of blocks and segments."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundbeam.model.errors import SoundbeamError
from soundbeam.transforms.decoding.segments import WindowSpec, cut


@st.composite
def specs(draw):
    rate = draw(st.sampled_from([50, 100, 441, 1000]))
    window = draw(st.integers(2, 120))
    hop = draw(st.floats(1.0, window)) if draw(st.booleans()) else float(draw(st.integers(1, window)))
    return WindowSpec(rate, window / rate, min(hop / rate, window / rate))


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


def split(x: np.ndarray, sizes: list[int]) -> list[np.ndarray]:
    blocks, at = [], 0
    for size in sizes:
        blocks.append(x[at : at + size])
        at += size
    return [*blocks, x[at:]]


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
    start_s, end_s = spec.spans(n)
    regular = spec.regular(n)
    np.testing.assert_array_equal(start_s[:regular], np.arange(regular) * spec.hop_s)
    if len(starts) > regular:
        assert end_s[-1] == n / spec.rate
        assert start_s[-1] == max(0, n - spec.window_samples) / spec.rate


@settings(max_examples=300, deadline=None)
@given(specs(), st.integers(0, 1500), st.lists(st.integers(0, 400), max_size=20), st.floats(0.001, 20.0))
def test_blocks_and_segments_change_nothing(spec, n, sizes, segment_s):
    x = np.arange(1, n + 1, dtype=np.float32)
    segments = list(cut(split(x, sizes), spec, segment_s, "file:///a"))
    assert [s.index for s in segments] == list(range(len(segments)))
    start_s, end_s = spec.spans(n)
    np.testing.assert_array_equal(np.concatenate([s.start_s for s in segments] or [np.zeros(0)]), start_s)
    np.testing.assert_array_equal(np.concatenate([s.end_s for s in segments] or [np.zeros(0)]), end_s)
    padded = np.pad(x, (0, max(0, spec.window_samples - n)))
    expected = [padded[start : start + spec.window_samples] for start in spec.starts(n)]
    found = [s.samples[o : o + spec.window_samples] for s in segments for o in s.offsets]
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


@settings(deadline=None)
@given(specs(), st.integers(0, 3000), st.floats(0.5, 10.0))
def test_segments_are_bounded(spec, n, segment_s):
    bound = max(segment_s * spec.rate, spec.window_samples) + spec.hop_s * spec.rate + 2
    for segment in cut([np.zeros(n, np.float32)], spec, segment_s):
        assert len(segment.samples) <= spec.segment_samples(segment_s) <= bound
        assert segment.samples.dtype == np.float32
        assert segment.samples.base is None or len(segment.samples.base) <= bound + spec.window_samples


def test_a_short_recording_is_padded_on_the_right():
    (segment,) = cut([np.ones(30, np.float32)], WindowSpec(100, 1.0, 0.5))
    assert segment.samples.tolist() == [1.0] * 30 + [0.0] * 70
    assert (segment.start_s.tolist(), segment.end_s.tolist()) == ([0.0], [0.3])


def test_the_last_window_is_moved_back():
    segments = list(cut([np.zeros(333, np.float32)], WindowSpec(100, 1.0, 1.0)))
    assert np.concatenate([s.start_s for s in segments]).tolist() == [0.0, 1.0, 2.0, 2.33]
    assert np.concatenate([s.end_s for s in segments]).tolist() == [1.0, 2.0, 3.0, 3.33]


def test_a_day_of_windows_stays_exact():
    spec = WindowSpec(16000, 3.0, 0.1)
    n = 24 * 3600 * 16000 + 7
    starts, (start_s, _) = spec.starts(n), spec.spans(n)
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

"""Segments: the windows of a recording, whatever the blocks that they are cut from."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from soundbeam.model.windows import WindowSpec
from soundbeam.transforms.decoding.segments import split_into_segments
from tests.window_specs import specs


def split(x: np.ndarray, sizes: list[int]) -> list[np.ndarray]:
    blocks, at = [], 0
    for size in sizes:
        blocks.append(x[at : at + size])
        at += size
    return [*blocks, x[at:]]


@settings(max_examples=300, deadline=None)
@given(specs(), st.integers(0, 1500), st.lists(st.integers(0, 400), max_size=20), st.floats(0.001, 20.0))
def test_blocks_and_segments_change_nothing(spec, n, sizes, segment_s):
    x = np.arange(1, n + 1, dtype=np.float32)
    segments = list(split_into_segments(split(x, sizes), spec, segment_s, "file:///a"))
    assert [s.index for s in segments] == list(range(len(segments)))
    start_s, end_s = spec.windows(0, n)[1:]
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
    for segment in split_into_segments([np.zeros(n, np.float32)], spec, segment_s):
        assert len(segment.samples) <= spec.segment_samples(segment_s) <= bound
        assert segment.samples.dtype == np.float32
        assert segment.samples.base is None or len(segment.samples.base) <= bound + spec.window_samples


def test_a_short_recording_is_padded_on_the_right():
    (segment,) = split_into_segments([np.ones(30, np.float32)], WindowSpec(100, 1.0, 0.5))
    assert segment.samples.tolist() == [1.0] * 30 + [0.0] * 70
    assert (segment.start_s.tolist(), segment.end_s.tolist()) == ([0.0], [0.3])


def test_the_last_window_is_moved_back():
    segments = list(split_into_segments([np.zeros(333, np.float32)], WindowSpec(100, 1.0, 1.0)))
    assert np.concatenate([s.start_s for s in segments]).tolist() == [0.0, 1.0, 2.0, 2.33]
    assert np.concatenate([s.end_s for s in segments]).tolist() == [1.0, 2.0, 3.0, 3.33]

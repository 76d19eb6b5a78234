"""The frames of a FLAC stream are followed whatever the pieces in which its bytes are read."""

import io
import itertools

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from soundbeam.transforms.decoders.flac import RateTracker


@pytest.fixture(scope="module")
def stream():
    file = io.BytesIO()
    noise = 0.1 * np.random.default_rng(0).standard_normal(100_000)
    soundfile.write(file, noise, 16000, format="FLAC")
    return file.getvalue()


def followed(stream, cuts):
    tracker = RateTracker()
    bounds = [0, *sorted(cuts), len(stream)]
    for first, end in itertools.pairwise(bounds):
        tracker(first, stream[first:end])
    return tracker


@given(st.data())
def test_no_frame_is_missed_between_two_reads(stream, data):
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=20))
    tracker = followed(stream, cuts)
    assert tracker.samples == 100_000 and tracker.rate == 16000 and tracker.change is None


def test_no_place_between_two_reads_hides_a_frame(stream):
    second = stream.index(stream[stream.index(b"\xff\xf8") :][:3], stream.index(b"\xff\xf8") + 2)
    for cut in range(second - 4, second + 40):
        assert followed(stream, [cut]).samples == 100_000, cut - second

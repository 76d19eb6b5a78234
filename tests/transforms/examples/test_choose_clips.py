"""Clips of annotated recordings: every call once, and backgrounds that hold nothing of any call."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from soundbeam.transforms.examples.choose_clips import AnnotatedRecording, Stretch, free_stretches, labelled_clips

times = st.integers(0, 6000).map(lambda tenths: tenths / 10)
stretches = st.lists(
    st.tuples(times, st.integers(0, 80).map(lambda tenths: tenths / 10)).map(
        lambda pair: Stretch(pair[0], pair[0] + pair[1], "owl")
    ),
    max_size=12,
)


@given(stretches, st.floats(0.1, 600), st.floats(0, 3), st.sampled_from([1.5, 5.0]), st.integers(0, 9))
def test_a_background_overlaps_no_call_with_its_context_and_no_other_background(calls, duration, context, length, seed):
    found = free_stretches(calls, duration, context, length, np.random.default_rng(seed))
    assert found == sorted(found) and len(found) <= 20
    for start, end in found:
        assert 0 <= start < end <= duration + 1e-9 and 1.0 - 1e-9 <= end - start <= length + 1e-9
        assert all(end <= c.start_s - context + 1e-9 or start >= c.end_s + context - 1e-9 for c in calls)
    assert all(a[1] <= b[0] + 1e-9 for a, b in itertools.pairwise(found))
    # Where nothing calls for ten times the length, something is found.
    if duration >= 10 * length and not calls:
        assert len(found) == min(20, duration // length)


def test_another_seed_draws_others():
    draws = [free_stretches([], 600.0, 0.0, 5.0, np.random.default_rng(seed)) for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]


def clips(*found, context=0.5):
    recording = AnnotatedRecording("file:///a.wav", tuple(Stretch(*one) for one in found))
    return [(c.start_s, c.end_s, c.label) for c in labelled_clips(recording, context)]


def test_context_ends_at_the_next_annotation():
    assert clips((0.2, 1.0, "a"), (1.25, 2.0, "b"), (9.0, 9.5, "")) == [(0.0, 1.25, "a"), (1.0, 2.5, "b")]
    assert clips((1.0, 3.0, "a"), (2.0, 4.0, "b")) == [(0.5, 3.5, "a"), (1.5, 4.5, "b")]  # they overlap themselves
    assert clips((5.0, 5.0, "point")) == [(4.5, 5.5, "point")]
    assert clips((5.0, 5.0, "point"), context=0.0) == []


def test_negatives_have_no_context():
    assert clips((1.0, 3.0, "background"), (5.0, 6.0, "not owl", True)) == [
        (1.0, 3.0, "background"),
        (5.0, 6.0, "not owl"),
    ]


def test_a_clip_has_its_recording_as_source():
    (clip,) = labelled_clips(AnnotatedRecording("s3://b/x.wav", (Stretch(1, 2, "a"),)), 0.0)
    assert (clip.recording, clip.source, clip.false_alarm) == ("s3://b/x.wav", "s3://b/x.wav", False)

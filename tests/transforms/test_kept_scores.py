"""What is kept of scores: all of few labels, and of many those over a floor and each window's highest."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from soundbeam.transforms.kept_scores import Keeping, KeptScores

SCORES = st.tuples(st.integers(0, 6), st.integers(1, 12)).flatmap(
    lambda shape: arrays(np.float32, shape, elements=st.floats(0, 1, width=32))
)


@given(SCORES, st.floats(0.01, 0.99))
def test_a_score_is_kept_if_it_reaches_the_floor_or_is_its_windows_highest(scores, floor):
    kept = KeptScores.of(scores, floor)
    expected = [
        (w, label, score)
        for w, row in enumerate(scores)
        for label, score in enumerate(row)
        if score >= np.float32(floor) or label == int(np.argmax(row))
    ]
    assert list(zip(kept.window, kept.label, kept.value, strict=True)) == expected
    for label in range(scores.shape[1]):
        column = np.where(scores[:, label] >= np.float32(floor), scores[:, label], np.float32(0.125))
        np.testing.assert_array_equal(kept.column(label, 0.125), column)


@given(SCORES)
def test_without_a_floor_all_scores_are_kept(scores):
    kept = KeptScores.of(scores)
    assert len(kept.value) == scores.size and (kept.windows, kept.labels) == scores.shape
    for label, column in enumerate(scores.T):
        np.testing.assert_array_equal(kept.column(label), column)
        highest = column.max() if len(column) else -np.inf
        assert kept.highest()[label] == highest


@given(SCORES, st.integers(0, 6), st.sampled_from([None, 0.2, 0.8]))
def test_parts_that_follow_one_another_are_joined(scores, cut, floor):
    joined = KeptScores.joined([KeptScores.of(scores[:cut], floor), KeptScores.of(scores[cut:], floor)])
    whole = KeptScores.of(scores, floor)
    assert (joined.windows, joined.labels, joined.floor) == (whole.windows, whole.labels, whole.floor)
    for name in ("window", "label", "value"):
        np.testing.assert_array_equal(getattr(joined, name), getattr(whole, name))


def test_columns_that_are_not_chosen_do_not_count():
    scores = np.array([[0.9, 0.01, 0.02], [0.9, 0.3, 0.01]], np.float32)
    kept = Keeping((2, 1), 0.05).of(scores)
    assert list(zip(kept.window.tolist(), kept.label.tolist(), kept.value.tolist(), strict=True)) == [
        (0, 0, np.float32(0.02)),
        (1, 1, np.float32(0.3)),
    ]

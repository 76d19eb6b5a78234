"""What windows should have said, against a brute-force reading of the rule."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from soundbeam.model.evaluation.detection import AMBIGUOUS, NEGATIVE, POSITIVE, RecordingOutcome, evaluate, window_truth

STEP = 0.25  # all times are multiples of it, so the brute force may count steps


def by_counting_steps(start_s, end_s, calls):
    truth = []
    for window in zip(start_s, end_s, strict=True):
        inside = {i for i in range(round(window[0] / STEP), round(window[1] / STEP))}
        steps = [set(range(round(a / STEP), round(b / STEP))) for a, b in calls]
        held = any(c & inside and 2 * len(c & inside) >= len(c) for c in steps)
        filled = 2 * len(inside & set().union(*steps)) >= len(inside)
        touched = any(c & inside for c in steps)
        truth.append(POSITIVE if held or (touched and filled) else AMBIGUOUS if touched else NEGATIVE)
    return truth


@given(
    st.integers(1, 16),
    st.integers(1, 16),
    st.lists(st.tuples(st.integers(0, 60), st.integers(1, 24)), max_size=6),
)
def test_windows_against_counting_steps(window, hop, calls):
    start_s = np.arange(0, 80, hop) * STEP
    end_s = start_s + window * STEP
    intervals = np.array([(a * STEP, (a + n) * STEP) for a, n in calls]).reshape(-1, 2)
    assert window_truth(start_s, end_s, intervals).tolist() == by_counting_steps(start_s, end_s, intervals.tolist())


def test_four_second_windows_over_a_four_second_call():
    start_s = np.arange(0, 12.5, 0.5)
    truth = window_truth(start_s, start_s + 4, [[6, 10]])
    assert start_s[truth == POSITIVE].tolist() == np.arange(4, 8.5, 0.5).tolist()
    assert start_s[truth == AMBIGUOUS].tolist() == [2.5, 3.0, 3.5, 8.5, 9.0, 9.5]


def test_a_call_longer_than_windows_and_one_without_length():
    start_s = np.arange(0.0, 12, 3)
    assert window_truth(start_s, start_s + 3, [[1, 11]]).tolist() == [1, 1, 1, 1]
    assert window_truth(start_s, start_s + 3, [[1.6, 11]]).tolist() == [-1, 1, 1, 1]
    assert window_truth(start_s, start_s + 3, [[4, 4]]).tolist() == [0, 1, 0, 0]
    assert window_truth([], [], [[4, 5]]).tolist() == []


def test_figures_of_two_recordings():
    start_s = np.arange(0.0, 10)
    one = RecordingOutcome(
        np.array([[2.0, 4.0], [7, 8]]), 2, np.array([[2.0, 4.0]]), start_s, start_s + 2, start_s / 10
    )
    none = RecordingOutcome(np.empty((0, 2)), 0, np.empty((0, 2)), start_s, start_s + 2, start_s / 20)
    figures = evaluate([one, none])
    assert (figures.counts.exact, figures.counts.mean_absolute_error) == (1, 0.5)
    assert (figures.events.precision, figures.events.recall, figures.matched) == (0.5, 1.0, (1, 0))
    truth = [0, 1, 1, 1, 0, 0, 0, 0, 0, 0] + [0] * 10
    scores = np.concatenate([start_s / 10, start_s / 20])
    assert figures.windows.average_precision == pytest.approx(average_precision_score(truth, scores))
    assert (figures.windows.positive, figures.windows.negative, figures.windows.ambiguous) == (3, 17, 0)


def test_nothing_at_all():
    figures = evaluate([])
    assert figures.counts.exact_share is None and figures.windows.average_precision is None

"""Against counting by hand, clip by clip."""

import io
from collections import Counter

import matplotlib.image
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from soundbeam.model.classifier.clip_scores import clip_scores
from soundbeam.model.evaluation.classification import classify, wilson_interval
from soundbeam.model.pictures.confusion import draw_confusion
from soundbeam.model.tasks import CLASSIFIER, DETECTOR

LABELS = ("cat", "dog", "owl", "rain")


@st.composite
def clips(draw):
    n = draw(st.integers(1, 30))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    scores = rng.dirichlet(np.ones(len(LABELS)), n).round(2)
    return rng.integers(len(LABELS), size=n), scores


@given(clips())
@settings(max_examples=60, deadline=None)
def test_one_of_many_is_what_counting_gives(drawn):
    true, scores = drawn
    figures = classify(np.eye(4, dtype=bool)[true], scores, LABELS, CLASSIFIER, [0.5] * 4)
    said = [max(range(4), key=lambda i, row=row: (row[i], -i)) for row in scores.tolist()]
    pairs = Counter(zip(true.tolist(), said, strict=True))
    assert figures.exact == sum(n for (t, s), n in pairs.items() if t == s)
    assert all(figures.confusion[t, s] == pairs[t, s] for t in range(4) for s in range(4))
    f1s = []
    for i, its in enumerate(figures.labels):
        right, clips_, found = pairs[i, i], sum(true == i), said.count(i)
        assert (its.right, its.clips, its.found) == (right, clips_, found)
        assert its.precision == (right / found if found else None)
        assert its.recall == (right / clips_ if clips_ else None)
        if clips_:
            f1s.append(2 * right / (clips_ + found))
    assert figures.macro["f1"] == pytest.approx(sum(f1s) / len(f1s))
    for k, share in figures.top.items():
        ranked = [sorted(range(4), key=lambda i, row=row: (-row[i], i))[:k] for row in scores.tolist()]
        assert share == pytest.approx(np.mean([t in best for t, best in zip(true.tolist(), ranked, strict=True)]))
    assert set(figures.top) == {1, 2, 3} and figures.top[1] == figures.accuracy


def test_several_at_once_goes_by_each_labels_threshold():
    truth = np.array([[1, 1, 0], [0, 0, 0], [0, 1, 0], [1, 0, 1]], bool)
    scores = np.array([[0.9, 0.4, 0.1], [0.2, 0.2, 0.95], [0.6, 0.31, 0.2], [0.7, 0.1, 0.97]])
    figures = classify(truth, scores, ("a", "b", "c"), DETECTOR, (0.65, 0.3, 0.96))
    assert [(its.right, its.found, its.clips) for its in figures.labels] == [(2, 2, 2), (2, 2, 2), (1, 1, 1)]
    assert figures.exact == 4 and figures.top == {}
    # Clip 3 alone has one label: it is taken for the label with its highest score.
    assert figures.confusion.sum() == 1 and figures.confusion[1, 0] == 1
    worse = classify(truth, scores, ("a", "b", "c"), DETECTOR, (0.5, 0.3, 0.9))
    assert worse.exact == 2 and worse.labels[0].precision == pytest.approx(2 / 3)
    assert worse.labels[2].precision == 0.5


def test_a_label_never_said_and_one_without_clips_have_no_made_up_figures():
    figures = classify(np.eye(3, dtype=bool)[[0, 0, 1]], np.eye(3)[[0, 0, 0]], "abc", CLASSIFIER, [0.5] * 3)
    a, b, c = figures.labels
    assert a.precision == pytest.approx(2 / 3) and b.precision is None and b.recall == 0
    assert c.recall is None and c.average_precision is None
    assert figures.macro["precision"] == pytest.approx((2 / 3 + 0) / 2)


@pytest.mark.parametrize("right, of", [(0, 1), (1, 1), (7, 10), (90, 100), (0, 1000), (1000, 1000)])
def test_the_interval_of_a_share_is_scipys(right, of):
    expected = stats.binomtest(right, of).proportion_ci(0.95, method="wilson")
    assert wilson_interval(right, of) == pytest.approx((expected.low, expected.high), abs=1e-7)


def test_windows_become_a_clip_by_mean_or_by_highest():
    windows = np.array([[0.9, 0.1], [0.2, 0.8]], np.float32)
    assert clip_scores(windows, CLASSIFIER) == pytest.approx([0.55, 0.45])
    assert clip_scores(windows, DETECTOR) == pytest.approx([0.9, 0.8])


@pytest.mark.parametrize(
    "truth, scores",
    [(np.zeros((0, 2), bool), np.zeros((0, 2))), ([[True, True]], [[0.5, 0.5]]), ([[True]], [[0.5, 0.5]])],
)
def test_what_cannot_be_judged_is_refused(truth, scores):
    with pytest.raises(ValueError):
        classify(np.array(truth), np.array(scores), "ab", CLASSIFIER, [0.5, 0.5])


@pytest.mark.parametrize("n", [2, 10, 60])
def test_the_confusion_picture_is_darkest_where_most_are_right(n):
    file = io.BytesIO()
    confusion = 9 * np.eye(n, dtype=int) + np.eye(n, k=1, dtype=int)
    draw_confusion(file, confusion, [f"label {i}" for i in range(n)], "a title")
    pixels = matplotlib.image.imread(io.BytesIO(file.getvalue()))[..., :3]
    dark_blue = (pixels[..., 2] > pixels[..., 0] + 0.2) & (pixels[..., 0] < 0.3)
    rows, columns = np.nonzero(dark_blue[:, : pixels.shape[1] * 4 // 5])
    assert np.corrcoef(rows, columns)[0, 1] > 0.7  # the diagonal

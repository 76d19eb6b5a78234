"""What a report is made of, against loops and scikit-learn."""

import itertools

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from soundbeam.model.evaluation.detection import NEGATIVE, RecordingOutcome, evaluate, window_truth
from soundbeam.model.training.mistakes import best_scores, classifier_evidence, detector_evidence, highest_negatives
from soundbeam.model.training.soundscape_scores import SoundscapeScores

RATE, WINDOW_S = 1000, 2.0


def scored(seed, calls, windows=40):
    rng = np.random.default_rng(seed)
    return SoundscapeScores(
        np.arange(windows) * 0.5, np.round(rng.random(windows), 3), np.array(calls, float).reshape(-1, 2)
    )


def sound(seed):
    return np.random.default_rng(seed).standard_normal(22 * RATE).astype(np.float32)


SCORED = [scored(0, [(3, 5), (8, 9)]), scored(1, []), scored(2, [(0, 6.5), (10, 12.2)])]
TRUTHS = [window_truth(s.start_s, s.start_s + WINDOW_S, s.calls) for s in SCORED]


def test_the_best_window_of_a_call():
    for s in SCORED:
        for (start, end), best in zip(s.calls, best_scores(s, WINDOW_S), strict=True):
            expected = 0.0
            for at, score in zip(s.start_s, s.scores, strict=True):
                inside = min(at + WINDOW_S, end) - max(at, start)
                if inside >= (end - start) / 2 or inside >= WINDOW_S / 2:
                    expected = max(expected, score)
            assert best == expected > 0


def test_false_alarms_do_not_overlap_and_none_is_forgotten():
    found = highest_negatives(SCORED, TRUTHS, WINDOW_S)
    assert [f[0] for f in found] == sorted((f[0] for f in found), reverse=True)
    for k, (s, truth) in enumerate(zip(SCORED, TRUTHS, strict=True)):
        mine = [(score, start) for score, at, start, _ in found if at == k]
        for i in np.flatnonzero(truth == NEGATIVE):
            beside = [score for score, start in mine if abs(start - s.start_s[i]) < WINDOW_S]
            assert max(beside) >= s.scores[i]  # it is there, or what overlaps it is higher
        starts = sorted(start for _, start in mine)
        assert all(b - a >= WINDOW_S for a, b in itertools.pairwise(starts))


def test_a_detectors_windows_are_those_of_the_evaluation():
    evidence = detector_evidence([sound(i) for i in range(3)], RATE, [[s] for s in SCORED], {"owl": 0.5}, WINDOW_S)
    its = evidence.labels[0]
    none = np.empty((0, 2))
    outcomes = [RecordingOutcome(none, 0, s.calls, s.start_s, s.start_s + WINDOW_S, s.scores) for s in SCORED]
    figures = evaluate(outcomes).windows
    assert (its.truth.sum(), (~its.truth).sum()) == (figures.positive, figures.negative)
    assert average_precision_score(its.truth, its.scores) == pytest.approx(figures.average_precision)
    calls, others = evidence.galleries
    assert len(calls.pictures) == 4 and len(others.pictures) == 8
    shown = [float(p.caption.split(";")[0].split(",")[0]) for p in calls.pictures]
    assert shown == sorted(shown)
    assert all(("missed" in p.caption) == (score < 0.5) for p, score in zip(calls.pictures, shown, strict=True))


def test_a_picture_shows_what_lies_round_the_call():
    quiet = 1e-4 * sound(0)
    quiet[10 * RATE : 12 * RATE] += np.sin(2 * np.pi * 200 * np.arange(2 * RATE) / RATE)
    one = SoundscapeScores(np.arange(0, 20.0), np.full(20, 0.3), np.array([[10.0, 12.0]]))
    picture = detector_evidence([quiet], RATE, [[one]], {"owl": 0.5}, WINDOW_S).galleries[0].pictures[0]
    assert picture.span == pytest.approx((0.3, 0.7))  # 1.5 s before and behind 2 s
    loud = picture.decibels.max(axis=0) > -30
    columns = np.flatnonzero(loud) / len(loud)
    assert columns.min() == pytest.approx(0.3, abs=0.02) and columns.max() == pytest.approx(0.7, abs=0.02)
    at_start = SoundscapeScores(np.arange(0, 20.0), np.full(20, 0.3), np.array([[0.0, 2.0]]))
    picture = detector_evidence([quiet], RATE, [[at_start]], {"owl": 0.5}, WINDOW_S).galleries[0].pictures[0]
    assert picture.span == pytest.approx((0.0, 2 / 3.5))


def test_a_classifiers_mistakes():
    rng = np.random.default_rng(0)
    truth, scores = rng.integers(3, size=200), rng.dirichlet([1, 1, 1], 200).astype(np.float32)
    spectrograms = rng.standard_normal((200, 20, 12, 1)).astype(np.float32)
    evidence = classifier_evidence(spectrograms, truth, scores, {"a": 0.5, "b": 0.4, "c": 0.3})
    pictures = evidence.galleries[0].pictures
    wrong = [i for i in np.argsort(-scores.max(axis=1), kind="stable") if truth[i] != scores[i].argmax()]
    assert len(pictures) == 8
    for picture, i in zip(pictures, wrong, strict=False):
        np.testing.assert_array_equal(picture.decibels, spectrograms[i, :, :, 0].T)
        assert picture.caption.startswith("abc"[truth[i]] + ",") and f"{scores[i].max():.3f}" in picture.caption
    right, top = evidence.chosen
    assert right.mean() == np.mean(truth == scores.argmax(axis=1)) and np.allclose(top, scores.max(axis=1))
    assert [(s.label, s.threshold, s.truth.sum()) for s in evidence.labels] == [
        (label, t, np.sum(truth == i)) for i, (label, t) in enumerate({"a": 0.5, "b": 0.4, "c": 0.3}.items())
    ]

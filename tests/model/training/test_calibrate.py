"""What soundscapes teach of scores and counts, on scores that rise and fall round calls as a detector's do."""

import numpy as np
import pytest
from scipy.special import expit

from soundbeam.model.classifier.calibration import log_odds
from soundbeam.model.classifier.calls import CallRules, find_peaks
from soundbeam.model.evaluation.detection import POSITIVE, window_truth
from soundbeam.model.training.calibrate import calibrate, calibrated, clear_windows, count_model
from soundbeam.model.training.soundscape_scores import SoundscapeScores

WINDOW_S, RULES = 4.0, CallRules(1.0, 1.0, 1.0)


def soundscape(rng):
    """90 s: calls that are heard well or badly, other sounds that are taken for calls now and then."""
    start = np.arange(0, 86.5, 0.5)
    at = np.cumsum(rng.uniform(2.5, 25, rng.choice([0, 0, 3, 5, 12])))
    at = at[at < 86]
    height = np.full(len(start), -6.0) + 0.7 * rng.standard_normal(len(start))
    for middle, loud in [(t, rng.normal(3, 2.5)) for t in at] + [(t, rng.normal(-4, 2)) for t in rng.uniform(0, 86, 8)]:
        height = np.maximum(height, -6 + (loud + 6) * np.exp(-(((start + 2 - middle) / 1.0) ** 2)))
    return SoundscapeScores(start, expit(height), np.stack([at - 1, at + 1], axis=1))


@pytest.fixture(scope="module")
def known():
    rng = np.random.default_rng(0)
    return [[soundscape(rng)] for _ in range(40)]


@pytest.mark.parametrize("seed", [1, 2])
def test_nine_in_ten_counts_of_fresh_soundscapes_are_covered(known, seed):
    model = count_model(known, WINDOW_S, RULES, 8, 0)
    rng, covered, width = np.random.default_rng(seed), [], []
    for _ in range(200):
        s = soundscape(rng)
        height, peaks = find_peaks(s.start_s, s.scores, RULES)
        low, high = model.interval(height[peaks], int((height[peaks] >= -1.0).sum()))
        covered.append(low <= len(s.calls) <= high)
        width.append(high - low)
    assert np.mean(covered) >= 0.9 and np.mean(width) < 4


def test_calibrated_scores_of_fresh_soundscapes_are_probabilities(known):
    calibration = calibrate(known, WINDOW_S)
    rng = np.random.default_rng(3)
    fresh = [[soundscape(rng)] for _ in range(80)]
    truth, before = clear_windows([row[0] for row in fresh], WINDOW_S)
    after = calibration.apply(before[:, None])[:, 0]
    # The mean of probabilities is the share that is true, of the sure ones and of the others.
    for some in (after < 0.2, after >= 0.2, after >= 0.8):
        assert after[some].mean() == pytest.approx(truth[some].mean(), abs=0.06)
    np.testing.assert_array_equal(
        calibrated(fresh[0], calibration)[0], calibration.apply(fresh[0][0].scores[:, None])[:, 0]
    )


def test_clear_windows_hold_a_call_or_none(known):
    rows = [row[0] for row in known]
    truth, scores = clear_windows(rows, WINDOW_S)
    of_each = [window_truth(s.start_s, s.start_s + WINDOW_S, s.calls) for s in rows]
    assert truth.sum() == sum((t == POSITIVE).sum() for t in of_each)
    assert len(scores) == sum((t >= 0).sum() for t in of_each) < sum(len(s.scores) for s in rows)
    assert log_odds(scores[truth]).mean() > log_odds(scores[~truth]).mean()

"""Calibrates scores and counts on soundscapes whose calls are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from soundbeam.model.classifier.calibration import Calibration, fit_platt
from soundbeam.model.classifier.calls import CallRules, find_peaks
from soundbeam.model.classifier.count_interval import CountModel, Peaks, fit_count_model, match_peaks
from soundbeam.model.evaluation.detection import AMBIGUOUS, POSITIVE, window_truth

if TYPE_CHECKING:
    from soundbeam.model.training.soundscape_scores import SoundscapeScores


def clear_windows(scored: Sequence[SoundscapeScores], window_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Whether there is a call, bool ``[windows]``, and the score, of all windows that are not ambiguous."""
    truth = np.concatenate([window_truth(s.start_s, s.start_s + window_s, s.calls) for s in scored])
    clear = truth != AMBIGUOUS
    return truth[clear] == POSITIVE, np.concatenate([s.scores for s in scored])[clear]


def calibrate(scored: Sequence[Sequence[SoundscapeScores]], window_s: float) -> Calibration | None:
    """From the network's scores of each label in each soundscape."""
    labels = [clear_windows([row[i] for row in scored], window_s) for i in range(len(scored[0]))]
    return fit_platt([scores for _, scores in labels], [truth for truth, _ in labels])


def calibrated(row: Sequence[SoundscapeScores], calibration: Calibration) -> list[np.ndarray]:
    """The scores of each label in one soundscape, as a scorer with the calibration gives them."""
    return list(calibration.apply(np.stack([s.scores for s in row], axis=1)).T)


def count_model(
    scored: Sequence[Sequence[SoundscapeScores]], window_s: float, rules: CallRules, independent: int, seed: int
) -> CountModel | None:
    """From the scores of each label in each soundscape, as a scan gets them; see ``fit_count_model``."""
    return fit_count_model([_peaks(s, window_s, rules) for row in scored for s in row], independent, seed)


def _peaks(scored: SoundscapeScores, window_s: float, rules: CallRules) -> Peaks:
    height, peaks = find_peaks(scored.start_s, scored.scores, rules)
    start_s = scored.start_s[peaks]
    return match_peaks(height[peaks], start_s, start_s + window_s, scored.calls)

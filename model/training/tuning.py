"""Chooses thresholds and rules for calls on the validation split."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from soundbeam.model.classifier.calibration import Calibration, fit_temperature
from soundbeam.model.classifier.calls import CallRules, find_calls, find_peaks
from soundbeam.model.classifier.count_interval import AS_SCORED, CountModel
from soundbeam.model.classifier.scorer import Scorer
from soundbeam.model.evaluation.detection import RecordingOutcome, evaluate
from soundbeam.model.evaluation.figures import DetectionFigures, WindowFigures, plain
from soundbeam.model.evaluation.reliability import reliability
from soundbeam.model.report.evidence import Evidence
from soundbeam.model.synthesis.validation_soundscapes import SECONDS, Soundscape, mix_soundscapes
from soundbeam.model.training.batches import Examples
from soundbeam.model.training.calibrate import calibrate, calibrated, count_model
from soundbeam.model.training.examples import TRAIN, VALIDATION
from soundbeam.model.training.mistakes import classifier_evidence, detector_evidence
from soundbeam.model.training.plan import TrainingTask
from soundbeam.model.training.soundscape_scores import SoundscapeScores, score_soundscapes
from soundbeam.model.training.thresholds import candidate_rules, choose_rules
from soundbeam.model.windows import WindowSpec

_LIKELIER = 0.5  # a classifier's threshold


@dataclasses.dataclass(frozen=True)
class Tuned:
    """The chosen thresholds and rules, and how good they are.

    Attributes:
        thresholds: label → calibrated score.
        rules: For calls, of calibrated scores.
        figures: Of the validation split, plain values.
        evidence: For the report; None where nothing was held out.
        calibration: None where too little was held out for one.
        counting: Gives the intervals of counts.
    """

    thresholds: dict[str, float]
    rules: CallRules
    figures: dict[str, Any]
    evidence: Evidence | None = None
    calibration: Calibration | None = None
    counting: CountModel = AS_SCORED


def tune_detector(
    scorer: Scorer,
    examples: Examples,
    windows: WindowSpec,
    seed: int,
    say: Callable[[str], None],
    share: float = 1.0,
) -> Tuned:
    """Chooses rules for all labels, and a threshold for each, that count the calls in soundscapes best.

    ``share`` is that of ``mix_soundscapes``.
    """
    labels, length_s = examples.task.labels, windows.length_s
    soundscapes, sources = _soundscapes(examples, windows.rate, seed, say, share)
    scored = score_soundscapes(scorer, soundscapes, labels, windows)
    rules, _ = choose_rules(
        [s for by_label in scored for s in by_label], candidate_rules(windows.window_s, windows.hop_s)
    )
    thresholds = {label: choose_rules([row[i] for row in scored], [rules])[1] for i, label in enumerate(labels)}
    before, calibration = scored, None
    if not _heard_in_training(examples):
        calibration = calibrate(scored, length_s)
    if calibration:
        scored = [
            [dataclasses.replace(s, scores=scores) for s, scores in zip(row, calibrated(row, calibration), strict=True)]
            for row in before
        ]
        thresholds = {label: calibration.threshold(thresholds[label], i) for i, label in enumerate(labels)}
        rules = dataclasses.replace(rules, dip=calibration.slope * rules.dip)
    else:
        say("too little is held out to calibrate with: scores are as the network gives them, no probabilities")
    counting = count_model(scored, length_s, rules, sources, seed) or AS_SCORED
    figures = {
        label: measure_label([row[i] for row in scored], thresholds[label], rules, length_s, counting)
        for i, label in enumerate(labels)
    }
    sounds = [soundscape.samples for soundscape in soundscapes]
    evidence = detector_evidence(sounds, windows.rate, scored, thresholds, length_s, before if calibration else None)
    validation = {"soundscapes": len(soundscapes), "seconds": SECONDS, "labels": _with_errors(figures, evidence)}
    return Tuned(thresholds, rules, validation, evidence, calibration, counting)


@dataclasses.dataclass(frozen=True, eq=False)
class HeldOutWindows:
    """A classifier's scores of windows of validation clips.

    Attributes:
        scores: ``[windows, labels]``, not calibrated.
        truth: int ``[windows]``: the true label's row.
        spectrograms: float32 ``[windows, frames, bins]``, to show; a last axis of 1 may follow.
    """

    scores: np.ndarray
    truth: np.ndarray
    spectrograms: np.ndarray


def tune_classifier(held_out: Callable[[], HeldOutWindows], task: TrainingTask, say: Callable[[str], None]) -> Tuned:
    """Calibrates on validation windows; the rules are the default ones.

    The threshold of each label is one half: a label is called where it is likelier than all others together. One
    chosen on clips is worse for long recordings, most of whose windows are of nothing or of two labels.
    """
    labels = task.labels
    missing = [label for label in labels if not task.counts[label][VALIDATION]]
    if missing:
        say(f"no validation examples of {', '.join(missing)}: nothing tells how well they are found")
    thresholds = dict.fromkeys(labels, _LIKELIER)
    if len(missing) == len(labels):
        return Tuned(thresholds, CallRules(), {})
    held = held_out()
    before, truth, x = held.scores, held.truth, held.spectrograms
    calibration = None if missing else fit_temperature(before, truth)
    if not calibration:
        say("too little is held out to calibrate with: scores are as the network gives them, no probabilities")
    scores = calibration.apply(before) if calibration else before
    accuracy = float((scores.argmax(axis=1) == truth).mean())
    evidence = classifier_evidence(x, truth, scores, thresholds, before if calibration else None)
    figures = {}
    for i, label in enumerate(labels):
        is_label = truth == i
        figures[label] = WindowFigures(int(is_label.sum()), f1(is_label, scores[:, i] >= thresholds[label]))
    validation = {"windows": len(truth), "accuracy": accuracy, "labels": _with_errors(figures, evidence)}
    return Tuned(thresholds, CallRules(), validation, evidence, calibration)


def _with_errors(
    figures: Mapping[str, DetectionFigures | WindowFigures], evidence: Evidence
) -> dict[str, dict[str, Any]]:
    """Each label's figures as plain values, with the calibration errors of the windows that a report shows."""
    by_label = {}
    for label in evidence.labels:
        error = reliability(label.truth, label.scores).expected_calibration_error
        by_label[label.label] = {**plain(figures[label.label]), "expected_calibration_error": error}
        if label.before is not None:
            before = reliability(label.truth, label.before).expected_calibration_error
            by_label[label.label]["expected_calibration_error_before"] = before
    return by_label


def f1(truth: np.ndarray, predicted: np.ndarray) -> float | None:
    """2 × both / (true + predicted); None where there is neither."""
    total = int(truth.sum() + predicted.sum())
    return 2 * int((truth & predicted).sum()) / total if total else None


def _soundscapes(
    examples: Examples, rate: int, seed: int, say: Callable[[str], None], share: float
) -> tuple[list[Soundscape], int]:
    """The soundscapes to choose on, and how many source recordings their calls come from."""
    labels, held_out, heard = examples.task.labels, examples.clips(VALIDATION), _heard_in_training(examples)
    if heard:
        say(
            f"no validation examples of {', '.join([x for x in heard if x in labels] or ['other sounds'])}: "
            "the threshold is chosen on training examples of it, so expect more errors than reported"
        )
        held_out += [clip for clip in examples.clips(TRAIN) if clip.label in heard]
    sources = len({clip.source for clip in held_out if clip.label in labels})
    return mix_soundscapes(held_out, labels, rate, seed, share), sources


def _heard_in_training(examples: Examples) -> list[str]:
    """The labels that soundscapes have to take from the training split: outputs without validation clips, and where
    there is no other sound to validate with, all other labels."""
    task = examples.task
    others = [label for label in task.counts if label not in task.labels]
    without = not task.of(VALIDATION, targets=False) and task.of(TRAIN, targets=False)
    return [x for x in task.labels if not task.counts[x][VALIDATION]] + (others if without else [])


def measure_label(
    scored: Sequence[SoundscapeScores],
    threshold: float,
    rules: CallRules,
    window_s: float,
    count_model: CountModel = AS_SCORED,
) -> DetectionFigures:
    """The figures of ``soundbeam evaluate`` for one label.

    Args:
        scored: The label's scores in each soundscape.
        threshold: From which score on there is a call.
        rules: How windows become calls.
        window_s: Seconds of a window.
        count_model: Gives the counts' intervals.
    """
    outcomes = []
    for s in scored:
        end_s = s.start_s + window_s
        height, peaks = find_peaks(s.start_s, s.scores, rules)
        calls = find_calls(s.start_s, end_s, s.scores, threshold, rules, (height, peaks))
        times = np.array([(call.start_s, call.end_s) for call in calls]).reshape(-1, 2)
        interval = count_model.interval(height[peaks], len(calls))
        outcomes.append(RecordingOutcome(times, len(calls), s.calls, s.start_s, end_s, s.scores, interval))
    evaluation = evaluate(outcomes)
    windows, counts, events = evaluation.windows, evaluation.counts, evaluation.events
    return DetectionFigures(
        average_precision=windows.average_precision,
        roc_auc=windows.roc_auc,
        exact_share=counts.exact_share,
        mean_absolute_error=counts.mean_absolute_error,
        precision=events.precision,
        recall=events.recall,
        f1=events.f1,
        expected_calibration_error=evaluation.calibration_error,
        intervals_that_hold=evaluation.intervals.covered / evaluation.intervals.intervals,
        interval_width=evaluation.intervals.mean_width,
    )

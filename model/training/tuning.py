"""Chooses thresholds and rules for calls on sounds whose truth is known: the validation split."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from soundbeam.model.architectures.architecture import Architecture
from soundbeam.model.classifier.calibration import Calibration, reliability, temperature
from soundbeam.model.classifier.calls import CallRules, find_calls, find_peaks
from soundbeam.model.classifier.count_interval import AS_SCORED, CountModel
from soundbeam.model.classifier.scorer import Scorer
from soundbeam.model.evaluation.detection import RecordingOutcome, evaluate
from soundbeam.model.report.evidence import Evidence, classifier_evidence, detector_evidence
from soundbeam.model.training.batches import Examples, batches
from soundbeam.model.training.calibrate import calibrate, calibrated, count_model
from soundbeam.model.training.examples import TRAIN, VALIDATION
from soundbeam.model.training.soundscapes import Clip, Soundscape, soundscape

SOUNDSCAPES, SECONDS = 40, 90.0
_TOGETHER = 3  # labels that call in one soundscape
_BATCHES = 32
_LIKELIER = 0.5  # a classifier's threshold
_THRESHOLDS = np.arange(-5.0, 9.01, 0.25)  # log-odds
_CLEARLY = 0.02  # errors that differ by less are the same
_PLATEAU = 0.75  # a threshold is judged by those within this of it too: a narrow valley is luck


@dataclasses.dataclass(frozen=True)
class Tuned:
    """What was chosen, and how good it is.

    Attributes:
        thresholds: label → calibrated score.
        rules: For calls, of calibrated scores.
        figures: Of the validation split, plain values.
        evidence: For the report; None where nothing was held out.
        calibration: None where too little was held out for one.
        counting: How sure counts are.
    """

    thresholds: dict[str, float]
    rules: CallRules
    figures: dict[str, Any]
    evidence: Evidence | None = None
    calibration: Calibration | None = None
    counting: CountModel = AS_SCORED


@dataclasses.dataclass(frozen=True, eq=False)
class Scored:
    """The scores of one label in one soundscape.

    Attributes:
        start_s: float64 ``[windows]``.
        scores: float64 ``[windows]``.
        calls: ``[n, 2]``: start and end of the calls that there really are.
    """

    start_s: np.ndarray
    scores: np.ndarray
    calls: np.ndarray


def tune_detector(
    scorer: Scorer, examples: Examples, architecture: Architecture, seed: int, say: Callable[[str], None]
) -> Tuned:
    """Chooses rules for all labels, and a threshold for each, that count the calls in soundscapes best."""
    labels, length_s = examples.task.labels, architecture.windows.length_s
    scapes, sources = _soundscapes(examples, architecture, seed, say)
    scored = score_soundscapes(scorer, scapes, labels, architecture)
    rules, _ = choose([s for by_label in scored for s in by_label], grid(architecture.window_s, architecture.hop_s))
    thresholds = {label: choose([row[i] for row in scored], [rules])[1] for i, label in enumerate(labels)}
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
        label: judge([row[i] for row in scored], thresholds[label], rules, length_s, counting)
        for i, label in enumerate(labels)
    }
    sounds = [scape.samples for scape in scapes]
    evidence = detector_evidence(
        sounds, architecture.rate, scored, thresholds, length_s, before if calibration else None
    )
    _add_calibration(figures, evidence)
    told = {"soundscapes": len(scapes), "seconds": SECONDS, "labels": figures}
    return Tuned(thresholds, rules, told, evidence, calibration, counting)


def tune_classifier(
    scorer: Scorer, examples: Examples, architecture: Architecture, seed: int, say: Callable[[str], None]
) -> Tuned:
    """Calibrates on validation windows; the rules are the default ones.

    The threshold of each label is one half: a label is called where it is likelier than all others together. One
    chosen on clips is worse for long recordings, most of whose windows are of nothing or of two labels.
    """
    labels = examples.task.labels
    missing = [label for label in labels if not examples.task.counts[label][VALIDATION]]
    if missing:
        say(f"no validation examples of {', '.join(missing)}: nothing tells how well they are found")
    thresholds = dict.fromkeys(labels, _LIKELIER)
    if len(missing) == len(labels):
        return Tuned(thresholds, CallRules(), {})
    held_out = batches(examples, architecture, scorer.front_end, seed, split=VALIDATION).take(_BATCHES)
    x, y, _ = (np.concatenate(part) for part in zip(*held_out.as_numpy_iterator(), strict=True))
    before, truth = scorer.score_spectrograms(x), y.argmax(axis=1)
    calibration = None if missing else temperature(before, truth)
    if not calibration:
        say("too little is held out to calibrate with: scores are as the network gives them, no probabilities")
    scores = calibration.apply(before) if calibration else before
    figures = {}
    for i, label in enumerate(labels):
        mine = truth == i
        figures[label] = {"windows": int(mine.sum()), "f1": f1(mine, scores[:, i] >= thresholds[label])}
    accuracy = float((scores.argmax(axis=1) == truth).mean())
    evidence = classifier_evidence(x, truth, scores, thresholds, before if calibration else None)
    _add_calibration(figures, evidence)
    told = {"windows": len(truth), "accuracy": accuracy, "labels": figures}
    return Tuned(thresholds, CallRules(), told, evidence, calibration)


def _add_calibration(figures: dict[str, dict[str, Any]], evidence: Evidence) -> None:
    for its in evidence.labels:
        figures[its.label]["expected_calibration_error"] = reliability(its.truth, its.scores).expected_calibration_error
        if its.before is not None:
            before = reliability(its.truth, its.before).expected_calibration_error
            figures[its.label]["expected_calibration_error_before"] = before


def f1(truth: np.ndarray, found: np.ndarray) -> float | None:
    """2 × both / (true + found); None where there is neither."""
    total = int(truth.sum() + found.sum())
    return 2 * int((truth & found).sum()) / total if total else None


def _soundscapes(
    examples: Examples, architecture: Architecture, seed: int, say: Callable[[str], None]
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
    return mix_soundscapes(held_out, labels, architecture.rate, seed), sources


def _heard_in_training(examples: Examples) -> list[str]:
    """The labels that soundscapes have to take from the training split: outputs without validation clips, and where
    there is no other sound to validate with, all other labels."""
    task = examples.task
    others = [label for label in task.counts if label not in task.labels]
    without = not task.of(VALIDATION, targets=False) and task.of(TRAIN, targets=False)
    return [x for x in task.labels if not task.counts[x][VALIDATION]] + (others if without else [])


def mix_soundscapes(clips: Sequence[Clip], labels: tuple[str, ...], rate: int, seed: int) -> list[Soundscape]:
    """The labels take turns to call in them, up to three in one; of each label there must be a clip.

    With one label in each, a label of many would be heard in a few soundscapes only: too few to choose by.
    """
    rng = np.random.default_rng(seed)
    others = [clip for clip in clips if clip.label not in labels]
    scapes = []
    for i in range(SOUNDSCAPES):
        heard = {labels[(i + k) % len(labels)] for k in range(min(_TOGETHER, len(labels)))}
        calls = [clip for clip in clips if clip.label in heard]
        scapes.append(soundscape(rng, calls, others, rate, SECONDS))
    return scapes


def score_soundscapes(
    scorer: Scorer, scapes: Sequence[Soundscape], labels: tuple[str, ...], architecture: Architecture
) -> list[list[Scored]]:
    """For each soundscape the scores of each label, at the architecture's hop."""
    scored = []
    for scape in scapes:
        offsets, start_s, _ = architecture.windows.windows(0, len(scape.samples))
        scores = scorer.score_segment(scape.samples, offsets).astype(np.float64)
        scored.append(
            [
                Scored(
                    start_s,
                    scores[:, i],
                    np.array([e[:2] for e in scape.events if e[2] == label]).reshape(-1, 2),
                )
                for i, label in enumerate(labels)
            ]
        )
    return scored


def judge(
    scored: Sequence[Scored], threshold: float, rules: CallRules, window_s: float, counting: CountModel = AS_SCORED
) -> dict[str, Any]:
    """The figures of ``soundbeam evaluate`` for one label."""
    outcomes = []
    for s in scored:
        end_s = s.start_s + window_s
        height, peaks = find_peaks(s.start_s, s.scores, rules)
        calls = find_calls(s.start_s, end_s, s.scores, threshold, rules, (height, peaks))
        found = np.array([(call.start_s, call.end_s) for call in calls]).reshape(-1, 2)
        interval = counting.interval(height[peaks], len(found))
        outcomes.append(RecordingOutcome(found, len(found), s.calls, s.start_s, end_s, s.scores, interval))
    its = evaluate(outcomes)
    return {
        "average_precision": its.windows.average_precision,
        "roc_auc": its.windows.roc_auc,
        "exact_share": its.counts.exact_share,
        "mean_absolute_error": its.counts.mean_absolute_error,
        "precision": its.events.precision,
        "recall": its.events.recall,
        "f1": its.events.f1,
        "expected_calibration_error": its.calibration_error,
        "intervals_that_hold": its.intervals.covered / its.intervals.intervals,
        "interval_width": its.intervals.mean_width,
    }


def grid(window_s: float, hop_s: float) -> list[CallRules]:
    """The rules worth trying, the likeliest first; with windows side by side only the dip matters."""
    fine = hop_s < window_s / 2
    smooth = [s for s in (1.0, 0.0, 1.5, 2.0) if s == 0 or (fine and s < window_s)]
    gaps = [0.5 * window_s, 0.25 * window_s, 0.75 * window_s, 0.0] if fine else [0.0]
    return [CallRules(s, d, g) for d, s, g in itertools.product((1.0, 0.5, 1.5, 2.0, 0.25, 3.0), smooth, gaps)]


def count_table(scored: Sequence[Scored], rules: CallRules) -> np.ndarray:
    """int ``[soundscapes, thresholds]``: calls found at each threshold."""
    table = np.zeros((len(scored), len(_THRESHOLDS)), np.int64)
    for row, s in zip(table, scored, strict=True):
        if len(s.scores):
            height, peaks = find_peaks(s.start_s, s.scores, rules)
            row[:] = (height[peaks][:, None] >= _THRESHOLDS[None, :]).sum(axis=0)
    return table


def choose(scored: Sequence[Scored], candidates: Sequence[CallRules]) -> tuple[CallRules, float]:
    """The rules with the least error of the counts, and the middle of the thresholds that are as good as the best.

    The error of a threshold is the mean, over it and its near ones, of mean absolute error + share not exact. As good
    is: worse by less than the standard error of the best one's (after the one-standard-error rule of Breiman et al.,
    Classification and Regression Trees, 1984), and nearer to the best than to finding nothing at all, which is hardly
    an error where calls are rare. Their middle is as far as can be from misses and from false alarms.

    Returns:
        The rules, and the threshold as a score.
    """
    truth = np.array([len(s.calls) for s in scored])[:, None]
    nothing = (np.minimum(truth, 5) + (truth > 0)).mean()
    best, chosen = float("inf"), (candidates[0], 0.5)
    for rules in candidates:
        wrong = np.abs(count_table(scored, rules) - truth)
        costs = np.minimum(wrong, 5) + (wrong > 0)
        mean = _smooth(costs.mean(axis=0))
        at = int(np.argmin(mean))
        if mean[at] < best - _CLEARLY:
            error = min(costs[:, at].std() / np.sqrt(len(scored)), (nothing - mean[at]) / 2)
            worse = np.flatnonzero(mean > mean[at] + max(error, _CLEARLY))
            low, high = worse[worse < at].max(initial=-1) + 1, worse[worse > at].min(initial=len(mean)) - 1
            middle = (_THRESHOLDS[low] + _THRESHOLDS[high]) / 2
            best, chosen = float(mean[at]), (rules, float(1 / (1 + np.exp(-middle))))
    return chosen


def _smooth(cost: np.ndarray) -> np.ndarray:
    """``[thresholds]`` → the same: the mean over those within ``_PLATEAU``."""
    width = round(_PLATEAU / (_THRESHOLDS[1] - _THRESHOLDS[0]))
    return np.convolve(np.pad(cost, width, mode="edge"), np.ones(2 * width + 1) / (2 * width + 1), "valid")

"""Calibrates a classifier anew on recordings whose calls are known: thresholds, rules for calls, scores, counts."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from soundbeam.model.classifier.calibration import NETWORK_LIMIT, Calibration, log_odds, sigmoid
from soundbeam.model.classifier.calls import CallRules, find_calls, find_peaks
from soundbeam.model.classifier.count_interval import AS_SCORED, CountModel
from soundbeam.model.classifier.description import BundleDescription
from soundbeam.model.evaluation.classification import wilson_interval
from soundbeam.model.evaluation.detection import (
    Evaluation,
    RecordingOutcome,
    evaluate,
)
from soundbeam.model.evaluation.operating_points import best_threshold
from soundbeam.model.report.evidence import Evidence, LabelScores
from soundbeam.model.tasks import DETECTOR
from soundbeam.model.training.calibrate import calibrate, clear_windows, count_model
from soundbeam.model.training.soundscape_scores import SoundscapeScores
from soundbeam.model.training.thresholds import candidate_rules, choose_rules

_LEAST_GAIN = 0.02  # of F1: rules that gain less are left as they are
_MOST = 400  # labels times recordings that rules are chosen on: enough, and each is tried with a hundred rules

# label → its scores in each recording, the same recordings for each label
Scored = Mapping[str, Sequence[SoundscapeScores]]


@dataclasses.dataclass(frozen=True)
class Recalibrated:
    """What was chosen.

    Attributes:
        changes: Values of the new bundle's `BundleDescription`: thresholds, call_rules, calibration, counting, hop_s.
        figures: label → how well its calls were found with the values before, and are with the new ones.
        evidence: For the report.
    """

    changes: dict[str, Any]
    figures: dict[str, dict[str, Any]]
    evidence: Evidence


def recalibrate(
    bundle: BundleDescription,
    scored: Scored,
    hop_s: float,
    floor: float | None,
    precision: float | None,
    keep_rules: bool,
    seed: int,
    say: Callable[[str], None],
) -> Recalibrated:
    """Chooses thresholds, rules, a calibration and a model of counts.

    Args:
        bundle: The classifier.
        scored: Of the labels that have annotated calls, the scores as a scan gave them, in recordings with windows.
            A score below the floor counts as the floor.
        hop_s: The scan's.
        floor: The lowest score that the scan kept of every label; None: it kept all.
        precision: The share of calls that should be right; None: thresholds are those of the best F1.
        keep_rules: Whether the rules for calls stay as they are, for the sake of labels that are not in ``scored``.
        seed: Decides the draws of the model of counts.
        say: Takes lines for people.
    """
    labels, window_s = list(scored), bundle.window_s
    index = {label: bundle.labels.index(label) for label in labels}
    calibration = _calibration(bundle, scored, index, say)
    rescaling = _Rescaling(bundle.calibration, calibration)
    slope = rescaling.slope(index[labels[0]])
    after = {
        label: [dataclasses.replace(s, scores=rescaling.of(s.scores, index[label])) for s in of_label]
        for label, of_label in scored.items()
    }
    lowest = {label: float(rescaling.of(floor or 0.0, index[label])) for label in labels}
    present = (
        bundle.call_rules if keep_rules else dataclasses.replace(bundle.call_rules, dip=slope * bundle.call_rules.dip)
    )
    rules = present if keep_rules else _tuned_rules(bundle, hop_s, after, present, slope, precision, lowest)
    thresholds = dict(bundle.thresholds)
    for label in labels:
        point = best_threshold(_outcomes(after[label], window_s), rules, lowest[label], precision)
        if point is None:
            thresholds[label] = float(rescaling.of(thresholds[label], index[label]))
            say(f"{label}: no threshold finds a call that is right; it keeps its own")
            continue
        thresholds[label] = point.threshold
        if precision is not None and (point.events.precision or 0.0) < precision:
            say(f"{label}: no threshold reaches a precision of {precision:g}; that of the best one is taken")
    independent = max(sum(len(s.calls) > 0 for s in of_label) for of_label in scored.values())
    rows = [list(row) for row in zip(*after.values(), strict=True)]
    counting = count_model(rows, window_s, rules, independent, seed)
    if counting is None:
        counting = bundle.counting if calibration is bundle.calibration else AS_SCORED
    figures = {}
    for label in labels:
        old = _measure(scored[label], window_s, bundle.thresholds[label], bundle.call_rules, bundle.counting)
        new = _measure(after[label], window_s, thresholds[label], rules, counting)
        figures[label] = {
            **_plain(new), "threshold": thresholds[label], "recordings": len(scored[label]),
            "before": {**_plain(old), "threshold": bundle.thresholds[label]},
        }  # fmt: skip
    changes = {
        "thresholds": thresholds, "call_rules": rules, "calibration": calibration, "counting": counting, "hop_s": hop_s,
    }  # fmt: skip
    return Recalibrated(changes, figures, _evidence(scored, after, thresholds, window_s, slope != 1))


@dataclasses.dataclass(frozen=True)
class _Rescaling:
    """Scores that one calibration gave → those that another one gives; None: the network's own."""

    old: Calibration | None
    new: Calibration | None

    def of(self, scores: npt.ArrayLike, label: int) -> np.ndarray:
        """A label's scores, float64."""
        if self.new is None or self.new is self.old:
            return np.asarray(scores, np.float64)
        of_network = self.old.undone(scores, label) if self.old else scores
        slope, bias = self.new.of_label(label)
        return sigmoid(slope * log_odds(of_network, NETWORK_LIMIT) + bias)

    def slope(self, label: int) -> float:
        """What differences of a label's log-odds, such as dips, are multiplied by."""
        if self.new is None or self.new is self.old:
            return 1.0
        return self.new.of_label(label)[0] / (self.old.of_label(label)[0] if self.old else 1.0)


def _calibration(
    bundle: BundleDescription, scored: Scored, index: Mapping[str, int], say: Callable[[str], None]
) -> Calibration | None:
    """The calibration of all labels, new of those that have scores here; the present one where none can be fitted."""
    present = bundle.calibration
    if bundle.task != DETECTOR:
        say("scores are not calibrated: those of a classifier, whose labels exclude each other, add up to 1")
        return present
    of_network = {
        label: [
            dataclasses.replace(s, scores=present.undone(s.scores, index[label]) if present else s.scores)
            for s in of_label
        ]
        for label, of_label in scored.items()
    }
    fitted = calibrate([list(row) for row in zip(*of_network.values(), strict=True)], bundle.window_s)
    if fitted is None:
        say("scores are not calibrated: that takes 20 windows with a call and 20 without, and scores that rise with it")
        return present
    slopes, biases = np.ones(len(bundle.labels)), np.zeros(len(bundle.labels))
    if present:
        slopes[:], biases[:] = present.slopes or present.slope, present.biases
    of_labels = list(index.values())
    slopes[of_labels], biases[of_labels] = fitted.slope, fitted.biases
    all_of_them = len(of_labels) == len(bundle.labels)
    return Calibration(fitted.slope, tuple(biases.tolist()), () if all_of_them else tuple(slopes.tolist()))


def _tuned_rules(
    bundle: BundleDescription,
    hop_s: float,
    scored: Scored,
    present: CallRules,
    slope: float,
    precision: float | None,
    lowest: Mapping[str, float],
) -> CallRules:
    """The rules that count best, if they also find calls better than the present ones."""
    everything = [s for of_label in scored.values() for s in of_label]
    some = np.unique(np.linspace(0, len(everything) - 1, min(_MOST, len(everything))).round().astype(int))
    candidates = [dataclasses.replace(r, dip=slope * r.dip) for r in candidate_rules(bundle.window_s, hop_s)]
    tuned, _ = choose_rules([everything[i] for i in some], candidates)

    def f1(rules: CallRules) -> float:
        """The mean over labels, at the thresholds that they would have."""
        found = [
            best_threshold(_outcomes(of_label, bundle.window_s), rules, lowest[label], precision)
            for label, of_label in scored.items()
        ]
        return float(np.mean([(point.events.f1 or 0.0) if point else 0.0 for point in found]))

    return tuned if f1(tuned) >= f1(present) + _LEAST_GAIN else present


def _outcomes(scored: Sequence[SoundscapeScores], window_s: float) -> list[RecordingOutcome]:
    none = np.empty((0, 2))
    return [RecordingOutcome(none, 0, s.calls, s.start_s, s.start_s + window_s, s.scores) for s in scored]


def _measure(
    scored: Sequence[SoundscapeScores], window_s: float, threshold: float, rules: CallRules, counting: CountModel
) -> Evaluation:
    outcomes = []
    for outcome in _outcomes(scored, window_s):
        peaks = find_peaks(outcome.start_s, outcome.scores, rules)
        calls = find_calls(outcome.start_s, outcome.end_s, outcome.scores, threshold, rules, peaks)
        times = np.array([(call.start_s, call.end_s) for call in calls]).reshape(-1, 2)
        interval = counting.interval(peaks[0][peaks[1]], len(calls))
        outcomes.append(dataclasses.replace(outcome, calls=times, counted=len(calls), interval=interval))
    return evaluate(outcomes)


def _plain(evaluation: Evaluation) -> dict[str, Any]:
    """The figures of one label; shares with their 95 % intervals, which are wide where calls are few."""
    events, counts = evaluation.events, evaluation.counts
    return {
        "annotations": events.annotations,
        "calls": events.calls,
        "matched": events.matched,
        "precision": events.precision,
        "precision_interval": wilson_interval(events.matched, events.calls) if events.calls else None,
        "recall": events.recall,
        "recall_interval": wilson_interval(events.matched, events.annotations) if events.annotations else None,
        "f1": events.f1,
        "exact_share": counts.exact_share,
        "mean_absolute_error": counts.mean_absolute_error,
        "average_precision": evaluation.windows.average_precision,
        "expected_calibration_error": evaluation.calibration_error,
    }


def _evidence(
    before: Scored, after: Scored, thresholds: Mapping[str, float], window_s: float, calibrated: bool
) -> Evidence:
    labels = []
    for label, of_label in after.items():
        truth, scores = clear_windows(of_label, window_s)
        old = clear_windows(before[label], window_s)[1] if calibrated else None
        labels.append(LabelScores(label, truth, scores, thresholds[label], old))
    return Evidence(tuple(labels), ())

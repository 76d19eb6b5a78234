"""Compares a scan's tables with annotations; all figures are plain numbers."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from typing import Any

import numpy as np

from soundbeam.model.classifier.calls import CallRules
from soundbeam.model.errors import SoundbeamError
from soundbeam.model.evaluation.detection import Evaluation, RecordingOutcome, evaluate
from soundbeam.model.evaluation.metrics import precision_recall_f1
from soundbeam.model.evaluation.operating_points import threshold_for_precision
from soundbeam.pipelines.annotations.annotation import Annotation
from soundbeam.pipelines.evaluate.truth import Truth, resolve
from soundbeam.pipelines.recording_names import RecordingNames
from soundbeam.pipelines.window_scores import WindowScores, read_window_scores
from soundbeam.transforms.records import LISTENED

_ROUNDING_S = 0.1  # people write tenths of a second
_COUNTS = ("recording", "label", "calls", "calls_low", "calls_high")


def compare(annotations: list[Annotation], output: str, precision: float | None = None) -> dict[str, Any]:
    """All figures of a scan against annotations, as plain numbers, lists and dictionaries; undefined ones are None.

    Args:
        annotations: Where the calls are.
        output: The scan's output folder.
        precision: The share of calls that should be right. With it, each label's figures have ``at_precision``.

    Raises:
        SoundbeamError: Nothing can be compared: no annotated recording was scanned, the classifier knows none of
            the labels, a name is ambiguous, or every recording failed.
    """
    from soundbeam.pipelines import results

    recordings = results.read(output, "recordings")
    parameters = results.parameters(recordings)
    results.check_one_channel(parameters, output)
    classifier_labels = tuple(parameters["labels"])
    rows = {row["recording"]: row for row in recordings.to_pylist()}
    truth = resolve(annotations, RecordingNames(rows), classifier_labels)
    labels = [label for label in classifier_labels if label in truth.labels] or _to_judge(output, classifier_labels)

    used = sorted(uri for uri, row in rows.items() if row["status"] in LISTENED)
    if not used:
        raise SoundbeamError(f"{output}: not one recording of the scan could be read; its table 'recordings' says why")
    excluded = sorted(
        u for u, r in rows.items() if r["status"] == "failed" or (u in truth.recordings and u not in used)
    )
    outcomes = _outcomes(output, used, labels, truth)
    evaluations = {label: evaluate(outcomes[label]) for label in labels}
    figures = {label: _plain(evaluation) for label, evaluation in evaluations.items()}
    if precision is not None:
        rules = _rules(parameters, output)
        for label in labels:
            figures[label]["at_precision"] = _at_precision(outcomes[label], precision, rules)

    def annotated(uri: str) -> int:
        return sum(len(calls) for (recording, _), calls in truth.calls.items() if recording == uri)

    return {
        "classifier": recordings["classifier"][len(recordings) - 1].as_py(),
        "runs": sorted(set(recordings["run"].to_pylist())),
        "evaluated": len(used),
        "unannotated": sum(uri not in truth.recordings for uri in used),
        "excluded": [{"recording": u, "error": rows[u]["error"], "annotated_calls": annotated(u)} for u in excluded],
        "not_scanned": [{"recording": name, "annotated_calls": n} for name, n in sorted(truth.not_scanned.items())],
        "unknown_labels": dict(truth.unknown_labels),
        "taken_for": truth.taken_for,
        "no_calls": dict(truth.no_calls),
        "labels_without_annotation": [label for label in classifier_labels if label not in labels],
        "identical_rows": truth.duplicates,
        "beyond_the_end": _beyond_the_end(truth, rows, used),
        "without_length": _without_length(truth),
        "overall": _overall(list(evaluations.values())),
        "labels": figures,
        "recordings": [
            {
                "recording": uri,
                "status": rows[uri]["status"],
                "duration_s": rows[uri]["duration_s"],
                "labels": {
                    label: {
                        "true": len(outcomes[label][i].annotations),
                        "counted": outcomes[label][i].counted,
                        "interval": outcomes[label][i].interval,
                        "matched": evaluations[label].matched[i],
                    }
                    for label in labels
                },
            }
            for i, uri in enumerate(used)
        ],
    }


def _to_judge(output: str, labels: tuple[str, ...]) -> list[str]:
    """The labels to compare where no annotation has one: all; of a scan with sparse counts, those with a call."""
    from soundbeam.pipelines import results

    counts = results.read(output, "counts", columns=["label"])
    counted = set(counts["label"].to_pylist())
    return [label for label in labels if label in counted] or list(labels[:1])


def _outcomes(output: str, used: list[str], labels: list[str], truth: Truth) -> dict[str, list[RecordingOutcome]]:
    """For each label the outcomes of the recordings ``used``, in their order."""
    from soundbeam.pipelines import results

    reported_calls: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    calls = results.read(output, "calls").select(["recording", "label", "start_s", "end_s"]).to_pydict()
    for uri, label, *times in zip(*calls.values(), strict=True):
        reported_calls[uri, label].append(tuple(times))
    counts = results.read(output, "counts", recordings=used)
    older = [None] * len(counts)  # older scans recorded no intervals of counts
    columns = [counts[c].to_pylist() if c in counts.column_names else older for c in _COUNTS]
    counted = {(uri, label): (n or 0, low, high) for uri, label, n, low, high in zip(*columns, strict=True)}

    windows = read_window_scores(output, used, labels)
    nothing = WindowScores(np.empty(0), np.empty(0), np.empty((0, len(labels)), np.float32))
    outcomes: dict[str, list[RecordingOutcome]] = {label: [] for label in labels}
    for uri in used:
        of_recording = windows.get(uri, nothing)
        for i, label in enumerate(labels):
            key = (uri, label)
            n, *interval = counted.get(key, (0, None, None))
            outcomes[label].append(
                RecordingOutcome(
                    np.array(reported_calls.get(key, ())).reshape(-1, 2),
                    n,
                    np.array(sorted(truth.calls.get(key, ()))).reshape(-1, 2),
                    of_recording.start_s,
                    of_recording.end_s,
                    of_recording.scores[:, i],
                    None if None in interval else (interval[0], interval[1]),
                )
            )
    return outcomes


def _beyond_the_end(truth: Truth, rows: dict[str, dict], used: list[str]) -> list[dict[str, Any]]:
    """Annotated calls that end after the end of a whole recording: times in another unit, or of another file."""
    whole = {uri: rows[uri]["duration_s"] for uri in used if rows[uri]["status"] == "ok" and rows[uri]["duration_s"]}
    late = [
        {"recording": uri, "start_s": start, "end_s": end, "duration_s": whole[uri], "line": line}
        for (uri, _), calls in truth.calls.items()
        for (start, end), line in calls.items()
        if uri in whole and (start >= whole[uri] or end > whole[uri] + _ROUNDING_S)
    ]
    return sorted(late, key=lambda call: call["line"])


def _without_length(truth: Truth) -> list[dict[str, Any]]:
    """Annotated calls that end where they start: a point in time, which a call that holds it finds."""
    points = [
        {"recording": uri, "start_s": start, "line": line}
        for (uri, _), calls in truth.calls.items()
        for (start, end), line in calls.items()
        if start == end
    ]
    return sorted(points, key=lambda call: call["line"])


def _plain(evaluation: Evaluation) -> dict[str, Any]:
    figures = dataclasses.asdict(evaluation)
    del figures["matched"]
    return figures


def _rules(parameters: dict[str, Any], output: str) -> CallRules:
    if not parameters.get("call_rules"):
        raise SoundbeamError(
            f"{output}: --precision needs to know how windows became calls, which this older scan did not write down; "
            "run 'soundbeam scan --rescan'"
        )
    return CallRules(**parameters["call_rules"])


def _at_precision(outcomes: list[RecordingOutcome], precision: float, rules: CallRules) -> dict[str, Any]:
    """The threshold that reaches a precision; if none does, the one that comes nearest."""
    point, reached = threshold_for_precision(outcomes, precision, rules)
    figures = {"wanted": precision, "reached": reached, "threshold": point.threshold if point else None}
    return {**figures, **dataclasses.asdict(point.events)} if point else figures


def _overall(evaluations: list[Evaluation]) -> dict[str, Any]:
    """Counts and calls of all labels together; of the window figures the mean over the labels that have one."""

    def mean(values: list[float | None]) -> float | None:
        defined = [value for value in values if value is not None]
        return float(np.mean(defined)) if defined else None

    counts = [e.counts for e in evaluations]
    n, exact = sum(c.counts for c in counts), sum(c.exact for c in counts)
    events = [e.events for e in evaluations]
    return {
        "counts": {
            "counts": n,
            "exact": exact,
            "exact_share": exact / n if n else None,
            "mean_absolute_error": mean([c.mean_absolute_error for c in counts]),
        },
        "events": dataclasses.asdict(
            precision_recall_f1(
                sum(e.matched for e in events), sum(e.calls for e in events), sum(e.annotations for e in events)
            )
        ),
        "windows": {
            "average_precision": mean([e.windows.average_precision for e in evaluations]),
            "roc_auc": mean([e.windows.roc_auc for e in evaluations]),
        },
    }

"""Annotations → where the calls of a scan's recordings and labels really are."""

from __future__ import annotations

import dataclasses
import unicodedata
from collections import Counter, defaultdict

from soundbeam.model.errors import SoundbeamError
from soundbeam.pipelines.annotations.annotation import Annotation
from soundbeam.pipelines.annotations.matching import recordings_of
from soundbeam.pipelines.annotations.read_annotations import tell
from soundbeam.pipelines.label_names import LabelNames
from soundbeam.pipelines.recording_names import RecordingNames

_NAMED = 20  # of more labels, an error says only how many there are


@dataclasses.dataclass
class Truth:
    """The annotations by recording and label, and those that cannot be used.

    Attributes:
        calls: (recording, label) → (start, end) → the line that says so.
        recordings: Those that are annotated, also without a call.
        labels: Those that an annotation has.
        not_scanned: Name of a recording that the scan does not have → number of annotated calls.
        unknown_labels: Label that the classifier does not know → number of rows.
        duplicates: How many rows say the same as another one.
        taken_for: A species' name → the label that holds it.
        no_calls: ``negative`` or ``uncertain`` → number of rows, which are of no call.
    """

    calls: dict[tuple[str, str], dict[tuple[float, float], int]]
    recordings: set[str]
    labels: set[str]
    not_scanned: Counter[str]
    unknown_labels: Counter[str]
    duplicates: int
    taken_for: dict[str, str] = dataclasses.field(default_factory=dict)
    no_calls: Counter[str] = dataclasses.field(default_factory=Counter)


def resolve(annotations: list[Annotation], names: RecordingNames, classifier_labels: tuple[str, ...]) -> Truth:
    """Finds what annotations mean in a scan.

    Args:
        annotations: Where the calls are.
        names: The scan's recordings.
        classifier_labels: The labels that the scan is about.

    Raises:
        SoundbeamError: No annotated recording was scanned, the classifier knows none of the labels, or a name is
            ambiguous.
    """
    # A letter with marks may be written in two ways that look alike.
    same_label = {unicodedata.normalize("NFC", label): label for label in classifier_labels}
    known, names_of_labels = frozenset(classifier_labels), LabelNames(classifier_labels)
    truth = Truth(defaultdict(dict), set(), set(), Counter(), Counter(), 0)
    check_labels(annotations, classifier_labels)
    uri_of = recordings_of(annotations, names, tell)
    for row in annotations:
        label = unicodedata.normalize("NFC", row.label) if row.label else classifier_labels[0]
        label = same_label.get(label, row.label)
        if label not in known and len(holding := names_of_labels.of_half(label)) == 1:
            truth.taken_for[label] = holding[0]
            label = holding[0]
        uri = uri_of(row)
        if uri is None:
            truth.not_scanned[row.recording] += row.start_s is not None and row.kind == "call"
            continue
        truth.recordings.add(uri)
        if row.kind != "call":
            truth.no_calls[row.kind] += 1
            continue
        if row.start_s is None and not row.label and len(classifier_labels) > 1:
            continue  # it was listened to, that is all
        if label not in known:
            truth.unknown_labels[label] += 1
            continue
        truth.labels.add(label)
        if row.start_s is not None and row.end_s is not None:
            calls = truth.calls[uri, label]
            truth.duplicates += (row.start_s, row.end_s) in calls
            calls.setdefault((row.start_s, row.end_s), row.line)
    if truth.not_scanned and not truth.recordings:
        name = next(iter(truth.not_scanned))
        raise SoundbeamError(
            f"no annotated recording is in the scan, e.g. {name!r}; name them by URI or the end of one"
        )
    if truth.unknown_labels and not truth.labels:
        unknown = ", ".join(map(repr, truth.unknown_labels))
        raise SoundbeamError(
            f"the classifier knows none of the annotated labels ({unknown}); it has {_named(classifier_labels)}"
        )
    return truth


def check_labels(annotations: list[Annotation], classifier_labels: tuple[str, ...]) -> None:
    """Checks that each call has a label, unless there is one label only.

    Raises:
        SoundbeamError: Some have none; it says how many.
    """
    without = [one for one in annotations if not one.label and one.start_s is not None]
    if without and len(classifier_labels) > 1:
        raise SoundbeamError(
            f"{without[0].place} has no label{_and_more(len(without) - 1)}; the classifier has "
            f"{_named(classifier_labels)}: complete the labels, or name their column with --label-column"
        )


def _and_more(n: int) -> str:
    return f", and {n} more rows have none" if n > 1 else ", and one more row has none" if n else ""


def _named(labels: tuple[str, ...]) -> str:
    return ", ".join(labels) if len(labels) <= _NAMED else f"{len(labels)} labels"

"""A scan's stored scores and annotations → a calibrated classifier bundle; nothing is decoded."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from soundbeam.model.classifier.bundle import ClassifierBundle, load_bundle
from soundbeam.model.classifier.bundle_files import check_destination
from soundbeam.model.classifier.changed_bundle import save_changed
from soundbeam.model.errors import OptionError, SoundbeamError
from soundbeam.model.training.recalibrate import Scored, recalibrate
from soundbeam.model.training.soundscape_scores import SoundscapeScores
from soundbeam.pipelines import results
from soundbeam.pipelines.annotations.read_annotations import AnnotationOptions, read_annotations
from soundbeam.pipelines.console.output import redacted
from soundbeam.pipelines.evaluate.truth import Truth, resolve
from soundbeam.pipelines.recording_names import RecordingNames
from soundbeam.pipelines.window_scores import COLUMNS, window_scores
from soundbeam.transforms.records import LISTENED

_SEED = 0
_SHOWN = 3


@dataclasses.dataclass(frozen=True)
class Calibrating:
    """What to calibrate, on what.

    Attributes:
        classifier: URL of the bundle.
        annotations: URL of the annotations.
        output: URL of the scan's output folder.
        to: URL of the folder for the new bundle.
        precision: The share of calls that should be right; None: thresholds are those of the best F1.
        reading: How the annotations are read.

    Raises:
        OptionError: The precision is no share.
    """

    classifier: str
    annotations: str
    output: str
    to: str
    precision: float | None = None
    reading: AnnotationOptions = dataclasses.field(default_factory=AnnotationOptions)

    def __post_init__(self) -> None:
        if self.precision is not None and not 0 < self.precision <= 1:
            raise OptionError(f"precision {self.precision} is not above 0 and at most 1")


def calibrate(request: Calibrating, say: Callable[[str], None]) -> ClassifierBundle:
    """Writes the calibrated bundle, with the network's files as they were.

    Args:
        request: What to calibrate, on what.
        say: Takes lines for people.

    Raises:
        SoundbeamError: The scan is of another classifier, or no annotated call is of its recordings and labels; or the
            new folder holds other things. Nothing is written.
    """
    check_destination(request.to)
    bundle = load_bundle(request.classifier)
    annotations = read_annotations(request.annotations, request.reading)
    _check_scanned(request, bundle)
    recordings = results.read(request.output, "recordings", classifier=bundle.fingerprint)
    parameters = results.parameters(recordings)
    results.check_one_channel(parameters, request.output)
    rows = {row["recording"]: row for row in recordings.to_pylist()}
    labels = tuple(parameters["labels"])
    truth = resolve(annotations, RecordingNames(rows), labels)
    used = sorted(uri for uri in truth.recordings if rows[uri]["status"] in LISTENED)
    those = frozenset(used)
    called = {label for (uri, label), calls in truth.calls.items() if calls and uri in those}
    to_calibrate = [label for label in labels if label in called]
    if not to_calibrate:
        raise SoundbeamError(f"{request.annotations}: has no call in the recordings that {request.output} scanned")
    _say_what_is_used(request, bundle, truth, used, len(rows), to_calibrate, say)
    floor = parameters.get("min_score")
    if floor is not None:
        say(f"the scan did not keep scores below {floor:g}: they count as {floor:g}, and no threshold is lower")
    scored = _scored(request, bundle, used, to_calibrate, truth, floor)
    keep_rules = len(to_calibrate) < len(labels)
    if keep_rules:
        say("the rules for calls stay as they are, because the labels without an annotated call share them")
    found = recalibrate(bundle, scored, parameters["hop_s"], floor, request.precision, keep_rules, _SEED, say)
    report = {
        "classifier": bundle.fingerprint,
        "annotations": redacted(request.annotations),
        "output": redacted(request.output),
        "runs": sorted(set(recordings["run"].to_pylist())),
        "recordings": len(used),
        "hours": sum(rows[uri]["listened_s"] or rows[uri]["duration_s"] or 0.0 for uri in used) / 3600,
        "hop_s": parameters["hop_s"],
        "min_score": floor,
        "precision": request.precision,
        "labels": found.figures,
    }
    calibrated = save_changed(request.to, bundle, **found.changes, report={**bundle.report, "calibrated": report})
    from soundbeam.model.report.page import write_report

    write_report(calibrated.url, calibrated, found.evidence)
    return calibrated


def _check_scanned(request: Calibrating, bundle: ClassifierBundle) -> None:
    runs = results.open_output(request.output).runs()
    if runs and not any(info.parameters.fingerprint == bundle.fingerprint for info in runs):
        raise SoundbeamError(
            f"{request.output}: scanned with another classifier ({runs[-1].parameters.fingerprint[:12]}) than "
            f"{request.classifier} ({bundle.fingerprint[:12]}); scan with that one, or give the one that scanned"
        )


def _say_what_is_used(
    request: Calibrating,
    bundle: ClassifierBundle,
    truth: Truth,
    used: Sequence[str],
    scanned: int,
    labels: Sequence[str],
    say: Callable[[str], None],
) -> None:
    those = frozenset(used)
    calls = sum(len(of) for (uri, _), of in truth.calls.items() if uri in those)
    say(f"calibrated on {len(used)} annotated recordings with {calls} calls of {len(labels)} labels")
    if unannotated := scanned - len(used):
        say(f"{unannotated} recordings without an annotation are not used (a row without times says: no call)")
    if without := len(bundle.labels) - len(labels):
        say(f"{without:,} labels without an annotated call keep their thresholds and scores")
    for what, names in (
        ("recordings that were not scanned", truth.not_scanned),
        ("labels that the classifier does not know", truth.unknown_labels),
    ):
        if names:
            shown = ", ".join(list(names)[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
            say(f"left out: {len(names)} annotated {what}: {shown}")


def _scored(
    request: Calibrating,
    bundle: ClassifierBundle,
    used: Sequence[str],
    labels: Sequence[str],
    truth: Truth,
    floor: float | None,
) -> Scored:
    """label → its scores in each recording that has windows."""
    parts = results.stream(
        request.output, "predictions", classifier=bundle.fingerprint, columns=COLUMNS, recordings=used
    )
    of_recordings = window_scores(parts, labels)
    scored: dict[str, list[SoundscapeScores]] = collections.defaultdict(list)
    for uri in used:
        if (windows := of_recordings.get(uri)) is None:
            continue
        scores = np.maximum(windows.scores.astype(np.float64), floor or 0.0)
        for i, label in enumerate(labels):
            calls = np.array(sorted(truth.calls.get((uri, label), ()))).reshape(-1, 2)
            scored[label].append(SoundscapeScores(windows.start_s, scores[:, i], calls))
    if not scored:
        raise SoundbeamError(f"{request.output}: no annotated recording has a window; scan them again")
    return scored

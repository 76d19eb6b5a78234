"""The report of a training: one HTML file that loads nothing from elsewhere. ``page.html.jinja`` is its template."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import jinja2

from soundbeam.model.classifier.bundle import ClassifierBundle
from soundbeam.model.classifier.bundle_files import REPORT
from soundbeam.model.evaluation.classification import QUALITY, Classification
from soundbeam.model.evaluation.metrics import average_precision
from soundbeam.model.evaluation.reliability import reliability
from soundbeam.model.numbers import number
from soundbeam.model.pictures.confusion import draw_confusion
from soundbeam.model.report.evidence import Evidence
from soundbeam.model.report.plots import curves, spectrogram
from soundbeam.model.storage.files import open_to_write

_TEMPLATE = "page.html.jinja"
_MOST_LABELS = 24  # whose curves are drawn


class _Table(NamedTuple):
    heads: Iterable[str]
    rows: list[tuple[str, ...]]


class _Calibrated(NamedTuple):
    told: str
    table: _Table


class _Clips(NamedTuple):
    table: _Table
    summary: list[str]
    confusion: str


def write_report(url: str, bundle: ClassifierBundle, evidence: Evidence) -> None:
    """Writes ``report.html`` into a folder: what a classifier was trained on and how well it does.

    Args:
        url: The folder, usually the bundle's; a path or any fsspec URL.
        bundle: The classifier.
        evidence: Its scores and mistakes on the validation split.
    """
    with open_to_write(f"{url.rstrip('/')}/{REPORT}", "w") as file:
        file.write(page(bundle, evidence))


def page(bundle: ClassifierBundle, evidence: Evidence) -> str:
    """The report as HTML; the same bundle and evidence give the same text."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,  # labels and paths may hold anything, also markup
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["png"] = lambda picture: _data_url(spectrogram(picture))
    drawn = evidence.labels[:_MOST_LABELS]
    return environment.get_template(_TEMPLATE).render(
        labels=_named(bundle.labels),
        task=bundle.task,
        fingerprint=bundle.fingerprint[:16],
        licence=bundle.licence,
        facts=_facts(bundle),
        examples=_examples(bundle),
        calibrated=_calibrated(bundle),
        reviewed=_reviewed(bundle),
        clips=_clips(bundle),
        windows=_windows(bundle, evidence),
        all_windows=_all_windows(bundle, evidence),
        calibration=_calibration(bundle),
        folds=_folds(bundle.report.get("cross_validation")),
        curves=[(label_scores.label, _data_url(curves(label_scores))) for label_scores in drawn],
        labels_not_drawn=len(evidence.labels) - len(drawn),
        galleries=evidence.galleries,
    )


def _named(labels: tuple[str, ...]) -> str:
    return ", ".join(labels) if len(labels) <= _MOST_LABELS else f"{len(labels):,} labels"


def _calibrated(bundle: ClassifierBundle) -> _Calibrated | None:
    """What it was calibrated on after it was made, and how well calls are found there."""
    report = bundle.report.get("calibrated")
    if not report:
        return None
    heads = ("label", "annotated calls", "threshold", "precision", "95 %", "recall", "95 %", "F1")
    rows = []
    for label, new in report["labels"].items():
        for name, figures in ((f"{label}, before", new["before"]), (label, new)):
            cells = [str(figures["annotations"]), _number(figures["threshold"])]
            for share in ("precision", "recall"):
                cells += [_number(figures[share]), _interval(figures[f"{share}_interval"])]
            rows.append((name, *cells, _number(figures["f1"])))
    return _Calibrated(_calibrated_on(report), _Table(heads, rows))


def _reviewed(bundle: ClassifierBundle) -> _Calibrated | None:
    """What people judged of its windows, and how well it does by that before and after."""
    report = bundle.report.get("reviewed")
    if not report:
        return None
    heads = ("label", "verdicts", "yes", "threshold", "precision", "90 %", "recall", "90 %")
    rows = []
    for label, figures in report["labels"].items():
        for name, point in ((f"{label}, before", figures["before"]), (label, figures["after"])):
            cells = [str(figures["verdicts"]), str(figures["yes"]), _number(point["threshold"])]
            for share in (point["precision"], point["recall"]):
                cells += [_number(share and share["value"]), _interval(share and [share["low"], share["high"]])]
            rows.append((name, *cells))
    aim = "the best F1" if report["precision"] is None else f"a precision of {report['precision']:g}"
    told = (
        f"Thresholds for {aim} of windows and probabilities by verdicts of people on a weighted sample "
        f"({report['reviews']}). The figures are of all windows of these recordings."
    )
    return _Calibrated(told, _Table(heads, rows))


def _calibrated_on(report: dict[str, Any]) -> str:
    """What a classifier was calibrated on, in a sentence."""
    aim = "the best F1" if report["precision"] is None else f"a precision of {report['precision']:g}"
    return (
        f"Thresholds for {aim}, of {len(report['labels'])} labels in {report['recordings']} annotated recordings "
        f"({report['hours']:.2f} h, {report['annotations']}), every {report['hop_s']:g} s. The figures are of these "
        "same recordings: others will be found a little worse."
    )


def _interval(ends: list[float] | None) -> str:
    return "–" if ends is None else f"{ends[0]:.2f} to {ends[1]:.2f}"


def _facts(bundle: ClassifierBundle) -> list[str]:
    report = bundle.report
    facts = [f"{bundle.architecture}, windows of {bundle.window_s:g} s every {bundle.hop_s:g} s at {bundle.rate:,} Hz"]
    if "parameters" in report:
        facts.append(f"{report['parameters']:,} parameters")
    facts += [f"{name} {report[name]}" for name in ("epochs", "seed") if name in report]
    if "wall_s" in report:
        facts.append(f"trained in {report['wall_s']:.0f} s")
    return [*facts, *(f"{name} {version}" for name, version in report.get("versions", {}).items())]


def _examples(bundle: ClassifierBundle) -> _Table | None:
    """How many examples each label has in each split; None of an imported model."""
    counts = bundle.report.get("data", {}).get("labels", {})
    if not counts and bundle.source:
        return None
    splits = list(dict.fromkeys(split for by_split in counts.values() for split in by_split))
    rows = [(label, *(f"{n.get(split, 0):,}" for split in splits)) for label, n in counts.items()]
    total = ("all", *(f"{sum(n.get(split, 0) for n in counts.values()):,}" for split in splits))
    return _Table(("examples", *splits), [*rows, total])


def _clips(bundle: ClassifierBundle) -> _Clips | None:
    """How well clips of several labels are told apart, and which are taken for which."""
    plain = bundle.report.get("validation", {}).get("clips")
    if not plain:
        return None
    clips = Classification.of_plain(plain)
    rows = [(one.label, str(one.clips), str(one.found), *map(_number, one.quality)) for one in clips.labels]
    if clips.macro:
        rows.append(("mean of the labels", str(clips.clips), "", *(_number(clips.macro[name]) for name in QUALITY)))
    table = _Table(("label", "clips", "found", *map(_words, QUALITY)), rows)
    picture = io.BytesIO()
    draw_confusion(picture, clips.confusion, [one.label for one in clips.labels], f"{clips.confusion.sum()} clips")
    return _Clips(table, clips.told(bundle.task), _data_url(picture.getvalue()))


def _windows(bundle: ClassifierBundle, evidence: Evidence) -> _Table:
    """Each label's figures: those of the bundle, and what is missing there computed from the scores."""
    of_training = {} if "calibrated" in bundle.report else bundle.report.get("validation", {})
    by_label: dict[str, dict[str, Any]] = of_training.get("labels", {})
    reported = [name for figures in by_label.values() for name, value in figures.items() if not isinstance(value, dict)]
    names = list(dict.fromkeys((*reported, "average_precision", "expected_calibration_error")))
    rows = []
    for label_scores in evidence.labels:
        truth, scores = label_scores.truth, label_scores.scores
        figures = {
            "average_precision": average_precision(truth, scores),
            "expected_calibration_error": reliability(truth, scores).expected_calibration_error,
            **by_label.get(label_scores.label, {}),
        }
        cells = (_number(figures.get(name)) for name in names)
        rows.append((label_scores.label, _number(label_scores.threshold), *cells))
    return _Table(("label", "threshold", *map(_words, names)), rows)


def _all_windows(bundle: ClassifierBundle, evidence: Evidence) -> list[str]:
    """The figures of all labels together."""
    validation = {} if "calibrated" in bundle.report else bundle.report.get("validation", {})
    figures: dict[str, Any] = {n: v for n, v in validation.items() if isinstance(v, int | float)}
    if evidence.chosen is not None:
        right, top = evidence.chosen
        name = "expected calibration error of the chosen label"
        figures[name] = reliability(right, top).expected_calibration_error
        if evidence.chosen_before is not None:
            before = reliability(right, evidence.chosen_before)
            figures[f"{name} before calibration"] = before.expected_calibration_error
    return [f"{name} {_number(value)}" for name, value in figures.items()]


def _calibration(bundle: ClassifierBundle) -> str:
    """How scores became probabilities, and what they are probabilities of."""
    calibration = bundle.calibration
    if calibration is None:
        return "The scores are as the network gives them: they were not calibrated."
    if not calibration.biases:
        return f"The scores are calibrated: the network's log-odds are divided by {1 / calibration.slope:.3f}."
    each = [(label, *calibration.of_label(i)) for i, label in enumerate(bundle.labels)]
    # Labels that were never calibrated keep their scores.
    terms = ", ".join(f"{label} {bias:+.2f}" for label, slope, bias in each if (slope, bias) != (1, 0))
    where = "annotated recordings" if "calibrated" in bundle.report else "soundscapes"
    where = "reviewed recordings" if "reviewed" in bundle.report else where
    return (
        f"The scores are calibrated: the network's log-odds are multiplied by {calibration.slope:.3f}, and to them is "
        f"added: {terms} (Platt 1999). They are probabilities where calls are as frequent as in the {where}."
    )


def _folds(cross_validation: dict[str, Any] | None) -> _Table | None:
    """One row for each fold, then their mean and standard deviation."""
    if not cross_validation:
        return None
    mean, spread = cross_validation["mean"], cross_validation["standard_deviation"]
    rows = [
        (str(k), str(len(fold["sources"])), str(sum(fold["clips"].values())),
         *(_number(fold["figures"].get(name)) for name in mean))
        for k, fold in enumerate(cross_validation["folds"], start=1)
    ]  # fmt: skip
    rows.append(("mean", "", "", *(_number(value) for value in mean.values())))
    rows.append(("standard deviation", "", "", *(_number(spread[name]) for name in mean)))
    return _Table(("fold", "recordings", "examples", *map(_words, mean)), rows)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _number(value: Any) -> str:
    """Three digits, or one for what is not a share; a dash for what is not defined."""
    if value is None or (isinstance(value, float) and abs(value) <= 1):
        return number(value)
    if isinstance(value, float):
        return f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _data_url(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"

"""Prints the figures of ``soundbeam evaluate``."""

from __future__ import annotations

from typing import Any

from soundbeam.model.numbers import number
from soundbeam.pipelines.console.output import print_table, say
from soundbeam.pipelines.label_names import similar_labels
from soundbeam.pipelines.recording_names import short_names

_ALL_ROWS, _WRONG_ROWS = 40, 20  # up to 40 rows all are printed; of more, only 20 of the wrong ones


def print_figures(figures: dict[str, Any]) -> None:
    """Prints a summary of the figures that `pipelines.evaluate.recordings.compare` returns."""
    for note in _notes(figures):
        say(f"note: {note}")
    _print_counts(figures["recordings"])
    if len(figures["labels"]) > 1:
        _print_table(figures["labels"], figures["overall"])
        return
    for label, label_figures in figures["labels"].items():
        _print_label(label, label_figures)


def _print_table(labels: dict[str, Any], overall: dict[str, Any]) -> None:
    """One row for each label, then one for all: the sums over calls, and the means over counts and windows."""
    say()
    print_table(
        (
            "label",
            "true calls",
            "found",
            "reported",
            "precision",
            "recall",
            "F1",
            "exact counts",
            "mean error",
            "average precision",
        ),
        [_cells(label, figures) for label, figures in (*labels.items(), (f"all {len(labels)} labels", overall))],
    )
    for label, figures in labels.items():
        if "at_precision" in figures:
            say(label)
            _print_point(figures["at_precision"])


def _cells(label: str, figures: dict[str, Any]) -> tuple[str, ...]:
    """One row of the table of labels."""
    events, counts = figures["events"], figures["counts"]
    return (
        label,
        str(events["annotations"]),
        str(events["matched"]),
        str(events["calls"]),
        number(events["precision"]),
        number(events["recall"]),
        number(events["f1"]),
        f"{counts['exact']}/{counts['counts']}",
        number(counts["mean_absolute_error"]),
        number(figures["windows"]["average_precision"]),
    )


def _print_label(label: str, figures: dict[str, Any]) -> None:
    """A few lines on the counts, calls and windows of one label."""
    counts, events, windows = figures["counts"], figures["events"], figures["windows"]
    say()
    say(label)
    say(
        f"  counts   {counts['exact']} of {counts['counts']} recordings exact, "
        f"mean absolute error {number(counts['mean_absolute_error'])}"
    )
    if figures.get("intervals", {}).get("intervals"):
        intervals = figures["intervals"]
        say(
            f"  {'':<8} calls_low to calls_high hold the true count of {intervals['covered']} of "
            f"{intervals['intervals']}; on average they are {intervals['mean_width']:.1f} apart"
        )
    say(
        f"  calls    {events['matched']} of {events['annotations']} found, {events['calls']} reported: precision "
        f"{number(events['precision'])}, recall {number(events['recall'])}, F1 {number(events['f1'])}"
    )
    say(
        f"  windows  average precision {number(windows['average_precision'])}, ROC AUC {number(windows['roc_auc'])} "
        f"({windows['positive']} with a call, {windows['negative']} without)"
    )
    if figures["calibration_error"] is not None:
        say(f"  {'':<8} expected calibration error {number(figures['calibration_error'])}, of the same windows")
    if windows["ambiguous"]:
        say(f"  {'':<8} {windows['ambiguous']} windows hold less than half of a call and are left out")
    if "at_precision" in figures:
        _print_point(figures["at_precision"])


def _print_point(point: dict[str, Any]) -> None:
    """Prints the threshold that reaches a precision."""
    if point["threshold"] is None:
        say(f"  precision {point['wanted']:g} is not reached: no threshold gives a call")
        return
    result = (
        f"threshold {point['threshold']:.9g} gives precision {number(point['precision'])} ({point['matched']} of "
        f"{point['calls']} calls) and recall {number(point['recall'])}"
    )
    if point["reached"]:
        say(f"  for precision {point['wanted']:g} or more: {result}")
    else:
        say(f"  precision {point['wanted']:g} is not reached by any threshold; the nearest: {result}")


def _notes(figures: dict[str, Any]) -> list[str]:
    notes = []
    if missing := figures["not_scanned"]:
        calls = sum(m["annotated_calls"] for m in missing)
        names = _first_names([m["recording"] for m in missing])
        notes.append(f"{len(missing)} annotated recordings ({calls} calls) were not scanned and are left out: {names}")
    if excluded := figures["excluded"]:
        calls = sum(e["annotated_calls"] for e in excluded)
        names = _first_names([e["recording"] for e in excluded])
        notes.append(
            f"{len(excluded)} recordings ({calls} annotated calls) failed in the scan and are left out: {names}"
        )
    if partial := [r["recording"] for r in figures["recordings"] if r["status"] == "partial"]:
        notes.append(
            f"{len(partial)} recordings could be read in part only, all their calls count: {_first_names(partial)}"
        )
    if figures["unknown_labels"]:
        names = ", ".join(f"{label} ({n} rows)" for label, n in figures["unknown_labels"].items())
        notes.append(f"the classifier does not know these annotated labels, they are ignored: {names}")
        known = [*figures["labels"], *figures["labels_without_annotation"]]
        notes += similar_labels([*figures["unknown_labels"], *known])
    if figures["taken_for"]:
        taken = _first_names([f"{name!r} as {label!r}" for name, label in figures["taken_for"].items()])
        notes.append(f"annotated names of species are taken for the labels that hold them: {taken}")
    if figures["labels_without_annotation"]:
        notes.append(f"labels without an annotation are left out: {_first_names(figures['labels_without_annotation'])}")
    for kind, n in figures["no_calls"].items():
        notes.append(f"{n} annotations are {kind}, and no calls")
    if figures["identical_rows"]:
        notes.append(f"{figures['identical_rows']} annotations are there twice and count once")
    if late := figures["beyond_the_end"]:
        behind = sum(call["start_s"] >= call["duration_s"] for call in late)
        first = late[0]
        notes.append(
            f"{len(late)} annotated calls end after the end of their recording, {behind} of them also start there; the "
            f"first in line {first['line']}, {first['start_s']:g} to {first['end_s']:g} s in {first['recording']} of "
            f"{first['duration_s']:.1f} s"
        )
    if points := figures["without_length"]:
        notes.append(
            f"{len(points)} annotated calls have no length, the first in line {points[0]['line']}; each counts as a "
            "point in time, which a call that holds it finds"
        )
    if figures["unannotated"]:
        notes.append(f"{figures['unannotated']} scanned recordings have no annotation: their true count is taken as 0")
    return notes


def _first_names(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _print_counts(recordings: list[dict[str, Any]]) -> None:
    """Prints the true and counted calls of each recording and label; if there are many, only those that differ."""
    shown = short_names([r["recording"] for r in recordings])
    rows = [
        (shown[r["recording"]], label, n["true"], n["counted"]) for r in recordings for label, n in r["labels"].items()
    ]
    wrong = [row for row in rows if row[2] != row[3]]
    if len(rows) > _ALL_ROWS:
        if not wrong:
            return
        say()
        say(f"{len(wrong)} of {len(rows)} counts are wrong:")
    listed = rows if len(rows) <= _ALL_ROWS else wrong[:_WRONG_ROWS]
    names = ("recording", "label") if len({label for _, label, *_ in rows}) > 1 else ("recording",)
    cells = [
        (*row[: len(names)], str(true), str(counted), f"{counted - true:+d}" if counted != true else "")
        for *row, true, counted in listed
    ]
    print_table((*names, "true", "counted", ""), cells, text_columns=len(names))
    if len(rows) > _ALL_ROWS and len(wrong) > _WRONG_ROWS:
        say("…")

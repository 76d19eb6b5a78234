"""Compares a scan with annotations: counts, calls and windows; or a scan of clips with their labels.

    soundbeam evaluate --annotations annotations.csv --output results/ --json figures.json
    soundbeam evaluate --annotations annotations.csv --output results/ --precision 0.95
    soundbeam evaluate --clips clips/ --output results/ --report report/

The annotations are a CSV ``recording,start_s,end_s,label`` (further columns are ignored); a recording is named by its
URI or by an unambiguous tail of it. Scanned recordings without a row hold no call: their true count is 0. The
annotated labels are evaluated, each on its own: for a classifier of many labels that is one against the rest.

- counts: how many recordings are counted exactly, and the mean absolute error, in calls a recording.
- calls: precision, recall and F1; a call is right when it overlaps an annotation, one to one.
- windows: average precision and ROC AUC of the scores. A window is positive when it holds at least half of an annotated
  call or is at least half filled by calls; one that holds less is ambiguous and left out; all others are negative.

With --precision the calls are found again with many thresholds, as a scan would find them: told is the lowest one with
which they are right that often on these annotations. A threshold chosen on few calls holds roughly for others.

With --clips (a folder with a folder a label, or a CSV as ``soundbeam materialize`` takes it) each scanned clip is
compared as a whole: precision, recall, F1 and average precision of each label, accuracy, what is taken for what.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from soundbeam.model.numbers import number
from soundbeam.pipelines.console.arguments import Parser, share
from soundbeam.pipelines.console.errors import program
from soundbeam.pipelines.console.output import say
from soundbeam.pipelines.evaluate.annotations import read_annotations
from soundbeam.pipelines.recording_names import short_names

_ALL_ROWS, _WRONG_ROWS = 40, 20  # up to so many rows are all printed; of more, only so many wrong ones


@program("evaluate")
def main(argv: list[str] | None = None) -> int:
    """Runs the program."""
    parser = Parser(
        "evaluate",
        "Compares a scan's counts, calls and window scores with annotations.",
        "soundbeam evaluate --annotations annotations.csv --output results/",
    )
    truth = parser.add_mutually_exclusive_group(required=True)
    truth.add_argument(
        "--annotations", metavar="CSV", help="recording,start_s,end_s,label: every call; path or fsspec URL"
    )
    truth.add_argument("--clips", metavar="DIR", help="labelled clips that were scanned: a folder a label, or a CSV")
    parser.add_argument("--output", required=True, metavar="DIR", help="the scan's output folder")
    parser.add_argument(
        "--precision",
        type=share(low_open=True),
        metavar="X",
        help="also tell the threshold for this precision of calls, e.g. 0.95",
    )
    parser.add_argument("--json", metavar="FILE", help="also write all figures there; path or fsspec URL")
    parser.add_argument(
        "--report", metavar="DIR", help="with --clips: confusion matrix (PNG, Parquet) and tables of labels and clips"
    )
    options = parser.parse_args(argv)
    if options.clips:
        if options.precision:
            parser.error("--precision wants --annotations")
        return _clips(options)
    if options.report:
        parser.error("--report wants --clips")
    from soundbeam.pipelines.evaluate.recordings import compare

    figures = compare(read_annotations(options.annotations), options.output, options.precision)
    print_figures(figures)
    _write_json(options, {"annotations": options.annotations, "output": options.output, **figures})
    return 0


def _clips(options: argparse.Namespace) -> int:
    from soundbeam.pipelines.evaluate.clips import evaluate_clips, plain_figures, print_clips, write_report

    evaluation = evaluate_clips(options.clips, options.output)
    print_clips(evaluation)
    if options.report:
        say(f"report: {', '.join(write_report(evaluation, options.report))}")
    _write_json(options, {"clips_of": options.clips, "output": options.output, **plain_figures(evaluation)})
    return 0


def _write_json(options: argparse.Namespace, figures: dict[str, Any]) -> None:
    if options.json:
        from soundbeam.model.storage.files import open_to_write

        with open_to_write(options.json, "w") as f:
            json.dump(figures, f, indent=1)
        say(f"all figures: {options.json}")


def print_figures(figures: dict[str, Any]) -> None:
    """Prints what a person wants to know of `pipelines.evaluate.recordings.compare`'s figures."""
    for note in _notes(figures):
        say(f"note: {note}")
    _print_counts(figures["recordings"])
    if len(figures["labels"]) > 1:
        _print_table(figures["labels"], figures["overall"])
        return
    for label, its in figures["labels"].items():
        say()
        say(f"{label}")
        windows = its["windows"]
        _print_scores(its, f"{windows['positive']} with a call, {windows['negative']} without")
        if its["calibration_error"] is not None:
            say(f"  {'':<8} expected calibration error {number(its['calibration_error'])}, of the same windows")
        if windows["ambiguous"]:
            say(f"  {'':<8} {windows['ambiguous']} windows hold less than half of a call and are left out")
        if "at_precision" in its:
            _print_point(its["at_precision"])


def _print_table(labels: dict[str, Any], overall: dict[str, Any]) -> None:
    """A row a label, then one of all: its sums, and of the figures of counts and windows the means."""
    rows = [*labels.items(), (f"all {len(labels)} labels", overall)]
    wide = max(len(name) for name, _ in rows)
    say()
    say(f"{'':<{wide}}  {'calls':<40}  {'counts':<18}  windows")
    heads = ("true  found  reported  precision  recall     F1", "exact  mean error", "average precision")
    say(f"{'label':<{wide}}  {'  '.join(heads)}")
    for name, its in rows:
        events, counts = its["events"], its["counts"]
        exact = f"{counts['exact']}/{counts['counts']}"
        say(
            f"{name:<{wide}}  {events['annotations']:>4}  {events['matched']:>5}  {events['calls']:>8}  "
            f"{number(events['precision']):>9}  {number(events['recall']):>6}  {number(events['f1']):>5}  {exact:>5}  "
            f"{number(counts['mean_absolute_error']):>10}  {number(its['windows']['average_precision']):>17}"
        )
    for name, its in labels.items():
        if "at_precision" in its:
            say(name)
            _print_point(its["at_precision"])


def _print_scores(its: dict[str, Any], windows: str) -> None:
    counts, events = its["counts"], its["events"]
    say(
        f"  counts   {counts['exact']} of {counts['counts']} recordings exact, "
        f"mean absolute error {number(counts['mean_absolute_error'])}"
    )
    if its.get("intervals", {}).get("intervals"):
        intervals = its["intervals"]
        say(
            f"  {'':<8} calls_low to calls_high hold the true count of {intervals['covered']} of "
            f"{intervals['intervals']}; on average they are {intervals['mean_width']:.1f} apart"
        )
    say(
        f"  calls    {events['matched']} of {events['annotations']} found, {events['calls']} reported: precision "
        f"{number(events['precision'])}, recall {number(events['recall'])}, F1 {number(events['f1'])}"
    )
    say(
        f"  windows  average precision {number(its['windows']['average_precision'])}, "
        f"ROC AUC {number(its['windows']['roc_auc'])} ({windows})"
    )


def _print_point(point: dict[str, Any]) -> None:
    """The threshold for a wanted precision."""
    if point["threshold"] is None:
        say(f"  precision {point['wanted']:g} is not reached: no threshold gives a call")
        return
    told = (
        f"threshold {point['threshold']:.9g} gives precision {number(point['precision'])} ({point['matched']} of "
        f"{point['calls']} calls) and recall {number(point['recall'])}"
    )
    if point["reached"]:
        say(f"  for precision {point['wanted']:g} or more: {told}")
    else:
        say(f"  precision {point['wanted']:g} is not reached by any threshold; the nearest: {told}")


def _notes(figures: dict[str, Any]) -> list[str]:
    notes = []
    if missing := figures["not_scanned"]:
        calls = sum(m["annotated_calls"] for m in missing)
        names = _some([m["recording"] for m in missing])
        notes.append(f"{len(missing)} annotated recordings ({calls} calls) were not scanned and are left out: {names}")
    if excluded := figures["excluded"]:
        calls = sum(e["annotated_calls"] for e in excluded)
        names = _some([e["recording"] for e in excluded])
        notes.append(
            f"{len(excluded)} recordings ({calls} annotated calls) failed in the scan and are left out: {names}"
        )
    if partial := [r["recording"] for r in figures["recordings"] if r["status"] == "partial"]:
        notes.append(f"{len(partial)} recordings could be read in part only, all their calls count: {_some(partial)}")
    if figures["unknown_labels"]:
        names = ", ".join(f"{label} ({n} rows)" for label, n in figures["unknown_labels"].items())
        notes.append(f"the classifier does not know these annotated labels, they are ignored: {names}")
    if figures["labels_without_annotation"]:
        notes.append(f"labels without an annotation are left out: {_some(figures['labels_without_annotation'])}")
    if figures["identical_rows"]:
        notes.append(f"{figures['identical_rows']} annotations are there twice and count once")
    if late := figures["beyond_the_end"]:
        first = f"{late[0]['start_s']:g} s in {late[0]['recording']} of {late[0]['duration_s']:.1f} s"
        notes.append(f"{len(late)} annotated calls start after the end of their recording, e.g. at {first}")
    if figures["unannotated"]:
        notes.append(f"{figures['unannotated']} scanned recordings have no annotation: their true count is taken as 0")
    return notes


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _print_counts(recordings: list[dict[str, Any]]) -> None:
    """True and counted calls of each recording and label; of many, those that differ."""
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
    several = len({label for _, label, *_ in rows}) > 1
    listed = rows if len(rows) <= _ALL_ROWS else wrong[:_WRONG_ROWS]
    wide = max(len("recording"), *(len(name) for name, *_ in listed))
    label_wide = max(len("label"), *(len(label) for _, label, *_ in listed)) + 2 if several else 0
    say(f"{'recording':<{wide}}  {'label' if several else '':<{label_wide}}   true  counted")
    for name, label, true, counted in listed:
        off = f"  {counted - true:+d}" if counted != true else ""
        say(f"{name:<{wide}}  {label if several else '':<{label_wide}} {true:>6}  {counted:>7}{off}")
    if len(rows) > _ALL_ROWS and len(wrong) > _WRONG_ROWS:
        say("…")


if __name__ == "__main__":
    sys.exit(main())

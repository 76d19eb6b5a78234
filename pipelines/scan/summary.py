"""A scan's results as figures, and as text for people."""

from __future__ import annotations

import collections
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from soundbeam.model.errors import ScanError
from soundbeam.model.storage.parquet import sort_rows
from soundbeam.pipelines import results
from soundbeam.pipelines.channel_sums import over_channels
from soundbeam.pipelines.console.output import say
from soundbeam.pipelines.output.run_info import RunInfo
from soundbeam.pipelines.scan.job import ScanResult
from soundbeam.pipelines.scan.place_figures import place_figures, place_lines
from soundbeam.transforms.listing.chosen_times import HOURS, NO_TIME, SINCE, UNTIL
from soundbeam.transforms.listing.left_out import commonest
from soundbeam.transforms.tables.schemas import schemas

_SHOWN = 10
_LABELS_SHOWN = 20  # of thousands
# Why files were left out: the figure that says how many they are, and the words.
_NOT_CHOSEN = {
    SINCE: ("before_since", "from before --since"),
    UNTIL: ("after_until", "from after --until"),
    HOURS: ("outside_hours", "that begin outside --hours"),
    NO_TIME: ("without_hour", "whose time is not known, so that --hours cannot choose them,"),
}
_ALL = pc.CountOptions(mode="all")


def figures_of(result: ScanResult, output: str) -> dict[str, Any]:
    """The numbers of recordings, hours, windows, calls and failures; only the first where there was nothing new."""
    info = result.info
    if result.built_for:
        return {"built_for": result.built_for}
    figures: dict[str, Any] = {
        "unchanged": result.done_before,
        **{figure: result.not_chosen.get(why, 0) for why, (figure, _) in _NOT_CHOSEN.items()},
        "left_out": commonest(result.told.left_out),
        "hints": result.told.lines,
    }
    if info is None:
        return figures
    columns = ["recording", "status", "error", "duration_s", "listened_s", "windows", "notes", "content", "site"]
    columns += ["recorded_at", "latitude"]
    recordings = results.read(output, "recordings", run=info.run, columns=columns)
    counts = schemas((), {})["counts"].empty_table()
    if "counts" in info.parameters.tables:
        sums = ["calls", "calls_low", "calls_high"]
        sums += ["unlikely"] if info.parameters.min_expected is not None else []
        counts = results.read(output, "counts", run=info.run, columns=["recording", "label", *sums])
        if info.parameters.channel == "each" and len(counts):
            counts = pa.concat_tables(over_channels([counts], sums))
    bad = recordings.filter(pc.is_in(recordings["status"], value_set=pa.array(["partial", "failed"], pa.string())))
    bad = sort_rows(bad, "recording")  # a runner writes them in any order
    return {
        **figures,
        "run": info.run,
        "classifier": info.parameters.fingerprint,
        "resumed_runs": info.taken_over,
        "reused": sum(info.reused.values()),
        "gone": info.gone,
        "renamed": info.renamed,
        "scan_s": info.wall_s,
        "licence": info.parameters.licence,
        "recordings": {row["values"]: row["counts"] for row in pc.value_counts(recordings["status"]).to_pylist()},
        "hours": (pc.sum(pc.coalesce(recordings["listened_s"], recordings["duration_s"])).as_py() or 0.0) / 3600,
        "windows": pc.sum(recordings["windows"]).as_py() or 0,
        "labels": len(info.labels),
        **_counts_by_label(counts, info, recordings["status"]),
        **place_figures(result, recordings, counts),
        "bad": bad.slice(0, _SHOWN).select(["status", "recording", "error"]).to_pylist(),
        "notes": _kinds_of_notes(recordings["notes"]),
        "duplicates": _duplicates(results.read(output, "recordings", columns=["content"])["content"]),
    }


def _counts_by_label(counts: pa.Table, info: RunInfo, statuses: pa.ChunkedArray) -> dict[str, dict[str, Any]]:
    """label → its calls, their range, how many recordings were counted, and how many have a call.

    Of thousands of labels, those with a call, the most frequent first.
    """
    heard = pc.cast(pc.greater(counts["calls"], 0), pa.int64())
    sums = ("calls", "calls_low", "calls_high", "heard")
    of_label = counts.append_column("heard", heard).group_by("label", use_threads=False)
    totals = {
        row["label"]: [row[f"{name}_sum"] or 0 for name in sums] + [row["calls_count"]]
        for row in of_label.aggregate([*((name, "sum") for name in sums), ("calls", "count", _ALL)]).to_pylist()
    }
    scanned = pc.sum(pc.not_equal(statuses, "skipped")).as_py() or 0
    if info.parameters.sparse_counts:
        labels = sorted((label for label in totals if totals[label][0]), key=lambda label: (-totals[label][0], label))
        totals = {label: [*totals[label][:-1], scanned] for label in labels}
    else:
        totals = {label: totals.get(label, [0] * 5) for label in info.labels}
    return {
        "calls": {label: row[0] for label, row in totals.items()},
        "range": {label: row[1:3] for label, row in totals.items()},
        "counted": {label: row[4] for label, row in totals.items()},
        "heard": {label: row[3] for label, row in totals.items()},
    }


def _kinds_of_notes(notes: pa.ChunkedArray) -> dict[str, int]:
    """How many recordings have each kind of note: what stands before the colon."""
    kinds = collections.Counter(
        part.partition(":")[0] for note in pc.drop_null(notes).to_pylist() for part in note.split("; ") if ":" in part
    )
    return dict(kinds.most_common())


def _duplicates(contents: pa.ChunkedArray) -> int:
    """How many recordings are the same file as another one."""
    known = pc.drop_null(contents)
    return len(known) - len(pc.unique(known))


def summarize(figures: dict[str, Any], output: str) -> int:
    """Prints `figures_of`.

    Returns:
        The exit code, which is 0 even if some files failed.

    Raises:
        ScanError: Not one file could be scanned.
    """
    if built_for := figures.get("built_for"):
        say(f"the job was built ({built_for}); nothing is scanned yet")
        if built_for == "template":
            say("when its job has ended, the next scan into the same output makes its rows visible")
        return 0
    unchanged = f"{figures['unchanged']} recordings were scanned before and are unchanged"
    not_chosen = [
        f"{figures[name]} recordings {words} were left out" for name, words in _NOT_CHOSEN.values() if figures[name]
    ]
    if "run" not in figures:
        say(f"nothing new: {unchanged}")
        for line in not_chosen:
            say(line)
        _say_left_out(figures)
        say(f"tables: {output}")
        return 0
    status = figures["recordings"]
    files, hours, wall_s = sum(status.values()), figures["hours"], figures["scan_s"]
    for row in figures["bad"]:
        say(f"{row['status']}: {row['recording']}: {row['error']}")
    not_shown = status.get("partial", 0) + status.get("failed", 0) - len(figures["bad"])
    if not_shown:
        say(f"… and {not_shown} more, in the table recordings")
    labels = list(figures["calls"])
    many = figures["labels"] > len(labels)
    if many and not labels:
        say(f"no call of any of {figures['labels']} labels")
    for label in labels[:_LABELS_SHOWN] if many else labels:
        calls = figures["calls"][label]
        low, high = figures["range"][label]
        share = f"{figures['heard'][label]} of {figures['counted'][label]} recordings"
        say(f"{label}: {calls} calls ({low} to {high}) in {share}")
    if many and len(labels) > _LABELS_SHOWN:
        say(f"… and {len(labels) - _LABELS_SHOWN} more of {figures['labels']} labels, in the table counts")
    for line in place_lines(figures):
        say(line)
    by_status = ", ".join(f"{n} {name}" for name, n in sorted(status.items())) or "nothing new"
    say(f"{files} recordings ({by_status}), {hours:.2f} h, {figures['windows']} windows")
    for kind, n in figures["notes"].items():
        say(f"note: {n} recordings: {kind} (column notes of the table recordings)")
    if figures["duplicates"]:
        say(f"{figures['duplicates']} recordings are the same files as others under other names, and count twice")
    if figures["renamed"]:
        say(f"{figures['renamed']} recordings were scanned before under other names; the new names replace those")
    if figures["gone"]:
        say(f"{figures['gone']} recordings are no longer there, and no longer in the tables' current rows")
    if figures["unchanged"]:
        say(unchanged)
    for line in not_chosen:
        say(line)
    _say_left_out(figures)
    if reused := figures["reused"]:
        scanned = sum(n for name, n in status.items() if name != "skipped") - reused
        say(f"re-used the scores of {reused} recordings (same network); {scanned} scanned")
    if resumed := figures["resumed_runs"]:
        say(f"{len(resumed)} scan(s) that had died before the end were resumed: {', '.join(resumed)}")
    say(f"{wall_s:.0f} s, {3600 * hours / wall_s:.0f} × real time; classifier {figures['classifier'][:12]}")
    if figures["licence"]:
        say(f"licence of the classifier: {figures['licence']}")
    say(f"tables: {output} (run {figures['run']})")
    check(figures)
    return 0


def _say_left_out(figures: dict[str, Any]) -> None:
    """Prints which files in the folders are not recordings, and what patterns miss."""
    if figures["left_out"]:
        say(f"left out: {', '.join(f'{n} {kind}' for kind, n in figures['left_out'].items())}")
    for line in figures["hints"]:
        say(line)


def check(figures: dict[str, Any]) -> None:
    """Checks that a scan scanned something if there was something to scan.

    Raises:
        ScanError: Not one file could be scanned.
    """
    status = figures.get("recordings", {})
    if status.get("failed") and not status.get("ok") and not status.get("partial") and not figures["unchanged"]:
        raise ScanError(f"not one of {sum(status.values())} files could be scanned; the table recordings says why")

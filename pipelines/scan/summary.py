"""A scan's results as figures, and as text for people."""

from __future__ import annotations

import collections
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from soundbeam.model.errors import ScanError
from soundbeam.model.storage.parquet import sort_rows
from soundbeam.pipelines import results
from soundbeam.pipelines.console.output import say
from soundbeam.pipelines.scan.job import ScanResult
from soundbeam.transforms.listing.left_out import commonest

_SHOWN = 10


def figures_of(result: ScanResult, output: str) -> dict[str, Any]:
    """The numbers of recordings, hours, windows, calls and failures; only the first where there was nothing new."""
    info = result.info
    if result.built_for:
        return {"built_for": result.built_for}
    figures: dict[str, Any] = {
        "unchanged": result.done_before,
        "before_since": result.before_since,
        "left_out": commonest(result.told.left_out),
        "hints": result.told.lines,
    }
    if info is None:
        return figures
    columns = ["recording", "status", "error", "duration_s", "listened_s", "windows", "notes", "content"]
    recordings = results.read(output, "recordings", run=info.run, columns=columns)
    labels = info.labels if "counts" in info.parameters.tables else []
    columns = ["label", "calls", "calls_low", "calls_high"]
    counts = results.read(output, "counts", run=info.run, columns=columns) if labels else pa.table({})
    bad = recordings.filter(pc.is_in(recordings["status"], value_set=pa.array(["partial", "failed"], pa.string())))
    bad = sort_rows(bad, "recording")  # a runner writes them in any order
    rows_of_label = {label: counts.filter(pc.equal(counts["label"], label)) for label in labels}
    calls_of_label = {label: rows["calls"] for label, rows in rows_of_label.items()}
    return {
        **figures,
        "run": info.run,
        "classifier": info.parameters.fingerprint,
        "resumed_runs": info.taken_over,
        "gone": info.gone,
        "renamed": info.renamed,
        "scan_s": info.wall_s,
        "licence": info.parameters.licence,
        "recordings": {row["values"]: row["counts"] for row in pc.value_counts(recordings["status"]).to_pylist()},
        "hours": (pc.sum(pc.coalesce(recordings["listened_s"], recordings["duration_s"])).as_py() or 0.0) / 3600,
        "windows": pc.sum(recordings["windows"]).as_py() or 0,
        "calls": {label: pc.sum(calls).as_py() or 0 for label, calls in calls_of_label.items()},
        "range": {
            label: [pc.sum(rows[end]).as_py() or 0 for end in ("calls_low", "calls_high")]
            for label, rows in rows_of_label.items()
        },
        "counted": {label: len(calls) for label, calls in calls_of_label.items()},
        "heard": {label: pc.sum(pc.greater(calls, 0)).as_py() or 0 for label, calls in calls_of_label.items()},
        "bad": bad.slice(0, _SHOWN).select(["status", "recording", "error"]).to_pylist(),
        "notes": _kinds_of_notes(recordings["notes"]),
        "duplicates": _duplicates(results.read(output, "recordings", columns=["content"])["content"]),
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
    older = f"{figures['before_since']} recordings from before --since were left out"
    if "run" not in figures:
        say(f"nothing new: {unchanged}")
        if figures["before_since"]:
            say(older)
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
    for label, calls in figures["calls"].items():
        low, high = figures["range"][label]
        share = f"{figures['heard'][label]} of {figures['counted'][label]} recordings"
        say(f"{label}: {calls} calls ({low} to {high}) in {share}")
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
    if figures["before_since"]:
        say(older)
    _say_left_out(figures)
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

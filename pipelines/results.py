"""Reads the tables of an output folder back: the current rows of every committed run."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from model.errors import SoundbeamError
from pipelines.runs import Output
from transforms.ledger import DELETED
from transforms.tables import METADATA_KEY, TABLES


def read(output: str, table: str, run: str | None = None, classifier: str | None = None) -> pa.Table:
    """The current rows of one table.

    Where several runs hold the same recording the newest one's rows count. Runs that were not committed are left
    out, so is what was deleted since, and rows of two classifiers, hops or thresholds are never mixed.

    Args:
        output: The scan's output folder, a local path or any fsspec URL.
        table: ``predictions``, ``calls``, ``counts`` or ``recordings``.
        run: Only this run.
        classifier: Only runs of the classifier of this fingerprint (or its beginning); default: the newest run's.

    Returns:
        The table with one more column, ``run``; its schema's metadata is the newest run's.

    Raises:
        SoundbeamError: No such table, no committed run, or none of that name or classifier.
    """
    if table not in TABLES:
        raise SoundbeamError(f"no table {table!r}; there are {', '.join(TABLES)}")
    folder = Output(output)
    runs = select_runs(folder, run, classifier)
    recordings = {r["run"]: _read_run(folder, "recordings", r["run"]) for r in runs}
    current = _current(recordings)
    parts = []
    for name in recordings:
        rows = recordings[name] if table == "recordings" else _read_run(folder, table, name)
        if len(recordings) > 1:
            rows = rows.filter(pc.is_in(rows["recording"], value_set=current[name]))
        if table == "recordings":
            rows = rows.filter(pc.not_equal(pc.fill_null(rows["stage"], ""), DELETED))
        parts.append(rows.append_column("run", pa.array([name] * len(rows), pa.string())))
    return pa.concat_tables([p.replace_schema_metadata(parts[-1].schema.metadata) for p in parts])


def select_runs(output: Output, run: str | None = None, classifier: str | None = None) -> list[dict[str, Any]]:
    """The committed runs of one classifier with one hop and one set of thresholds, the newest's, oldest first.

    Raises:
        SoundbeamError: There is none.
    """
    runs = output.runs()
    if not runs:
        raise SoundbeamError(f"{output.given}: no finished scan in it; make one with 'soundbeam scan --output'")
    if run is not None:
        found = [r for r in runs if r["run"] == run]
        names = ", ".join(r["run"] for r in runs[-5:])
        if not found:
            raise SoundbeamError(f"{output.given}: no run {run!r}; the newest are {names}")
        return found
    of_classifier = [r for r in runs if r["fingerprint"].startswith(classifier or "")]
    if not of_classifier:
        raise SoundbeamError(f"{output.given}: no run of a classifier with fingerprint {classifier!r}")
    return [r for r in of_classifier if r["settings"] == of_classifier[-1]["settings"]]


def latest_run(output: str) -> dict[str, Any]:
    """The ``run.json`` of the newest committed run.

    Raises:
        SoundbeamError: There is none.
    """
    return select_runs(Output(output))[-1]


def parameters(table: pa.Table) -> dict[str, Any]:
    """The run's parameters out of a table's schema metadata; ``labels`` is the order of ``scores``."""
    return json.loads(table.schema.metadata[METADATA_KEY])


def _read_run(output: Output, table: str, run: str) -> pa.Table:
    files = sorted(output.fs.glob(f"{output.table(table, run)}/*.parquet"))
    parts = []
    for name in files:
        with output.fs.open(name, "rb") as file:
            parts.append(pq.read_table(file))
    return pa.concat_tables(parts)


def _current(recordings: dict[str, pa.Table]) -> dict[str, pa.Array]:
    """For each run the recordings of which it has the newest row."""
    names = pa.concat_arrays([c for t in recordings.values() for c in t["recording"].chunks])
    order = {run: i for i, run in enumerate(recordings)}
    ages = pa.array([order[run] for run, t in recordings.items() for _ in range(len(t))], pa.int64())
    newest = pa.table({"recording": names, "age": ages}).group_by("recording").aggregate([("age", "max")])
    return {
        run: newest.filter(pc.equal(newest["age_max"], age))["recording"].combine_chunks() for run, age in order.items()
    }

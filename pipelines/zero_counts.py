"""The counts that a scan of thousands of labels does not write: of labels without a call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from soundbeam.model.storage.parquet import rows_by

# The columns of ``recordings`` that tell what was scanned.
SCANNED = ("recording", "status", "channels", "windows", "site")
_ROWS = 500_000  # of a part


def with_zeros(
    counts: Iterable[pa.Table], recordings: Iterable[pa.Table], labels: Sequence[str], columns: Sequence[str] | None
) -> Iterator[pa.Table]:
    """The rows of a run's counts, and then those that were not written, in parts of at most half a million.

    A recording that failed has null calls for every label. The others have zero calls for the labels without a row; the
    highest plausible number is null, since the scan did not compute it.

    Args:
        counts: The written rows.
        recordings: The rows of the recordings that they are of, with the columns `SCANNED`.
        labels: The labels that the scan was about.
        columns: The columns of the rows; None: all.
    """
    names = pa.array(labels, pa.string())
    written: dict[str, list[np.ndarray]] = {}  # the place of each written row: channel × labels + label
    schema = None
    for part in counts:
        schema = part.schema
        yield part if columns is None else part.select([c for c in part.column_names if c in columns])
        place = pc.index_in(part["label"], value_set=names).to_numpy().astype(np.int64)
        if "channel" in schema.names:
            place += (part["channel"].to_numpy() - 1) * len(labels)
        for name, of in rows_by(part, "recording"):
            written.setdefault(name, []).append(place[of])
    if schema is None:
        return
    for part in recordings:
        scanned = part.filter(pc.not_equal(part["status"], "skipped"))
        step = max(1, _ROWS // len(labels))
        for first in range(0, len(scanned), step):
            rows = _missing(scanned.slice(first, step), written, names, schema)
            yield rows if columns is None else rows.select([c for c in rows.column_names if c in columns])


def _missing(
    recordings: pa.Table, written: dict[str, list[np.ndarray]], names: pa.Array, schema: pa.Schema
) -> pa.Table:
    """The rows of some recordings that are not written."""
    each = "channel" in schema.names
    recording, places, windows = list[np.ndarray](), list[np.ndarray](), list[np.ndarray]()
    for i, row in enumerate(recordings.to_pylist()):
        channels = (row["channels"] or 1) if each and row["status"] != "failed" else 1
        missing = np.ones(channels * len(names), bool)
        for place in written.get(row["recording"], ()):
            missing[place] = False
        of_row = np.flatnonzero(missing)
        recording.append(np.full(len(of_row), i))
        places.append(of_row)
        windows.append(np.full(len(of_row), row["windows"] // channels))
    index, place = pa.array(np.concatenate(recording)), np.concatenate(places)
    rows = recordings.take(index)
    failed = pc.equal(rows["status"], "failed")
    zero = pc.if_else(failed, pa.scalar(None, pa.int64()), 0)
    values = {
        "recording": rows["recording"],
        "label": names.take(pa.array(place % len(names))),
        "windows": pa.array(np.concatenate(windows)),
        "calls": zero,
        "calls_low": zero,
        "calls_high": pa.nulls(len(rows), pa.int64()),
        "unlikely": zero,
        "channel": pc.if_else(failed, pa.scalar(None, pa.int64()), pa.array(place // len(names) + 1)),
        "site": rows["site"],
    }
    return pa.table([values[name] for name in schema.names], schema=schema)

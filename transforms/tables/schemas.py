"""The tables: their names, columns and shards. This module does not need Beam."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# What a scan writes, and with --embeddings one more; and what 'soundbeam embed' writes.
SCAN_TABLES = ("predictions", "calls", "counts", "recordings")
EMBED_TABLES = ("embeddings", "recordings")
TABLES = (*SCAN_TABLES, "embeddings")
METADATA_KEY = b"soundbeam"
# In the staging folder: the list of the shards that count.
SHARDS = "shards.json"
# In the staging folder: the folder of the lists of shards from which a dead run's work is taken over.
CHECKPOINTS = "checkpoints"
_PART = 500_000
_MOST_IN_FILES = 100  # labels
_OF_LABELS = ("labels", "thresholds", "calibration")


@dataclasses.dataclass(frozen=True)
class Shard:
    """One Parquet file of one table.

    Attributes:
        table: The table's name.
        name: The file's name within the table.
        rows: How many rows it holds.
    """

    table: str
    name: str
    rows: int


def as_written_now(rows: pa.Table, schema: pa.Schema) -> Iterator[pa.Table]:
    """Rows that an earlier version may have written: in parts, with the columns of ``schema`` in its order.

    Columns that it did not have are null. Its predictions had one row a window, with all labels' scores as a list; they
    become one row a window and label.

    Args:
        rows: Rows of a table, whose metadata are its run's; with the column ``scores`` if the run wrote it.
        schema: The columns that they are to have, all or some of the table's.

    Yields:
        At least one part, of at most half a million rows where lists are taken apart.
    """
    if "scores" not in rows.column_names:
        yield _with_columns(rows, schema)
        return
    labels = json.loads(rows.schema.metadata[METADATA_KEY])["labels"]
    step = max(1, _PART // len(labels))
    for first in range(0, max(len(rows), 1), step):
        windows = rows.slice(first, step)
        label = pa.array(labels, pa.string()).take(pa.array(np.tile(np.arange(len(labels)), len(windows))))
        repeated = windows.drop_columns(["label", "score", "scores"]).take(
            pa.array(np.repeat(np.arange(len(windows)), len(labels)))
        )
        long = repeated.append_column("label", label).append_column("score", pc.list_flatten(windows["scores"]))
        yield _with_columns(long.replace_schema_metadata(rows.schema.metadata), schema)


def _with_columns(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    for field in schema:
        if field.name not in rows.column_names:
            rows = rows.append_column(field, pa.nulls(len(rows), field.type))
    return rows.select(schema.names)


def schemas(labels: tuple[str, ...], parameters: dict[str, Any]) -> dict[str, pa.Schema]:
    """The schemas of a run's tables; their metadata holds the run's parameters as JSON, with the labels in order.

    Thousands of labels and thresholds would take a megabyte of every file; they are in ``run.json`` only.

    The column ``run`` comes from the name of the folder ``run=…`` that the shards are committed to: a column of that
    name within the files would keep pyarrow from reading them as one dataset.
    """
    name, label = ("recording", pa.string()), ("label", pa.string())
    times = [("start_s", pa.float64()), ("end_s", pa.float64())]
    site = ("site", pa.string())
    channel = [("channel", pa.int64())] if parameters.get("channel") == "each" else []
    expected = [("expected", pa.float32())] if parameters.get("geo") else []
    unlikely = [("unlikely", pa.int64())] if parameters.get("min_expected") is not None else []
    columns = {
        "predictions": [
            ("recording", pa.string()),
            *times,
            ("label", pa.string()),
            ("score", pa.float32()),
            *channel,
            site,
        ],
        "calls": [
            ("recording", pa.string()),
            ("label", pa.string()),
            *times,
            ("score", pa.float32()),
            ("started_at", pa.timestamp("us", tz="UTC")),
            *expected,
            *channel,
            site,
        ],
        "counts": [
            name,
            label,
            ("windows", pa.int64()),
            ("calls", pa.int64()),
            ("calls_low", pa.int64()),
            ("calls_high", pa.int64()),
            *unlikely,
            *channel,
            site,
        ],
        "embeddings": [
            ("recording", pa.string()),
            *times,
            ("embedding", pa.list_(pa.float32(), parameters.get("embedding_size", 0))),
            *channel,
            site,
        ],
        "recordings": [
            name,
            ("bytes", pa.int64()),
            ("version", pa.string()),
            ("status", pa.string()),
            ("stage", pa.string()),
            ("error", pa.string()),
            ("duration_s", pa.float64()),
            ("sample_rate", pa.int64()),
            ("channels", pa.int64()),
            ("recorded_at", pa.timestamp("us", tz="UTC")),
            ("windows", pa.int64()),
            ("classifier", pa.string()),
            site,
            ("listened_s", pa.float64()),
            ("notes", pa.string()),
            ("content", pa.string()),
            ("latitude", pa.float64()),
            ("longitude", pa.float64()),
            ("recorder", pa.string()),
        ],
    }
    described = {**parameters, "labels": list(labels)}
    if len(labels) > _MOST_IN_FILES:
        described = {name: value for name, value in described.items() if name not in _OF_LABELS}
    metadata = {METADATA_KEY: json.dumps(described, ensure_ascii=False).encode()}
    return {table: pa.schema(columns[table], metadata=metadata) for table in parameters.get("tables", SCAN_TABLES)}


def row_bytes(schema: pa.Schema) -> int:
    """How many bytes of an embedding are in each row; 0 in the other tables, whose rows have some tens of bytes."""
    return sum(4 * f.type.list_size for f in schema if pa.types.is_fixed_size_list(f.type))


def encoding(schema: pa.Schema) -> dict[str, Any]:
    """How pyarrow's writer encodes a table.

    Few scores are equal: a dictionary of them takes a seventh more than the scores themselves. Of embeddings it would
    hold each value. Their bytes are split by significance: BirdNET's take 0.70 of their size, without the split 0.76,
    and are written and read as fast.
    """
    lists = [f.name for f in schema if pa.types.is_fixed_size_list(f.type)]
    return {
        "compression": "zstd",
        "use_dictionary": [name for name in schema.names if name not in (*lists, "score")],
        "column_encoding": {f"{name}.list.element": "BYTE_STREAM_SPLIT" for name in lists} or None,
    }

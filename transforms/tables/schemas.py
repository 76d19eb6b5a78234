"""The four tables: their names, columns and shards. This module does not need Beam."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from typing import Any

import pyarrow as pa

TABLES = ("predictions", "calls", "counts", "recordings")
METADATA_KEY = b"soundbeam"
# In the staging folder: the list of the shards that count.
SHARDS = "shards.json"
# In the staging folder: the folder of the lists of shards from which a dead run's work is taken over.
CHECKPOINTS = "checkpoints"


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


def with_nulls(rows: pa.Table, fields: Iterable[pa.Field]) -> pa.Table:
    """The rows with columns of nulls added, for rows that an earlier version wrote without them."""
    for field in fields:
        rows = rows.append_column(field, pa.nulls(len(rows), field.type))
    return rows


def schemas(labels: tuple[str, ...], parameters: dict[str, Any]) -> dict[str, pa.Schema]:
    """The tables' schemas; their metadata holds the run's parameters as JSON, with the labels in order.

    The column ``run`` comes from the name of the folder ``run=…`` that the shards are committed to: a column of that
    name within the files would keep pyarrow from reading them as one dataset.
    """
    name, label = ("recording", pa.string()), ("label", pa.string())
    times = [("start_s", pa.float64()), ("end_s", pa.float64())]
    site = ("site", pa.string())
    scores = [("scores", pa.list_(pa.float32()))] if len(labels) > 1 else []
    channel = [("channel", pa.int64())] if parameters.get("channel") == "each" else []
    columns = {
        "predictions": [
            ("recording", pa.string()),
            *times,
            ("label", pa.string()),
            ("score", pa.float32()),
            *scores,
            *channel,
            site,
        ],
        "calls": [
            ("recording", pa.string()),
            ("label", pa.string()),
            *times,
            ("score", pa.float32()),
            ("started_at", pa.timestamp("us", tz="UTC")),
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
        ],
    }
    metadata = {METADATA_KEY: json.dumps({**parameters, "labels": list(labels)}, ensure_ascii=False).encode()}
    return {table: pa.schema(fields, metadata=metadata) for table, fields in columns.items()}

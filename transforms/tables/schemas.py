"""The tables: their names, columns and shards. This module does not need Beam."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from typing import Any

import pyarrow as pa

# What a scan writes, and with --embeddings one more; and what 'soundbeam embed' writes.
SCAN_TABLES = ("predictions", "calls", "counts", "recordings")
EMBED_TABLES = ("embeddings", "recordings")
TABLES = (*SCAN_TABLES, "embeddings")
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
    """The schemas of a run's tables; their metadata holds the run's parameters as JSON, with the labels in order.

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
        ],
    }
    metadata = {METADATA_KEY: json.dumps({**parameters, "labels": list(labels)}, ensure_ascii=False).encode()}
    return {table: pa.schema(columns[table], metadata=metadata) for table in parameters.get("tables", SCAN_TABLES)}


def row_bytes(schema: pa.Schema) -> int:
    """How many bytes of an embedding are in each row; 0 in the other tables, whose rows have some tens of bytes."""
    return sum(4 * f.type.list_size for f in schema if pa.types.is_fixed_size_list(f.type))


def encoding(schema: pa.Schema) -> dict[str, Any]:
    """How pyarrow's writer encodes a table.

    Embeddings get no dictionary, which would hold each of their values, and their bytes are split by significance:
    BirdNET's take 0.70 of their size, without the split 0.76, and are written and read as fast.
    """
    lists = [f.name for f in schema if pa.types.is_fixed_size_list(f.type)]
    if not lists:
        return {"compression": "zstd"}
    return {
        "compression": "zstd",
        "use_dictionary": [f.name for f in schema if f.name not in lists],
        "column_encoding": {f"{name}.list.element": "BYTE_STREAM_SPLIT" for name in lists},
    }

"""Results → shards of the Parquet tables, in a staging folder that nothing reads before the run is committed."""

from __future__ import annotations

import dataclasses
import json
import time
import uuid
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.transforms.window import GlobalWindows

from soundbeam.model.storage.files import open_to_write
from soundbeam.transforms.counters import count, milliseconds
from soundbeam.transforms.records import RecordingResult
from soundbeam.transforms.tables.schemas import CHECKPOINTS, SCAN_TABLES, SHARDS, Shard, encoding, row_bytes, schemas

# A shard is closed when one of its tables has this many rows, of some tens of bytes each.
ROWS_A_SHARD = 1_000_000
# … or this many bytes of embeddings.
BYTES_A_SHARD = 64 << 20
# After this many recordings their rows are combined into one batch: a batch of one row takes some kilobytes.
_SMALL_BATCHES = 256


def rows_of(
    result: RecordingResult, labels: tuple[str, ...], classifier: str, tables: Sequence[str] = SCAN_TABLES
) -> dict[str, dict[str, Any]]:
    """One recording's rows of each of these tables, as columns.

    A recording that could not be scored has counts with null calls: they are unknown, not zero. A skipped file has no
    counts.
    """
    report, recording = result.report, result.report.recording
    rows: dict[str, dict[str, Any]] = {}
    for channel in (result, *result.other_channels):
        for table, columns in _rows_of_channel(channel, labels, tables).items():
            n = len(columns["recording"])
            columns |= {"channel": [channel.channel] * n, "site": [recording.site] * n}
            rows_so_far = rows.setdefault(table, {name: [] for name in columns})
            for name, values in columns.items():
                rows_so_far[name].extend(values)
    rows["recordings"] = {
        "recording": [recording.uri],
        "bytes": [recording.bytes],
        "version": [recording.version],
        "status": [report.status],
        "stage": [report.stage or None],
        "error": [report.error or None],
        "duration_s": [report.duration_s],
        "sample_rate": [report.sample_rate],
        "channels": [report.channels],
        "recorded_at": [recording.recorded_at],
        "windows": [sum(len(channel.start_s) for channel in (result, *result.other_channels))],
        "classifier": [classifier],
        "site": [recording.site],
        "listened_s": [report.listened_s],
        "notes": [report.notes or None],
        "content": [report.content or None],
    }
    return rows


def _rows_of_channel(
    result: RecordingResult, labels: tuple[str, ...], tables: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """The rows of a recording, or of one channel of it, without those of the table ``recordings``."""
    rows = _rows_of_scores(result, labels) if "predictions" in tables else {}
    if "embeddings" in tables:
        rows["embeddings"] = {
            "recording": [result.report.recording.uri] * len(result.start_s),
            "start_s": result.start_s,
            "end_s": result.end_s,
            "embedding": [] if result.embeddings is None else list(result.embeddings),
        }
    return rows


def _rows_of_scores(result: RecordingResult, labels: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Those that follow from the scores."""
    report, uri = result.report, result.report.recording.uri
    recorded_at, windows = report.recording.recorded_at, len(result.start_s)
    best = result.scores.argmax(axis=1) if windows else []
    calls = [(label, call) for label in labels for call in result.calls.get(label, ())]
    # A recording in which nothing triggered has no windows and no calls, and that is known.
    is_empty = not windows and report.status == "ok"
    counted_labels = labels if report.status != "skipped" else ()
    intervals = [result.intervals.get(label, (0, 0) if is_empty else (None, None)) for label in counted_labels]
    return {
        "predictions": {
            "recording": [uri] * windows,
            "start_s": result.start_s,
            "end_s": result.end_s,
            "label": [labels[i] for i in best],
            "score": result.scores.max(axis=1) if windows else [],
            "scores": list(result.scores),
        },
        "calls": {
            "recording": [uri] * len(calls),
            "label": [label for label, _ in calls],
            "start_s": [call.start_s for _, call in calls],
            "end_s": [call.end_s for _, call in calls],
            "score": [call.score for _, call in calls],
            "started_at": [recorded_at and recorded_at + timedelta(seconds=call.start_s) for _, call in calls],
        },
        "counts": {
            "recording": [uri] * len(counted_labels),
            "label": list(counted_labels),
            "windows": [windows] * len(counted_labels),
            "calls": [len(result.calls.get(label, ())) if windows or is_empty else None for label in counted_labels],
            "calls_low": [low for low, _ in intervals],
            "calls_high": [high for _, high in intervals],
        },
    }


@dataclasses.dataclass
class WriteTables(beam.PTransform):
    """Writes results as Parquet shards under ``folder/TABLE/``: `RecordingResult` → `Shard`.

    A shard's name is random, and the shard counts only once its bundle has succeeded and returned its `Shard`. What a
    bundle wrote that died, or that was processed twice, is never named and so never committed.

    Args:
        folder: URL of the run's staging folder.
        labels: In the order of the scores.
        classifier: The bundle's fingerprint.
        parameters: The run's parameters, for the schemas' metadata.
        checkpoint_s: Seconds after which the rows so far are written, so that a crash loses only the rows since then.
    """

    folder: str
    labels: tuple[str, ...]
    classifier: str
    parameters: dict[str, Any]
    checkpoint_s: float = 600.0

    def expand(self, results: beam.PCollection[RecordingResult]) -> beam.PCollection[Shard]:
        """Adds the steps to the graph."""
        tables = tuple(self.parameters.get("tables", SCAN_TABLES))
        rows = results | "RowsOfTables" >> beam.Map(rows_of, self.labels, self.classifier, tables)
        return rows | "WriteShards" >> beam.ParDo(_WriteShards(self))


@dataclasses.dataclass
class NameShards(beam.PTransform):
    """Writes the list of all shards into the staging folder: `Shard` → the list's URL, once.

    It is written at the end, from the results that the runner accepted: a bundle that was retried, even on another
    machine, is in it once.

    Args:
        folder: URL of the run's staging folder.
        numbers: (name, number) pairs to write beside the list.
    """

    folder: str
    numbers: beam.PCollection[tuple[str, int]] | None = None

    def expand(self, shards: beam.PCollection[Shard]) -> beam.PCollection[str]:
        """Adds the steps to the graph."""
        return (
            shards.pipeline
            | "Once" >> beam.Create([self.folder])
            | "WriteList"
            >> beam.Map(
                _write_list,
                beam.pvalue.AsList(shards),
                {} if self.numbers is None else beam.pvalue.AsDict(self.numbers),
            )
        )


def _write_list(folder: str, shards: list[Shard], numbers: dict[str, int]) -> str:
    url = f"{folder}/{SHARDS}"
    with open_to_write(url, "w") as file:
        json.dump({"shards": [dataclasses.asdict(shard) for shard in shards], "tally": numbers}, file)
    return url


class _WriteShards(beam.DoFn):
    def __init__(self, step: WriteTables):
        self._folder, self._labels, self._parameters = step.folder, step.labels, step.parameters
        self._checkpoint_s = step.checkpoint_s

    def start_bundle(self) -> None:
        self._schemas = schemas(self._labels, self._parameters)
        self._reset()

    def _reset(self) -> None:
        self._batches: dict[str, list[pa.RecordBatch]] = {table: [] for table in self._schemas}
        self._combined: dict[str, list[pa.RecordBatch]] = {table: [] for table in self._schemas}
        self._rows = dict.fromkeys(self._schemas, 0)
        self._last_write = time.monotonic()

    def process(self, rows: dict[str, dict[str, Any]]) -> Iterator[Shard]:
        for table, columns in rows.items():
            schema = self._schemas[table]
            batch = pa.RecordBatch.from_arrays([array_of(columns[f.name], f.type) for f in schema], schema=schema)
            if batch.num_rows:
                self._batches[table].append(batch)
                self._rows[table] += batch.num_rows
            if len(self._batches[table]) >= _SMALL_BATCHES:
                self._combined[table] += _combine(self._batches[table], self._schemas[table])
                self._batches[table] = []
        sizes = [(n, n * row_bytes(self._schemas[table])) for table, n in self._rows.items()]
        full = any(n >= ROWS_A_SHARD or size >= BYTES_A_SHARD for n, size in sizes)
        if full or time.monotonic() - self._last_write >= self._checkpoint_s:
            yield from self._write()

    def finish_bundle(self) -> Iterator[Any]:
        for shard in self._write():
            yield GlobalWindows.windowed_value(shard)

    def _write(self) -> list[Shard]:
        """Writes the rows so far: shards that share a name, then the checkpoint that says that all of them exist."""
        name = f"part-{uuid.uuid4().hex}.parquet"
        shards = []
        with milliseconds("write"):
            for table, schema in self._schemas.items():
                batches = self._combined[table] + self._batches[table]
                if batches:
                    data = pa.Table.from_batches(batches, schema=schema)
                    with open_to_write(f"{self._folder}/{table}/{name}") as file:
                        pq.write_table(data, file, **encoding(schema))
                    count(f"rows_{table}", data.num_rows)
                    shards.append(Shard(table, name, data.num_rows))
            if shards:
                with open_to_write(f"{self._folder}/{CHECKPOINTS}/{name}.json", "w") as file:
                    json.dump([dataclasses.asdict(shard) for shard in shards], file)
        self._reset()
        return shards


def array_of(values: Any, kind: pa.DataType) -> pa.Array:
    """A column's values as an array; the rows of a matrix are joined as they lie in memory."""
    if not pa.types.is_fixed_size_list(kind):
        return pa.array(values, kind)
    flat = np.concatenate(values) if len(values) else np.empty(0, np.float32)
    return pa.FixedSizeListArray.from_arrays(pa.array(flat, kind.value_type), kind.list_size)


def _combine(batches: list[pa.RecordBatch], schema: pa.Schema) -> list[pa.RecordBatch]:
    """The same rows in as few batches as possible."""
    return pa.Table.from_batches(batches, schema=schema).combine_chunks().to_batches()

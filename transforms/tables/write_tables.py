"""Results → shards of the Parquet tables, in a staging folder that nothing reads before the run is committed."""

from __future__ import annotations

import dataclasses
import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.transforms.window import GlobalWindows

from soundbeam.model.storage.files import open_to_write
from soundbeam.transforms.counters import count, milliseconds
from soundbeam.transforms.records import RecordingResult
from soundbeam.transforms.tables.rows import TableRows
from soundbeam.transforms.tables.schemas import CHECKPOINTS, SHARDS, Shard, encoding, row_bytes

# A shard is closed when one of its tables has this many rows, of some tens of bytes each.
ROWS_A_SHARD = 1_000_000
# … or this many bytes of embeddings.
BYTES_A_SHARD = 64 << 20
# After this many recordings their rows are combined into one batch: a batch of one row takes some kilobytes.
_SMALL_BATCHES = 256


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
        return results | "WriteShards" >> beam.ParDo(_WriteShards(self))


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
        self._step = step

    def start_bundle(self) -> None:
        self._writer = ShardWriter(self._step)

    def process(self, result: RecordingResult) -> Iterator[Shard]:
        yield from self._writer.add(result)

    def finish_bundle(self) -> Iterator[Any]:
        for shard in self._writer.write():
            yield GlobalWindows.windowed_value(shard)


class ShardWriter:
    """Writes results as shards, of a bounded size and no older than a checkpoint may be.

    Args:
        step: Where to write, and what.
    """

    def __init__(self, step: WriteTables):
        self._folder, self._checkpoint_s = step.folder, step.checkpoint_s
        self._rows_of = TableRows(step.labels, step.classifier, step.parameters)
        self._row_bytes = {table: row_bytes(schema) for table, schema in self._rows_of.schemas.items()}
        self._reset()

    def _reset(self) -> None:
        tables = self._rows_of.schemas
        self._batches: dict[str, list[pa.RecordBatch]] = {table: [] for table in tables}
        self._combined: dict[str, list[pa.RecordBatch]] = {table: [] for table in tables}
        self._rows = dict.fromkeys(tables, 0)
        self._last_write = time.monotonic()

    def add(self, result: RecordingResult) -> list[Shard]:
        """Takes the rows of one recording; returns the shards that were written, if it was time."""
        for table, batch in self._rows_of.of(result):
            self._batches[table].append(batch)
            self._rows[table] += batch.num_rows
            if len(self._batches[table]) >= _SMALL_BATCHES:
                self._combined[table] += _combine(self._batches[table], self._rows_of.schemas[table])
                self._batches[table] = []
        full = any(n >= ROWS_A_SHARD or n * self._row_bytes[table] >= BYTES_A_SHARD for table, n in self._rows.items())
        return self.write() if full or time.monotonic() - self._last_write >= self._checkpoint_s else []

    def write(self) -> list[Shard]:
        """Writes the rows so far: shards that share a name, then the checkpoint that says that all of them exist."""
        name = f"part-{uuid.uuid4().hex}.parquet"
        shards = []
        with milliseconds("write"):
            for table, schema in self._rows_of.schemas.items():
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


def _combine(batches: list[pa.RecordBatch], schema: pa.Schema) -> list[pa.RecordBatch]:
    """The same rows in as few batches as possible."""
    return pa.Table.from_batches(batches, schema=schema).combine_chunks().to_batches()

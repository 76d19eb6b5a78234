"""Many small staged shards → few files of a sensible size, in memory that does not grow with their number.

`pyarrow.dataset.write_dataset` does the same in the same time (8 million rows in 4.2 s, here 4.5 s) but takes 571 MB
where this takes 258 MB, does not wait for the disk, and writes no file where there are no rows.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from soundbeam.model.storage.files import make_folder
from soundbeam.transforms.tables.schemas import Shard

ROWS_A_FILE = 5_000_000
ROWS_A_GROUP = 500_000

Source = tuple[str, list[Shard]]


def compact(fs: Any, sources: list[Source], table: str, schema: pa.Schema, folder: str) -> int:
    """Writes the rows of one table's shards as ``folder/part-00000.parquet`` and on; at least one file.

    Args:
        fs: fsspec's file system.
        sources: (staging folder, shards) of the run itself, then of those that it takes over. A recording's rows are
            taken from the first shard that has a row for it in ``recordings``; later ones of it are left out.
        table: The table's name.
        schema: Of the files written.
        folder: Where to.

    Returns:
        How many rows were written.
    """
    make_folder(fs, folder)
    files = rows = 0
    writer: _File | None = None
    of_file, pending = 0, _Pending(schema)
    for part in _parts(fs, sources, table):
        rows += part.num_rows
        group = pending.add(part)
        if group is None:
            continue
        if writer is None:
            writer = _File(fs, folder, files, schema)
        writer.write(group)
        of_file += group.num_rows
        if of_file >= ROWS_A_FILE:
            writer.close()
            writer, of_file, files = None, 0, files + 1
    rest = pending.take()
    if writer is None and (rest.num_rows or not files):
        writer = _File(fs, folder, files, schema)
    if writer is not None:
        writer.write(rest)
        writer.close()
    return rows


class _Pending:
    """Rows that wait until they fill a row group."""

    def __init__(self, schema: pa.Schema):
        self._schema = schema
        self._parts: list[pa.Table] = []
        self._rows = 0

    def add(self, part: pa.Table) -> pa.Table | None:
        self._parts.append(part.replace_schema_metadata(self._schema.metadata))
        self._rows += part.num_rows
        return self.take() if self._rows >= ROWS_A_GROUP else None

    def take(self) -> pa.Table:
        whole = pa.concat_tables(self._parts) if self._parts else self._schema.empty_table()
        self._parts, self._rows = [], 0
        return whole


class _File:
    """One Parquet file that is being written."""

    def __init__(self, fs: Any, folder: str, number: int, schema: pa.Schema):
        self._file = fs.open(f"{folder}/part-{number:05d}.parquet", "wb")
        self._writer = pq.ParquetWriter(self._file, schema, compression="zstd")

    def write(self, rows: pa.Table) -> None:
        if rows.num_rows:
            self._writer.write_table(rows)

    def close(self) -> None:
        self._writer.close()
        sync(self._file)
        self._file.close()


def sync(file: Any) -> None:
    """Waits until a file's bytes are on its disk, where it is on one."""
    file.flush()
    with contextlib.suppress(OSError, AttributeError):  # an object store's file: it is there when it is closed
        os.fsync(file.fileno())


def _parts(fs: Any, sources: list[Source], table: str) -> Iterator[pa.Table]:
    """The table's rows, shard by shard."""
    # What a run itself names, its runner gave once. A dead run's checkpoints may hold a recording twice: a cluster
    # tries a bundle again on another machine, and the first one may have come as far as its checkpoint.
    several = any(shards for _, shards in sources[1:])
    seen: set[str] = set()
    for staging, shards in sources:
        for checkpoint in _by_checkpoint(shards):
            names = {shard.table: shard.name for shard in checkpoint}
            keep = None
            if several:
                own = _read(fs, staging, "recordings", names["recordings"])["recording"].to_pylist()
                keep = pa.array([uri for uri in own if uri not in seen], pa.string())
                seen.update(own)
            if table in names:
                part = _read(fs, staging, table, names[table])
                yield part if keep is None else part.filter(pc.is_in(part["recording"], value_set=keep))


def _by_checkpoint(shards: Iterable[Shard]) -> Iterator[list[Shard]]:
    """The shards that were written together: they have the same name, and hold the same recordings."""
    together: dict[str, list[Shard]] = {}
    for shard in shards:
        together.setdefault(shard.name, []).append(shard)
    yield from together.values()


def _read(fs: Any, staging: str, table: str, name: str) -> pa.Table:
    with fs.open(f"{staging}/{table}/{name}", "rb") as file:
        return pq.read_table(file)

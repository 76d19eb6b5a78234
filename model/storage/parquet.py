"""Reads Parquet without threads of pyarrow's, the one way for all stores.

A thread that pyarrow reads or decodes with may still hold a Python file object, or bytes, when Python ends. It then
waits for an interpreter that is gone, and the process is aborted ("terminate called without an active exception"): one
script in a hundred that read 20,000 rows. Reading 3 million rows in the calling thread took no more CPU time, 0.25 s.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq


@contextlib.contextmanager
def open_parquet(fs: Any, path: str) -> Iterator[pq.ParquetFile]:
    """A Parquet file, whose schema and metadata may be asked for; its rows are read by `read_rows`.

    Args:
        fs: fsspec's file system.
        path: Path on it.
    """
    with fs.open(path, "rb") as file, pq.ParquetFile(file, pre_buffer=False) as parquet:
        yield parquet


def read_rows(parquet: pq.ParquetFile, columns: Sequence[str] | None = None, group: int | None = None) -> pa.Table:
    """Rows of an open file.

    Args:
        parquet: The file.
        columns: Only these columns.
        group: Only the row group of this number.
    """
    if group is None:
        return parquet.read(columns=columns, use_threads=False)
    return parquet.read_row_group(group, columns=columns, use_threads=False)


def sort_rows(rows: pa.Table, *columns: str) -> pa.Table:
    """The rows in ascending order of some columns, the first one leading; `Table.sort_by` would start threads."""
    return rows.take(pc.sort_indices(rows, sort_keys=[(column, "ascending") for column in columns]))


def rows_by(rows: pa.Table, column: str) -> Iterator[tuple[str, np.ndarray]]:
    """The values of a column of text, and the numbers of their rows, int64 ``[n]``, ascending."""
    if not len(rows):
        return
    encoded = rows[column].combine_chunks().dictionary_encode()
    codes = encoded.indices.to_numpy()
    ends = np.cumsum(np.bincount(codes, minlength=len(encoded.dictionary)))
    groups = np.split(np.argsort(codes, kind="stable"), ends[:-1])
    yield from zip(encoded.dictionary.to_pylist(), groups, strict=True)

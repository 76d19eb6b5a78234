"""CSV as all programs write it: UTF-8, commas, ``\\n``, no byte order mark; None is an empty cell."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

import pyarrow as pa

from soundbeam.model.storage.files import write_whole


class _Lines:
    """Ends lines with ``\\n``; csv quotes a carriage return in a cell only if lines end with one."""

    def __init__(self, file: TextIO):
        self._file = file

    def write(self, line: str) -> int:
        return self._file.write(line.removesuffix("\r\n") + "\n")


def csv_writer(file: TextIO) -> Any:
    """A writer of the module csv."""
    return csv.writer(_Lines(file), lineterminator="\r\n")


def write_rows(file: TextIO, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Writes a header and rows."""
    writer = csv_writer(file)
    writer.writerow(columns)
    writer.writerows(rows)


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A small CSV."""
    file = io.StringIO()
    write_rows(file, columns, rows)
    return file.getvalue()


def write_table(table: pa.Table, url: str) -> None:
    """Writes a small table as CSV; path or fsspec URL."""
    write_whole(url, csv_text(table.column_names, (tuple(row.values()) for row in table.to_pylist())))

"""A picture's or table's data as CSV, in the page itself."""

from __future__ import annotations

import dataclasses
import gzip
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from soundbeam.model.pages.one_file import data_uri
from soundbeam.pipelines.csv_writing import csv_text

_PACKED_FROM = 100_000  # bytes of text; R, pandas and DuckDB read .csv.gz as it is
_MOST = 700_000  # bytes of one file on the page


class CsvLink(NamedTuple):
    """A link that saves a CSV file.

    Attributes:
        name: The file's.
        uri: What holds it; "": it would be too large for a page.
    """

    name: str
    uri: str


@dataclasses.dataclass(frozen=True)
class Table:
    """A table on the page; the first cell of a row is its head."""

    heads: list[str]
    rows: list[list[str]]
    data: CsvLink


def csv_link(name: str, heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> CsvLink:
    """Rows as CSV."""
    content, kind = csv_text(heads, rows).encode(), "text/csv;charset=utf-8"
    if len(content) > _PACKED_FROM:
        content, kind, name = gzip.compress(content, 9, mtime=0), "application/gzip", f"{name}.gz"
    if len(content) > _MOST:
        return CsvLink(name, "")
    return CsvLink(name, data_uri(kind, content))

"""Reads the tables of a scan, and the verdicts that people gave on its windows."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from soundbeam.model.errors import ResultsError
from soundbeam.model.storage.files import path_text

if TYPE_CHECKING:
    import pyarrow as pa

    Path = str | os.PathLike[str]

REVIEWS = "reviews"


def read(
    output: Path,
    table: str,
    run: str | None = None,
    classifier: str | None = None,
    columns: Sequence[str] | None = None,
    recordings: Collection[str | os.PathLike[str]] | None = None,
    zeros: bool = False,
) -> pa.Table:
    """See `soundbeam.read_table`. Of ``reviews``: the newest verdict of each window and reviewer."""
    if table != REVIEWS:
        from soundbeam.pipelines.results import read

        return read(output, table, run, classifier, columns, recordings, zeros)
    from soundbeam.pipelines.review.store import read_reviews

    if zeros:
        raise ResultsError(f"zeros belong to the table counts, not to {REVIEWS}")
    rows = read_reviews(path_text(output, "output"), run, classifier, recordings)
    if unknown := [name for name in columns or () if name not in rows.column_names]:
        raise ResultsError(f"no column {unknown[0]!r} in {REVIEWS}; there are {', '.join(rows.column_names)}")
    return rows if columns is None else rows.select(list(columns))

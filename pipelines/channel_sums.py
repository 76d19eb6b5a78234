"""Counts of recordings that were scanned channel by channel: a recording counts once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc


def over_channels(parts: Iterable[pa.Table], sums: Sequence[str]) -> Iterator[pa.Table]:
    """The rows of each recording's channels added up, without the column ``channel``.

    Args:
        parts: Some rows each with a column ``recording``; those of a recording follow each other, also into the next.
        sums: The columns that are added up; null where all are. Rows that agree in all others belong together.
    """
    held: pa.Table | None = None  # rows of the last recording, which may go on
    for part in parts:
        if not len(part):
            continue
        part = part.replace_schema_metadata(None)
        rows = part if held is None else pa.concat_tables([held, part])
        last = pc.equal(rows["recording"], rows["recording"][-1])
        held = rows.filter(last)
        yield _summed(rows.filter(pc.invert(last)), sums)
    if held is not None:
        yield _summed(held, sums)


def _summed(rows: pa.Table, sums: Sequence[str]) -> pa.Table:
    keys = [name for name in rows.column_names if name not in (*sums, "channel")]
    summed = rows.group_by(keys, use_threads=False).aggregate([(name, "sum") for name in sums])
    return summed.select([*keys, *(f"{name}_sum" for name in sums)]).rename_columns([*keys, *sums])

"""Reads annotation tables: where the calls really are."""

from __future__ import annotations

import dataclasses
import os

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.storage.csv_table import TableRow, read_csv
from soundbeam.model.storage.table_paths import uris_of

_TIMES = ("start_s", "end_s")


@dataclasses.dataclass(frozen=True)
class Annotation:
    """One row: a call that somebody heard.

    Attributes:
        recording: As written: a URI, a path, or a tail of one.
        start_s: Seconds from the start of the recording; None, with ``end_s``, in a row that only says that the
            recording was listened to.
        end_s: Its end.
        label: "" when the row has none.
        line: Its number in the file, from 1, for messages.
        uris: The files that ``recording`` may mean if it is a path, the likeliest first.
    """

    recording: str
    start_s: float | None
    end_s: float | None
    label: str
    line: int
    uris: tuple[str, ...] = ()


def read_annotations(url: str) -> list[Annotation]:
    """Reads a CSV ``recording,start_s,end_s[,label]`` (`model.storage.csv_table` says in which forms).

    Args:
        url: A local path or any fsspec URL.

    Raises:
        SoundbeamError: It is missing, not a table, lacks a column, or has a row without a recording or with times that
            are no interval.
    """
    annotations, wrong = [], []
    uris_by_name: dict[str, tuple[str, ...]] = {}
    for row in read_csv(url, ("recording", *_TIMES), ("label",), _TIMES):
        name = row.text("recording")
        if name not in uris_by_name:
            uris_by_name[name] = tuple(uris_of(name, url, os.getcwd()))
        try:
            annotations.append(_annotation(row, uris_by_name[name]))
        except ValueError as e:
            wrong.append(f"{url} line {row.line}: {e}")
    if wrong:
        more = len(wrong) - 1
        raise SoundbeamError(wrong[0] + (f"; and {more} more such {'row' if more == 1 else 'rows'}" if more else ""))
    return annotations


def _annotation(row: TableRow, uris: tuple[str, ...]) -> Annotation:
    if not row.text("recording"):
        raise ValueError("names no recording")
    start_s, end_s = row.seconds("start_s"), row.seconds("end_s")
    if (start_s is None) != (end_s is None):
        raise ValueError(
            f"has {'no start_s' if start_s is None else 'no end_s'}; give both, or none if there is no call"
        )
    if start_s is not None and end_s is not None and not 0 <= start_s <= end_s:
        raise ValueError(f"from {row.text('start_s')} to {row.text('end_s')} s is no stretch of a recording")
    return Annotation(row.text("recording"), start_s, end_s, row.text("label"), row.line, uris)

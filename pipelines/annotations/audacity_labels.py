"""Audacity's label tracks: one file a recording."""

from __future__ import annotations

import re
from collections.abc import Iterator

from soundbeam.model.numbers import seconds_of
from soundbeam.pipelines.annotations.annotation import Annotation, checked_times, each_row, listened
from soundbeam.pipelines.annotations.table_text import lines_of, own_name

_TIME = r"[+-]?\d*[.,]?\d+(?:[eE][+-]?\d+)?"
_ROW = re.compile(rf"\s*{_TIME}\t\s*{_TIME}\s*(\t.*)?\Z")
_SCORE = re.compile(r"\s*;\s*[+-]?\d*\.?\d+(?:[eE][+-]?\d+)?\s*\Z")


def recognises(text: str) -> bool:
    """Whether the first line has two times and nothing but a label behind them; or there is no line at all."""
    first = next((line for _, line in lines_of(text)), None)
    return first is None or bool(_ROW.match(first))


def read(table: str, text: str, wanted: str | None) -> Iterator[Annotation]:
    """The labels of a track, without the score that some tools put behind them; none: it was listened to.

    Args:
        table: Its URL.
        text: Its text.
        wanted: Not used: the format has no columns.

    Raises:
        SoundbeamError: A row is bad.
    """
    # A line that starts with a backslash tells the frequencies of the label above it.
    rows = [(n, line) for n, line in lines_of(text) if not line.lstrip().startswith("\\")]
    if not rows:
        yield listened(own_name(table), table)

    def of_row(row: tuple[int, str]) -> Iterator[Annotation]:
        n, line = row
        cells = line.split("\t", 2)
        if len(cells) < 2:
            raise ValueError("is no label; a line has a start, an end and a text with tabs between them")
        start_s, end_s = map(seconds_of, cells[:2])
        checked_times(start_s, end_s)
        label = _SCORE.sub("", cells[2]).strip() if len(cells) > 2 else ""
        yield Annotation(own_name(table), start_s, end_s, label, n, table=table, foreign=True)

    yield from each_row(table, rows, lambda row: row[0], of_row)

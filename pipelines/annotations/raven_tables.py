"""Raven's selection tables, which BirdNET and others write too."""

from __future__ import annotations

from collections.abc import Iterator

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.numbers import seconds_of
from soundbeam.pipelines.annotations.annotation import Annotation, checked_times, each_row, listened
from soundbeam.pipelines.annotations.table_text import base_name, label_column, lines_of, name_of_column, own_name

_BEGIN, _END, _OFFSET = "begin time s", "end time s", "file offset s"
# Raven has no column for labels: users add one, and most call it by one of these names.
LABELS = ("annotation", "species", "label", "class", "tags", "common name", "type", "species code")


def recognises(text: str) -> bool:
    """Whether the first line names Raven's times."""
    first = next((line for _, line in lines_of(text)), "")
    return {_BEGIN, _END} <= {name_of_column(cell) for cell in first.split("\t")}


def read(table: str, text: str, wanted: str | None) -> Iterator[Annotation]:
    """The selections of a table, each once; without any: that the recording of the table's name was listened to.

    Args:
        table: Its URL.
        text: Its text.
        wanted: The column of the labels.

    Raises:
        SoundbeamError: A column is missing, a row is bad, or times of several files run on from one to the next.
    """
    lines = lines_of(text)
    header = [cell.strip() for cell in lines[0][1].split("\t")] if lines else []
    columns = [name_of_column(cell) for cell in header]
    missing = [name for name in (_BEGIN, _END) if name not in columns]
    if missing:
        wanted_columns = "Begin Time (s) and End Time (s)"
        raise SoundbeamError(
            f"{table}: no Raven selection table: its first line, tab-separated, lacks {wanted_columns}"
        )
    found = label_column(header, wanted, LABELS, table)
    rows = [(n, _cells(columns, line)) for n, line in lines[1:]]
    # A selection has a row for each view that it was drawn in.
    seen = {cells.get("selection", "") for _, cells in rows if not _is_waveform(cells)}
    rows = [(n, cells) for n, cells in rows if not (_is_waveform(cells) and cells.get("selection", "") in seen)]
    if not rows:
        yield listened(own_name(table), table)
        return
    if _OFFSET not in columns and len(files := {_file(cells) for _, cells in rows}) > 1:
        raise SoundbeamError(
            f"{table}: selections of {len(files)} files without the column File Offset (s), and Begin Time (s) runs on "
            "from file to file; add that measurement in Raven and save the table again"
        )

    def of_row(row: tuple[int, dict[str, str]]) -> Iterator[Annotation]:
        n, cells = row
        begin, end = _seconds(cells, _BEGIN), _seconds(cells, _END)
        if begin is None or end is None:
            raise ValueError("has no Begin Time or no End Time; complete or delete the row")
        checked_times(begin, end)
        offset = _seconds(cells, _OFFSET)
        start_s, end_s = (begin, end) if offset in (None, begin) else (offset, offset + end - begin)
        label = cells.get(name_of_column(found), "") if found else ""
        recording = _file(cells) or own_name(table)
        yield Annotation(recording, start_s, end_s, label, n, table=table, foreign=True)

    yield from each_row(table, rows, lambda row: row[0], of_row)


def _cells(columns: list[str], line: str) -> dict[str, str]:
    return dict(zip(columns, (cell.strip() for cell in line.split("\t")), strict=False))


def _is_waveform(cells: dict[str, str]) -> bool:
    return cells.get("view", "").casefold().startswith("waveform")


def _file(cells: dict[str, str]) -> str:
    """The file that a row names. A path that is a folder has the file's name behind it."""
    path, name = cells.get("begin path", ""), cells.get("begin file", "")
    if path and name and base_name(path) != name and path.endswith(("/", "\\")):
        return path + name
    return path or name


def _seconds(cells: dict[str, str], column: str) -> float | None:
    text = cells.get(column, "")
    return seconds_of(text) if text else None

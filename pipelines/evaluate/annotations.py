"""Reads annotation tables: where the calls really are."""

from __future__ import annotations

import csv
import dataclasses
import io
import math

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.storage.files import open_file
from soundbeam.model.storage.stores import one_line


@dataclasses.dataclass(frozen=True)
class Annotation:
    """One row: a call that somebody heard.

    Attributes:
        recording: As written: a URI or a tail of one.
        start_s: Seconds from the start of the recording; None, with ``end_s``, in a row that only says that the
            recording was listened to.
        end_s: Its end.
        label: "" when the row has none.
        line: Its number in the file, from 1, for messages.
    """

    recording: str
    start_s: float | None
    end_s: float | None
    label: str
    line: int


def read_annotations(url: str) -> list[Annotation]:
    """Reads a CSV ``recording,start_s,end_s,label`` (further columns are ignored; ``;`` and tab also separate).

    Args:
        url: A local path or any fsspec URL.

    Raises:
        SoundbeamError: It is missing, not a table, lacks a column, or has a row without a recording or with times that
            are no interval.
    """
    try:
        with open_file(url) as f:
            text = f.read().decode("utf-8-sig")
    except UnicodeDecodeError as e:
        raise SoundbeamError(f"{url}: not UTF-8 text; save the annotations as CSV in UTF-8") from e
    except (OSError, ValueError, ImportError) as e:
        raise SoundbeamError(f"{url}: cannot read the annotations ({one_line(e)})") from e
    header = text.split("\n", 1)[0]
    separator = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    columns = [name.strip() for name in next(reader, [])]
    missing = [name for name in ("recording", "start_s", "end_s") if name not in columns]
    if missing:
        have = ", ".join(columns[:8]) or "nothing"
        raise SoundbeamError(f"{url}: no column {', '.join(missing)} in its first line (it has: {have})")
    rows = []
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                row = dict(zip(columns, (cell.strip() for cell in cells), strict=False))
                rows.append(_annotation(row, f"{url} line {reader.line_num}", reader.line_num))
    except csv.Error as e:
        raise SoundbeamError(f"{url} line {reader.line_num}: not a CSV row ({e})") from e
    return rows


def _annotation(row: dict[str, str], where: str, line: int) -> Annotation:
    if not row.get("recording"):
        raise SoundbeamError(f"{where}: names no recording")
    start, end = row.get("start_s", ""), row.get("end_s", "")
    if not start and not end:
        return Annotation(row["recording"], None, None, row.get("label", ""), line)
    try:
        start_s, end_s = float(start), float(end)
    except ValueError as e:
        raise SoundbeamError(f"{where}: start_s {start!r} and end_s {end!r} are not both numbers (seconds)") from e
    if not (math.isfinite(end_s) and 0 <= start_s <= end_s):
        raise SoundbeamError(f"{where}: from {start} to {end} s is no stretch of a recording")
    return Annotation(row["recording"], start_s, end_s, row.get("label", ""), line)

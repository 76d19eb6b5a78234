"""Reads tables that people made: CSV as spreadsheets, R, pandas and text editors of all systems save it."""

from __future__ import annotations

import csv
import dataclasses
import io
import re
from collections.abc import Iterator, Sequence

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.numbers import seconds_of
from soundbeam.model.storage.files import encoding_of, open_file
from soundbeam.model.storage.stores import one_line

_SEPARATORS = ",;\t|"
_SAVE_AS_CSV = "open it in its program and save it as CSV in UTF-8"
_NO_TEXT = {
    b"PK\x03\x04": f"a spreadsheet (.xlsx, .ods) or zip archive, not a CSV; {_SAVE_AS_CSV}",
    b"\xd0\xcf\x11\xe0": f"an old spreadsheet (.xls), not a CSV; {_SAVE_AS_CSV}",
    b"PAR1": "a Parquet file, not a CSV; write it as CSV",
    b"\x1f\x8b": "compressed (gzip); unpack it",
}
_HEAD = 4096  # bytes that show whether a file is text


@dataclasses.dataclass(frozen=True)
class TableRow:
    """A row of a table.

    Attributes:
        line: The number of its (first) line in the file, from 1.
        cells: Column, in lower case → text without spaces around it; "" where the row ends early.
    """

    line: int
    cells: dict[str, str]

    def text(self, column: str) -> str:
        """The text of a column; "" if there is none."""
        return self.cells.get(column, "")

    def seconds(self, column: str) -> float | None:
        """The time in a column, seconds; None if it is empty or R's ``NA``.

        Raises:
            ValueError: It is no time.
        """
        text = self.text(column)
        try:
            return None if text in ("", "NA") else seconds_of(text)
        except ValueError as e:
            raise ValueError(f"{column} {e}") from None


def read_csv(
    url: str,
    required: Sequence[str],
    optional: Sequence[str] = (),
    times: Sequence[str] = (),
    text: str | None = None,
) -> list[TableRow]:
    """Reads a table whose first line names its columns, in any order and in upper or lower case.

    Commas, semicolons, tabs or ``|`` separate; other columns are ignored, as are blank lines and lines that start with
    ``#``. The text is UTF-8 or UTF-16, its lines end with LF, CR LF or CR, and values may be quoted.

    Args:
        url: A local path or any fsspec URL.
        required: The columns that it must have.
        optional: Other columns that are used.
        times: Those of them that hold times; their decimal mark is a point or a comma, the same in all rows.
        text: What is in it, if it has been read.

    Raises:
        SoundbeamError: It cannot be read, is no table, or lacks a column; or it is not clear what belongs where.
    """
    lines = _Lines(read_table_text(url) if text is None else text)
    known = [*required, *optional]
    names, separator = _header(url, lines, known)
    columns = [name.casefold() for name in names]
    if missing := [name for name in required if name not in columns]:
        have = ", ".join(columns[:12]) + (", …" if len(columns) > 12 else "")
        raise SoundbeamError(f"{url}: no column {', '.join(missing)} in its first line (it has: {have})")
    if twice := [name for name in known if columns.count(name) > 1]:
        raise SoundbeamError(f"{url}: its first line names the column {twice[0]} twice; remove or rename one")
    rows = list(_rows(url, lines, columns, separator))
    _check_decimal_marks(url, rows, times, separator)
    return rows


def column_names(url: str, text: str, known: Sequence[str]) -> list[str]:
    """The columns that a table's first line names, in the case in which they are written there.

    Args:
        url: The table, for messages.
        text: What is in it.
        known: Names, in lower case, by which the separator is found.

    Raises:
        SoundbeamError: It is empty.
    """
    return _header(url, _Lines(text), known)[0]


def decode_text(data: bytes) -> str:
    """Text of UTF-8, or of UTF-16 or UTF-32 with a byte order mark, without that mark; UTF-16 in ASCII needs none.

    Raises:
        UnicodeDecodeError: It is none of these.
    """
    return data.decode(encoding_of(data) or "utf-8").lstrip("\ufeff")


def read_table_text(url: str) -> str:
    """The text of a table.

    Raises:
        SoundbeamError: It cannot be read, or is no text.
    """
    try:
        with open_file(url) as file:
            data = file.read(_HEAD)
            for start, what in _NO_TEXT.items():
                if data.startswith(start):
                    raise SoundbeamError(f"{url}: {what}")
            if encoding_of(data) is None and b"\0" in data:
                raise SoundbeamError(f"{url}: not a text file; give a CSV")
            data += file.read()
        return decode_text(data)
    except UnicodeDecodeError as e:
        line = data[: e.start].count(b"\n") + 1
        raise SoundbeamError(f"{url} line {line}: not UTF-8 text; save the table as CSV in UTF-8") from e
    except SoundbeamError:
        raise
    except Exception as e:  # stores have many error classes of their own
        raise SoundbeamError(f"{url}: the table cannot be read ({one_line(e)})") from e


class _Lines:
    """Gives a csv.reader its lines, without those between rows that are blank or start with ``#``.

    Attributes:
        of_row: The lines of the present row.
        first: The number of its first line.
    """

    def __init__(self, text: str):
        self._lines = io.StringIO(text, newline="")
        self._number = self.first = 0
        self.of_row: list[str] = []

    def end_row(self) -> None:
        """The next line starts a row."""
        self.of_row = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        for line in self._lines:
            self._number += 1
            if not self.of_row:
                if not line.strip(f"{_SEPARATORS} \r\n") or line.lstrip().startswith("#"):
                    continue
                self.first = self._number
            self.of_row.append(line)
            return line
        raise StopIteration


def _header(url: str, lines: _Lines, known: Sequence[str]) -> tuple[list[str], str]:
    """The columns' names and the separator: the one that makes most known names of the first line."""
    separators = _SEPARATORS
    first = next(lines, "")
    if spoken := re.fullmatch(r'"?sep=(.)"?[;,\t]*\s*', first):  # Excel's own line
        separators = spoken[1]
        lines.end_row()
        first = next(lines, "")
    if not first:
        usual = ", ".join(known[:8]) + (", …" if len(known) > 8 else "")
        raise SoundbeamError(f"{url}: empty; its first line must name its columns: {usual}")
    # A quoted name may go over the end of the line.
    while "".join(lines.of_row).count('"') % 2 and next(lines, ""):
        pass
    names, separator = max(
        ((_names(lines.of_row, separator), separator) for separator in separators),
        key=lambda found: (len({name.casefold() for name in found[0]} & set(known)), len(found[0])),
    )
    lines.end_row()
    return names, separator


def _names(lines: list[str], separator: str) -> list[str]:
    try:
        cells = next(csv.reader(lines, delimiter=separator, skipinitialspace=True), [])
    except csv.Error:
        return []
    while cells and not cells[-1].strip():
        cells.pop()
    return [" ".join(cell.split()) for cell in cells]


def _rows(url: str, lines: _Lines, columns: list[str], separator: str) -> Iterator[TableRow]:
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True)
    try:
        for cells in reader:
            if not _well_quoted(lines.of_row, separator):
                raise SoundbeamError(f"{url} line {lines.first}: a quote opens that nothing closes")
            if any(cell.strip() for cell in cells[len(columns) :]):
                raise SoundbeamError(
                    f"{url} line {lines.first}: {len(cells)} values, but the first line names {len(columns)} columns; "
                    "quote a value that holds a separator, and separate with semicolons or tabs if decimals have commas"
                )
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                cells_by_column = dict.fromkeys(columns, "") | dict(zip(columns, stripped, strict=False))
                yield TableRow(lines.first, cells_by_column)
            lines.end_row()
    except csv.Error as e:
        what = "a quote opens that nothing closes" if "field limit" in str(e) else f"not a CSV row ({e})"
        raise SoundbeamError(f"{url} line {lines.first}: {what}") from e


def _well_quoted(lines: list[str], separator: str) -> bool:
    """Whether all quotes of a row are closed: a reader that is not strict takes what follows for one long value."""
    if not any('"' in line for line in lines):
        return True
    try:
        list(csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True))
    except csv.Error as e:
        return len(lines) == 1 and "end of data" not in str(e)
    return True


def _check_decimal_marks(url: str, rows: Sequence[TableRow], times: Sequence[str], separator: str) -> None:
    """Refuses times of which it is not clear whether a comma is a decimal mark."""
    written = [(row.line, row.text(name)) for row in rows for name in times]
    commas, points = ([(line, text) for line, text in written if mark in text] for mark in ",.")
    if commas and points:
        (comma_line, comma), (point_line, point) = commas[0], points[0]
        raise SoundbeamError(
            f"{url}: {comma!r} in line {comma_line} has a comma and {point!r} in line {point_line} a point; write all "
            "decimals alike, and no separators of thousands"
        )
    if commas and separator == "," and all(re.fullmatch(r"\d{1,3},\d{3}", text) for _, text in commas):
        line, text = commas[0]
        raise SoundbeamError(f"{url} line {line}: {text!r} may be thousands or decimals; write decimals with a point")

"""Formats that are CSV with columns of their own: ours, BirdNET, Kaleidoscope, OpenSoundscape and others."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.storage.csv_table import TableRow, column_names, read_csv
from soundbeam.model.storage.table_paths import uris_of
from soundbeam.pipelines.annotations.annotation import Annotation, Kind, checked_times, each_row, listened
from soundbeam.pipelines.annotations.raven_tables import LABELS
from soundbeam.pipelines.annotations.table_text import label_column, own_name

_LABEL_KINDS: dict[str, Kind] = {"positive": "call", "negative": "negative", "uncertain": "uncertain"}
_KALEIDOSCOPE_LABELS = ("manual id", "manual id*", "auto id", "auto id*", "top1match", "top1match*")
_NO_CLASSES = ("annotation", "audio_file", "annotation_file", "low_f", "high_f", "index", "unnamed: 0")
NO_LABELS = ("noid", "noise")  # what Kaleidoscope calls a stretch without a call
_TRUE, _FALSE = ("1", "1.0", "true"), ("0", "0.0", "false")


@dataclasses.dataclass(frozen=True)
class ColumnTable:
    """A format of tables.

    Attributes:
        required: The columns that it is recognised by, in lower case.
        start: The column of the start, seconds.
        end: The column of the end, or of the duration.
        recording: What a row says of its recording; "" where the table's name does.
        labels: The usual columns of labels, the likeliest first.
        label: The label of a row, where it is not in one column.
        kind: What a row says of its stretch.
        duration: Whether ``end`` is a duration.
        optional: Other columns that are read.
        classes: Whether each of the other columns is a label, and its values say whether it is heard.
        one_recording: Whether a table is of the recording of its name; without rows it says that it was listened to.
        foreign: As in `Annotation`.
    """

    required: tuple[str, ...]
    start: str
    end: str
    recording: Callable[[TableRow], str]
    labels: tuple[str, ...] = ()
    label: Callable[[TableRow], str] | None = None
    kind: Callable[[TableRow, str], Kind] = lambda row, label: "call"
    duration: bool = False
    optional: tuple[str, ...] = ()
    classes: bool = False
    one_recording: bool = False
    foreign: bool = True

    def recognises(self, columns: set[str]) -> bool:
        """Whether a table with these columns is of this format."""
        return set(self.required) <= columns

    def read(self, table: str, text: str, wanted: str | None) -> Iterator[Annotation]:
        """The annotations of a table.

        Args:
            table: Its URL.
            text: Its text.
            wanted: The column of the labels.

        Raises:
            SoundbeamError: A column is missing, or a row is bad.
        """
        header = column_names(table, text, (*self.required, *self.optional))
        usual = wanted is None and self.label is not None
        found = None if usual else label_column(header, wanted, self.labels, table)
        classes = self._classes(header) if self.classes and found is None else []
        used = {*self.optional, *(name.casefold() for name in (found or "", *classes))}
        optional = tuple({name.casefold() for name in header} & used - {*self.required, ""})
        rows = read_csv(table, self.required, optional, (self.start, self.end), text)
        if not rows and self.one_recording:
            yield listened(own_name(table), table)
        uris_by_name: dict[str, tuple[str, ...]] = {}

        def of_row(row: TableRow) -> Iterator[Annotation]:
            name = self.recording(row) or (own_name(table) if self.foreign else "")
            if not name:
                raise ValueError("names no recording; write its URI, its path or the end of it")
            start_s, end_s = row.seconds(self.start), row.seconds(self.end)
            if self.duration and start_s is not None and end_s is not None:
                end_s = start_s + end_s
            checked_times(start_s, end_s, self.start, self.end)
            if name not in uris_by_name:
                uris_by_name[name] = tuple(uris_of(name, table, os.getcwd()))
            heard = self._labels_of(row, found, classes)
            for label in heard:
                kind = self.kind(row, label)
                yield Annotation(
                    name, start_s, end_s, label, row.line, uris_by_name[name], table, kind, self.foreign
                )  # fmt: skip
            if not heard:
                yield dataclasses.replace(listened(name, table, row.line), uris=uris_by_name[name])

        yield from each_row(table, rows, lambda row: row.line, of_row)

    def _labels_of(self, row: TableRow, found: str | None, classes: list[str]) -> list[str]:
        if classes:
            return [name for name in classes if _is_heard(row, name)]
        if found is not None:
            return [row.text(found.casefold())]
        return [self.label(row) if self.label else ""]

    def _classes(self, header: list[str]) -> list[str]:
        return [name for name in header if name and name.casefold() not in (*self.required, *_NO_CLASSES)]


def _is_heard(row: TableRow, name: str) -> bool:
    value = row.text(name.casefold()).casefold()
    if value in _TRUE:
        return True
    if value and value not in _FALSE:
        raise ValueError(f"{value!r} in the column {name} is neither 1 nor 0; give the labels, not scores")
    return False


def _kaleidoscope_file(row: TableRow) -> str:
    parts = [row.text(name).strip("\\/" if i else "") for i, name in enumerate(("indir", "folder", "in file"))]
    return "/".join(part.rstrip("\\/") for part in parts if part)


def _kaleidoscope_label(row: TableRow) -> str:
    """What a person wrote goes before what the program found."""
    for column in _KALEIDOSCOPE_LABELS:
        if row.text(column):
            return row.text(column)
    return _birdnet_label(row, "scientific_name", "common_name")


def _kaleidoscope_kind(row: TableRow, label: str) -> Kind:
    return "negative" if label.casefold() in NO_LABELS else "call"


def _birdnet_label(row: TableRow, scientific: str = "scientific name", common: str = "common name") -> str:
    names = dict.fromkeys(filter(None, (row.text(scientific), row.text(common))))
    return "_".join(names)


def _hoplite_kind(row: TableRow, label: str) -> Kind:
    written = row.text("label_type").casefold()
    if written and written not in _LABEL_KINDS:
        raise ValueError(f"label_type {written!r} is none of {', '.join(_LABEL_KINDS)}")
    return _LABEL_KINDS.get(written, "call")


def _column(*names: str) -> Callable[[TableRow], str]:
    return lambda row: next((row.text(name) for name in names if row.text(name)), "")


TABLES: dict[str, ColumnTable] = {
    "csv": ColumnTable(
        ("recording", "start_s", "end_s"), "start_s", "end_s", _column("recording"), ("label",), foreign=False,
    ),
    "kaleidoscope": ColumnTable(
        ("indir", "in file", "offset", "duration"), "offset", "duration", _kaleidoscope_file,
        label=_kaleidoscope_label, kind=_kaleidoscope_kind, duration=True,
        optional=("folder", *_KALEIDOSCOPE_LABELS, "scientific_name", "common_name"),
    ),
    "birdnet": ColumnTable(
        ("start (s)", "end (s)", "common name"), "start (s)", "end (s)", _column("file"), label=_birdnet_label,
        optional=("scientific name", "file"), one_recording=True,
    ),
    "warbler": ColumnTable(("sound.files", "start", "end"), "start", "end", _column("sound.files"), LABELS),
    "hoplite": ColumnTable(
        ("recording", "start_offset_s", "end_offset_s", "label"), "start_offset_s", "end_offset_s",
        _column("recording"), ("label",), kind=_hoplite_kind,
    ),
    "hawkears": ColumnTable(
        ("recording", "name", "start_time", "end_time"), "start_time", "end_time", _column("recording"), ("name",),
    ),
    "opensoundscape": ColumnTable(
        ("file", "start_time", "end_time"), "start_time", "end_time", _column("file"), ("annotation",),
        optional=("annotation",), classes=True,
    ),
}  # fmt: skip


def format_of(table: str, text: str) -> str | None:
    """The name of the format of a table by its first line; None: none of these."""
    known = {name for one in TABLES.values() for name in (*one.required, *one.optional)}
    try:
        columns = {name.casefold() for name in column_names(table, text, tuple(known))}
    except SoundbeamError:
        return None
    return next((name for name, one in TABLES.items() if one.recognises(columns)), None)

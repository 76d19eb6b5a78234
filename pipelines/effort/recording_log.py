"""What is known of each recording's time and place, in a few numbers each, so that a million take little memory."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from soundbeam.pipelines import results
from soundbeam.transforms.records import LISTENED

COLUMNS = ("recording", "status", "recorded_at", "duration_s", "site", "recorder")
UNKNOWN = np.iinfo(np.int64).min
_SECOND_US = 1_000_000
# A name with a date, or an old AudioMoth's, which is a time in hexadecimal: no counter of recordings.
_DATED = r"(?:19|20)\d\d[-_.]?[01]\d[-_.]?[0-3]\d|/[0-9A-Fa-f]{8}\.[^/]*$"
_COUNTED = r"^(?P<head>.*?)(?P<number>\d{1,12})(?P<tail>[^/\d]*)$"
# Where clocks begin to count that nobody set: 1970, of FAT file systems 1980, of recorders 2000.
_BEGINNINGS = (0, 315_532_800, 946_684_800)
_UNSET_DAYS = 31
_UNSET_NAME = r"(?:^|[^\d])(?:19[78]0|2000)[-_.]?01[-_.]?[0-3]\d[^/]*$"


@dataclasses.dataclass(frozen=True)
class Track:
    """Recordings that one recorder made one after the other, as far as that is known.

    Attributes:
        site: Their site; None where it is unknown, and they lie in one folder.
        folder: That folder's URI; "" where the site is known.
        recorder: The recorder; "" where it is unknown.
    """

    site: str | None
    folder: str
    recorder: str

    @property
    def name(self) -> str:
        """For people."""
        return (self.site or self.folder) + (f" ({self.recorder})" if self.recorder else "")


@dataclasses.dataclass(frozen=True, eq=False)
class RecordingLog:
    """Every recording, in the order of the table ``recordings``; files that are none are left out.

    Attributes:
        row: int64 ``[recordings]``: its row in the table.
        track: int64 ``[recordings]``: its track's place in ``tracks``.
        at: int64 ``[recordings]``: when it begins, µs since 1970, UTC; `UNKNOWN` if that is not known.
        length: int64 ``[recordings]``: how long it is, µs; 0 if unknown.
        unset: bool ``[recordings]``: whether its time is one of a clock that was never set.
        series: int64 ``[recordings]``: which of the names that differ by a number only; -1 where there is no number.
        number: int64 ``[recordings]``: that number.
        tracks: All tracks.
    """

    row: np.ndarray
    track: np.ndarray
    at: np.ndarray
    length: np.ndarray
    unset: np.ndarray
    series: np.ndarray
    number: np.ndarray
    tracks: list[Track]

    @property
    def known(self) -> np.ndarray:
        """bool ``[recordings]``: whether the time is known and was told by a clock that was set."""
        return (self.at != UNKNOWN) & ~self.unset


def read_log(output: str | os.PathLike[str]) -> RecordingLog:
    """Reads the table ``recordings``.

    Raises:
        ResultsError: The output holds no run, or is damaged.
    """
    tracks, series = dict[tuple[str | None, str, str], int](), dict[tuple[str, str], int]()
    parts, first = [], 0
    for rows in results.stream(output, "recordings", columns=COLUMNS):
        parts.append(_numbers_of(rows, first, tracks, series))
        first += len(rows)
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    row, track, at, length, unset, of_series, number = columns
    return RecordingLog(row, track, at, length, unset, of_series, number, [Track(*key) for key in tracks])


def _numbers_of(
    rows: pa.Table, first: int, tracks: dict[tuple[str | None, str, str], int], series: dict[tuple[str, str], int]
) -> tuple[np.ndarray, ...]:
    number = np.arange(first, first + len(rows))
    kept = pc.is_in(rows["status"], value_set=pa.array([*LISTENED, "failed"]))
    rows, number = rows.filter(kept).combine_chunks(), number[kept.to_numpy()]
    name = rows["recording"]
    folder = pc.if_else(pc.is_null(rows["site"]), pc.replace_substring_regex(name, r"[^/]*$", ""), "")
    of_track = _codes(tracks, rows["site"], folder, rows["recorder"].fill_null(""))
    times = rows["recorded_at"].cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    at = times.fill_null(int(UNKNOWN)).to_numpy()
    length = np.rint(rows["duration_s"].fill_null(0.0).to_numpy() * _SECOND_US).astype(np.int64)
    seconds = np.where(at == UNKNOWN, -1, at // _SECOND_US)
    unset = np.zeros(len(rows), bool)
    for beginning in _BEGINNINGS:
        unset |= (seconds >= beginning) & (seconds < beginning + _UNSET_DAYS * 86_400)
    # Of a time that no clock can have meant, the name alone tells.
    unset |= (at == UNKNOWN) & pc.match_substring_regex(name, _UNSET_NAME).to_numpy()
    counted = pc.extract_regex(pc.if_else(pc.match_substring_regex(name, _DATED), "", name), _COUNTED).combine_chunks()
    is_counted = counted.is_valid().to_numpy(zero_copy_only=False) & (at != UNKNOWN)
    counter = np.zeros(len(rows), np.int64)
    of_series = np.full(len(rows), -1, np.int64)
    if is_counted.any():
        numbered = counted.filter(pa.array(is_counted))
        head, digits, tail = (pc.struct_field(numbered, field) for field in ("head", "number", "tail"))
        counter[is_counted] = digits.cast(pa.int64()).to_numpy()
        of_series[is_counted] = _codes(series, head, tail)
    return number, of_track, at, length, unset, of_series, counter


def _codes(known: dict[tuple[Any, ...], int], *columns: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """The number of each row's values in ``known``, to which new ones are added; int64 ``[rows]``."""
    table = pa.table(list(columns), [f"c{i}" for i in range(len(columns))]).combine_chunks()
    place = np.zeros(len(table), np.int64)
    for column in table.columns:  # the codes of its values, together one number
        encoded = column.combine_chunks().dictionary_encode()
        codes = encoded.indices.fill_null(len(encoded.dictionary)).to_numpy()
        place = place * (len(encoded.dictionary) + 1) + codes
    _, first, inverse = np.unique(place, return_index=True, return_inverse=True)
    keys = table.take(pa.array(first)).to_pylist()
    return np.array([known.setdefault(tuple(key.values()), len(known)) for key in keys], np.int64)[inverse]


def names_of(output: str | os.PathLike[str], rows: Iterable[int]) -> dict[int, str]:
    """Row of the table ``recordings`` → the recording, for some rows."""
    wanted = np.unique(np.fromiter(rows, np.int64))
    found: dict[int, str] = {}
    first = 0
    for part in results.stream(output, "recordings", columns=["recording"]) if len(wanted) else ():
        here = wanted[(wanted >= first) & (wanted < first + len(part))]
        names = part["recording"].take(pa.array(here - first)).to_pylist()
        found |= dict(zip(here.tolist(), names, strict=True))
        first += len(part)
    return found

"""One annotation, as every format gives it, and how rows that are none are told."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, TypeVar

from soundbeam.model.errors import SoundbeamError

# What a row says of its stretch: the label is heard, or certainly not, or it is not clear.
Kind = Literal["call", "negative", "uncertain"]
_Row = TypeVar("_Row")


@dataclasses.dataclass(frozen=True)
class Annotation:
    """A stretch of a recording that somebody listened to.

    Attributes:
        recording: As written: a URI, a path, or a tail of one; or the table's own name without its endings.
        start_s: Seconds from the start of the recording; None, with ``end_s``, in a row that only says that the
            recording was listened to.
        end_s: Its end.
        label: "" when the row has none.
        line: Its number in the file, from 1, for messages; 0 where the file has no lines.
        uris: The files that ``recording`` may mean if it is a path, the likeliest first.
        table: The file that says so.
        kind: What it says of the stretch.
        foreign: Whether another program wrote the path: its folders may have other names here, and its name no ending.
    """

    recording: str
    start_s: float | None
    end_s: float | None
    label: str
    line: int
    uris: tuple[str, ...] = ()
    table: str = ""
    kind: Kind = "call"
    foreign: bool = False

    @property
    def place(self) -> str:
        """The file and the line, for messages."""
        return f"{self.table} line {self.line}" if self.line else self.table


def listened(recording: str, table: str, line: int = 0) -> Annotation:
    """That a recording was listened to from start to end; nothing is said of a call."""
    return Annotation(recording, None, None, "", line, table=table, foreign=True)


def checked_times(start_s: float | None, end_s: float | None, start: str = "start", end: str = "end") -> None:
    """Checks that two times are a stretch of a recording, or both missing.

    Args:
        start_s, end_s: Seconds.
        start, end: The names of their columns, for the message.

    Raises:
        ValueError: They are not.
    """
    if (start_s is None) != (end_s is None):
        missing = start if start_s is None else end
        raise ValueError(f"has no {missing}; give both times, or none if there is no call")
    if start_s is not None and end_s is not None and not 0 <= start_s <= end_s:
        raise ValueError(f"from {start_s:g} to {end_s:g} s is no stretch of a recording")


def each_row(
    table: str, rows: Iterable[_Row], line_of: Callable[[_Row], int], read: Callable[[_Row], Iterable[Annotation]]
) -> Iterator[Annotation]:
    """The annotations of all rows.

    Args:
        table: The file, for messages.
        rows: Its rows.
        line_of: The number of a row's line.
        read: The annotations of a row; raises ValueError for a bad one.

    Raises:
        SoundbeamError: Rows are bad: the first of them, and how many more.
    """
    wrong = list[str]()
    for row in rows:
        try:
            yield from read(row)
        except ValueError as e:
            wrong.append(f"{table} line {line_of(row)}: {e}")
    if wrong:
        more = len(wrong) - 1
        raise SoundbeamError(wrong[0] + (f"; and {more} more such {'row' if more == 1 else 'rows'}" if more else ""))

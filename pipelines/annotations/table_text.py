"""The text of an annotation table, and the recording that its own name means."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from soundbeam.model.errors import SoundbeamError

# What tools add to the name of a recording.
_ENDINGS = re.compile(
    r"(\.Table\.\d+)?\.selections?\.txt$|\.selection\.table\.txt$|\.BirdNET\.[\w.]+$|\.selections\.\w+$"
    r"|\.not\.mat$|_HawkEars\.\w+$|\.labels?\.txt$|\.\w+$",
    re.IGNORECASE,
)


def own_name(table: str) -> str:
    """The path of a table without its endings: ``x/NAME.Table.1.selections.txt`` → ``x/NAME``."""
    folder, slash, name = table.rpartition("/")
    stem = _ENDINGS.sub("", name)
    return f"{folder}{slash}{re.sub(r'(?i)[.]BirdNET$', '', stem)}"


def lines_of(text: str) -> list[tuple[int, str]]:
    """The number, from 1, and the text of each line that is not blank."""
    return [(n, line) for n, line in enumerate(re.split(r"\r\n|\n|\r", text), 1) if line.strip()]


def name_of_column(column: str) -> str:
    """A column's name in the form in which names are compared: ``Begin Time (s)`` and R's ``Begin.Time..s.`` alike."""
    return " ".join(re.findall(r"\w+|\*", column.casefold()))


def label_column(columns: Sequence[str], wanted: str | None, usual: Sequence[str], table: str) -> str | None:
    """The column of the labels: the one that was asked for, else the first of the usual ones.

    Args:
        columns: The table's columns.
        wanted: As the user wrote it; None: not at all.
        usual: Names in the form of ``name_of_column``.
        table: The file, for messages.

    Raises:
        SoundbeamError: There is no column of the name asked for.
    """
    by_name = {name_of_column(column): column for column in reversed(columns)}
    if wanted is None:
        return next((by_name[name] for name in usual if name in by_name), None)
    if name_of_column(wanted) not in by_name:
        raise SoundbeamError(f"{table}: no column {wanted!r} for --label-column; it has: {', '.join(columns)}")
    return by_name[name_of_column(wanted)]


def base_name(path: str) -> str:
    """The last part of a path of any system."""
    return posixpath.basename(path.replace("\\", "/"))

"""Numbers and names as the text of a table."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from soundbeam.model.storage.file_names import file_name


def decimal(value: float | None) -> str:
    """A number with at most six decimals, never as ``1e-05``; "" for None.

    Example:
        >>> decimal(12.5), decimal(3.0), decimal(0.1 + 0.2)
        ('12.5', '3.0', '0.3')
    """
    if value is None:
        return ""
    text = f"{value:.6f}".rstrip("0")
    text = text + "0" if text.endswith(".") else text
    return "0.0" if text == "-0.0" else text


def tabbed(values: Iterable[Any]) -> str:
    """A line of a table that is separated by tabs and knows no quotes: names with such characters lose them."""
    return "\t".join(unquoted(str(value)) for value in values) + "\n"


def unquoted(text: str) -> str:
    r"""A text without what would end or open a cell: ``a\tb"c`` becomes ``a b'c``."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split()).replace('"', "'")


def iso(when: datetime | None) -> str:
    """A date and time with milliseconds, as R and spreadsheets read it; "" for None.

    Example:
        >>> iso(datetime(2024, 1, 31, 5, 30, 12, 500_000))
        '2024-01-31 05:30:12.500'
    """
    return "" if when is None else when.replace(tzinfo=None).isoformat(" ", "milliseconds")


def file_names(texts: Iterable[str]) -> dict[str, str]:
    """The names of files or folders for texts: all different, in upper and lower case too.

    Example:
        >>> file_names(["a/b", "a_b", "A_B"])
        {'a/b': 'a_b', 'a_b': 'a_b_2', 'A_B': 'A_B_3'}
    """
    names: dict[str, str] = {}
    seen: set[str] = set()
    for text in texts:
        plain = name = file_name(text)
        number = 2
        while unicodedata.normalize("NFC", name).casefold() in seen:
            name, number = f"{plain}_{number}", number + 1
        seen.add(unicodedata.normalize("NFC", name).casefold())
        names[text] = name
    return names

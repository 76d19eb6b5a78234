"""The labels that ``--labels`` names, by themselves or in files."""

from __future__ import annotations

from collections.abc import Sequence

from soundbeam.model.errors import OptionError
from soundbeam.model.storage.files import is_local, open_text, place_of
from soundbeam.model.storage.stores import one_line
from soundbeam.pipelines.label_names import LabelNames

_SHOWN = 3  # unknown names in an error
_MOST_BYTES = 10_000_000  # a list of labels is no recording


def chosen_labels(names: Sequence[str], labels: Sequence[str]) -> tuple[str, ...]:
    """The labels that are named, in the classifier's order.

    Args:
        names: Labels, or files with one label a line, also mixed. What is a label is not taken for a file. Blank lines
            and lines that begin with ``#`` are left out.
        labels: The classifier's.

    Raises:
        OptionError: A name is unknown or may mean several labels, or a file cannot be read or names no label.
    """
    known = LabelNames(labels)
    chosen: set[str] = set()
    unknown: list[tuple[str, str]] = []  # name, and where it stands
    for name in names:
        found = known.find(name)
        if not found and _is_file(name):
            lines = _lines_of(name)
            where = [(line, f"{name} line {number}: ") for number, line in lines]
        else:
            where = [(name, "")]
        for one, place in where:
            found = known.find(one)
            if len(found) > 1:
                raise OptionError(
                    f"--labels: {place}{one!r} may mean {' or '.join(map(repr, found[:4]))}; write it whole"
                )
            if not found:
                unknown.append((one, place))
            chosen.update(found)
    if unknown:
        raise OptionError(f"--labels: {_unknown(unknown, known, len(labels))}")
    return tuple(label for label in labels if label in chosen)


def _unknown(unknown: list[tuple[str, str]], known: LabelNames, labels: int) -> str:
    """One line on names that are no labels, with the nearest ones."""
    parts = []
    for name, place in unknown[:_SHOWN]:
        nearest = known.nearest(name)
        parts.append(f"{place}{name!r}" + (f" (nearest: {', '.join(map(repr, nearest))})" if nearest else ""))
    more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
    are = "is none" if len(unknown) == 1 else "are none"
    nor = "" if all(place for _, place in unknown) else ", nor a file of them"
    return f"{'; '.join(parts)}{more} {are} of the classifier's {labels} labels{nor}"


def _is_file(name: str) -> bool:
    if not is_local(name):
        return True  # its errors say more than that it is no label
    try:
        place, path = place_of(name)
        return bool(place.fs.isfile(path))
    except (OSError, ValueError):
        return False


def _lines_of(url: str) -> list[tuple[int, str]]:
    """(number, text) of the lines that name labels."""
    try:
        with open_text(url) as file:
            text = file.read(_MOST_BYTES).lstrip("\ufeff")
    except UnicodeDecodeError:
        raise OptionError(f"--labels: {url}: not UTF-8 text; give a file with one label a line") from None
    except Exception as e:  # stores have many error classes of their own
        raise OptionError(f"--labels: {url}: cannot be read ({one_line(e)})") from e
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    lines = [(number, line) for number, line in lines if line and not line.startswith("#")]
    if not lines:
        raise OptionError(f"--labels: {url}: names no label; write one a line")
    return lines

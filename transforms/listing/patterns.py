"""What a pattern names: a file, a glob, a folder, or a list of these, on any file system that fsspec supports.

Nothing here needs Beam.
"""

from __future__ import annotations

import collections
import itertools
import os
import posixpath
from collections.abc import Iterable, Iterator

from soundbeam.model.storage.files import is_local, local_path, open_text, place_of
from soundbeam.model.storage.place import Entry, Place, Unreadable, spellings
from soundbeam.model.storage.stores import one_line, printable
from soundbeam.transforms.counters import count
from soundbeam.transforms.listing.entry_rows import Row, row_of_file, row_of_folder, row_of_nothing
from soundbeam.transforms.listing.left_out import Told, commonest, is_audio, why_hidden
from soundbeam.transforms.records import Unscannable

_MOST_NESTED_LISTS = 8
_MISSING = "no such file or folder"
_NOT_AUDIO = "not an audio file by its name; name it without a wildcard to have it tried"
_MOST_LOOKED_AT = 10_000  # files, to say what a pattern without a match may have meant


def list_recordings(pattern: str, told: Told | None = None) -> Iterator[Row]:
    """Lists the files that one pattern names.

    Args:
        pattern: A file (taken literally where it exists, even with ``[`` or ``*`` in its name, as are the folders
            above it), a glob (``**`` goes into folders), a folder (all of its audio files, recursively), or
            ``@list.txt``: a file with one of these per line, besides blank lines and ``# comments``, where relative
            paths start from the current folder or else from the list's folder. Each may be a path or any fsspec URL.
            A folder that a glob without ``**`` matches is listed like a folder.
        told: Gets what is told beside the rows.

    Yields:
        A Recording for each file to decode. An Unscannable for each that is hidden, empty or missing, or that a glob
        matches though its name is not an audio file's; and for each folder that cannot be read. Other files in a
        folder are left out, and counted in ``told``. A glob or folder without files yields nothing. An unknown size
        is 0.
    """
    yield from _list(pattern, 0, Told() if told is None else told)


def _list(pattern: str, depth: int, told: Told) -> Iterator[Row]:
    if pattern.startswith("@"):
        yield from _list_of_patterns(pattern[1:], depth, told)
        return
    try:
        place, path = place_of(pattern)
    except (ValueError, ImportError, OSError) as e:
        yield row_of_nothing(pattern, f"cannot be opened: {one_line(e)}")
        return
    try:
        info = place.fs.info(path)
    except Exception as e:  # stores have many error classes of their own
        if place.split_pattern(path)[1]:
            yield from _glob(place, path, pattern, depth, told)
        elif isinstance(e, FileNotFoundError):
            alike = place.alike(path) if not depth else None
            yield row_of_nothing(pattern, f"{_MISSING}; did you mean {printable(alike)}?" if alike else _MISSING)
        else:
            yield row_of_nothing(pattern, f"cannot be read: {one_line(e)}")
        return
    if info.get("type") == "directory":
        yield from _folder(place, place.walk([path]), path, told)
    else:
        yield row_of_file(place, dict(info, name=path), hidden="")


def _list_of_patterns(source: str, depth: int, told: Told) -> Iterator[Row]:
    if depth >= _MOST_NESTED_LISTS:
        yield row_of_nothing(source, "lists that name lists are nested too deeply; put the recordings into one")
        return
    try:
        with open_text(source, errors="surrogateescape") as file:
            lines = file.readlines()
    except Exception as e:  # stores have many error classes of their own
        yield row_of_nothing(source, f"the list cannot be read: {one_line(e)}")
        return
    folder = os.path.dirname(local_path(source)) if is_local(source) else source.rpartition("/")[0]
    for line in map(str.strip, lines):
        if not line or line.startswith("#"):
            continue
        at, name = ("@", line[1:]) if line.startswith("@") else ("", line)
        candidates = [line]
        if is_local(name) and not name.startswith(("/", "~", "file:", "local:")):
            candidates.append(f"{at}{folder}/{name}")
        first = None
        for candidate in candidates:
            rows = _list(candidate, depth + 1, told)
            first = next(rows, None)
            if first is not None and not (isinstance(first, Unscannable) and first.error == _MISSING):
                yield first
                yield from rows
                break
        else:
            yield first if first is not None else row_of_nothing(line, "nothing matches this line of the list")


def _glob(place: Place, pattern: str, written: str, depth: int, told: Told) -> Iterator[Row]:
    near: collections.Counter[str] = collections.Counter()  # extension → files; and one of them

    def note_near(path: str) -> None:
        if is_audio(path):
            near[f"e.g. {posixpath.basename(path)}" if not near else "more"] += 1

    root, matches = place.glob(pattern, note_near)
    folders: list[Entry] = []
    any_match = False
    for match in matches:
        any_match = True
        if isinstance(match, Unreadable):
            yield row_of_folder(place, match, root)
        elif place.is_folder(match):
            folders.append(match)
        elif is_audio(match["name"]):
            yield row_of_file(place, match, why_hidden(match["name"], root))
        else:
            yield row_of_file(
                place, match, "not an audio file by its name; name it without a wildcard to have it tried"
            )
    # Links come last and never lead back into the root, so each folder is listed once, under its own name if possible.
    ordered = sorted(folders, key=lambda entry: bool(entry.get("islink")))
    yield from _folder(place, place.walk((entry["name"] for entry in ordered), {place.identity(root)}), root, told)
    if near:
        told.say(
            f"{written}: {'leaves out' if any_match else 'matches nothing, but nearly'} {sum(near.values())} files "
            f"whose names differ only in upper and lower case ({next(iter(near))}); give the folder, which needs no "
            f"pattern: {root}"
        )
    elif not any_match and not depth:
        told.say(f"{written}: matches nothing; {_what_is_there(place, root)}")


def _what_is_there(place: Place, root: str) -> str:
    """What a pattern without a match may have meant, in words."""
    there = place.alike(root)
    if there is None:
        return f"there is no folder {root}"
    if there != root:
        return f"there is no folder {root}; did you mean {there}?"
    audio = Told()
    for entry in itertools.islice(place.walk([root]), _MOST_LOOKED_AT):
        if not isinstance(entry, Unreadable) and is_audio(entry["name"]) and not why_hidden(entry["name"], root):
            audio.leave_out(entry["name"], hidden=False)
    kinds = ", ".join(f"{n} {kind}" for kind, n in commonest(audio.left_out).items())
    if not kinds:
        return f"no audio file is in or below {root}"
    return f"in and below {root} there are {kinds}; give the folder, which needs no pattern"


def _folder(place: Place, entries: Iterator[Entry | Unreadable], root: str, told: Told) -> Iterator[Row]:
    for entry in entries:
        if isinstance(entry, Unreadable):
            yield row_of_folder(place, entry, root)
            continue
        hidden = why_hidden(entry["name"], root)
        if is_audio(entry["name"]):
            yield row_of_file(place, entry, hidden)
        else:
            count("files_ignored")
            told.leave_out(entry["name"], bool(hidden))


def roots_of(patterns: Iterable[str]) -> tuple[str, ...]:
    """The folders, as URIs that end in a slash, that patterns list whole or by wildcards; and the URIs of lists."""
    roots: list[str] = []
    for pattern in patterns:
        try:
            roots += _roots_of(pattern)
        except Exception:  # a store's own error classes are many; without a root nothing is taken for deleted
            continue
    return tuple(roots)


def _roots_of(pattern: str) -> list[str]:
    place, path = place_of(pattern.removeprefix("@"))
    if pattern.startswith("@"):
        return [place.uri(path)]
    if place.fs.isdir(path):
        folder = path.rstrip("/")
    else:
        folder, wild = place.split_pattern(path)
        if not wild or place.fs.exists(path):
            return []
        folder = folder.rstrip("/")
    return [f"{uri}/" for uri in spellings(place.uri(folder))]

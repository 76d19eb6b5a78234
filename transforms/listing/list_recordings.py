"""Lists recordings: files, globs, folders and lists of these, on any file system that fsspec supports."""

from __future__ import annotations

import collections
import dataclasses
import itertools
import os
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import apache_beam as beam

from soundbeam.model.storage.files import is_local, local_path, open_text, place_of
from soundbeam.model.storage.place import Entry, Place, Unreadable
from soundbeam.model.storage.stores import one_line, printable
from soundbeam.transforms.counters import count
from soundbeam.transforms.listing.entry_rows import Row, row_of_file, row_of_folder, row_of_nothing
from soundbeam.transforms.listing.left_out import Told, commonest, is_audio, why_hidden
from soundbeam.transforms.packs import packed_in_parts, unpack_all
from soundbeam.transforms.records import Recording, Unscannable, recording_of

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


@dataclasses.dataclass
class ListRecordings(beam.PTransform):
    """Lists the recordings that patterns name, each file once.

    Applied to the pipeline it lists ``patterns``; applied to a PCollection of strings, it lists those. A file that one
    pattern takes and another skips is taken. One worker lists a whole pattern, so the steps that follow have to
    distribute the files.

    Args:
        patterns: The patterns, as for ``list_recordings``.

    Returns:
        A dict of ``recordings``, ``unscannable``, and ``told``: the numbers of `Told`, to be added up by name.
    """

    patterns: Sequence[str] = ()

    def expand(self, begin_or_patterns: Any) -> dict[str, beam.PCollection]:
        """Patterns → rows → one row per file → recordings, and the rest."""
        if isinstance(begin_or_patterns, beam.pvalue.PBegin):
            # As bytes, because the coder of strings refuses an argument that is not UTF-8.
            raw = [p.encode("utf-8", "surrogateescape") for p in self.patterns]
            patterns = begin_or_patterns | "Patterns" >> beam.Create(raw, reshuffle=len(raw) > 1)
        else:
            patterns = begin_or_patterns | "AsBytes" >> beam.Map(lambda p: p.encode("utf-8")).with_output_types(bytes)
        rows, told = patterns | "ListPattern" >> beam.ParDo(_ListPattern()).with_outputs("told", main="rows")
        if len(self.patterns) != 1 or self.patterns[0].startswith("@"):  # a single pattern names no file twice
            rows = (
                packed_in_parts(rows, "PartsByUri", _uri)
                | "GroupByUri" >> beam.GroupByKey()
                | "TakeOnce" >> beam.FlatMap(_each_once).with_output_types(Row)
            )
        split = rows | "Split" >> beam.ParDo(_Split()).with_outputs("unscannable", main="recordings")
        return {"recordings": split.recordings, "unscannable": split.unscannable, "told": told}


@beam.typehints.with_input_types(bytes)
@beam.typehints.with_output_types(Row, told=tuple[str, int])
class _ListPattern(beam.DoFn):
    """Lists a pattern. What breaks off a listing costs no other pattern its rows."""

    def process(self, raw: bytes) -> Iterator[Any]:
        pattern, told = raw.decode("utf-8", "surrogateescape"), Told()
        rows = list_recordings(pattern, told)
        while True:
            try:
                row = next(rows, None)
            except Exception as e:  # a store or a file system may answer anything
                count("list_broken")
                row = row_of_nothing(pattern.removeprefix("@"), f"the listing broke off: {one_line(e)}")
                rows = iter(())
            if row is None:
                break
            yield row
        for number in told.numbers():
            yield beam.pvalue.TaggedOutput("told", number)


def _uri(row: Row) -> str:
    return recording_of(row).uri


def _each_once(item: tuple[int, Iterable[bytes]]) -> Iterator[Row]:
    by_uri: dict[str, list[Row]] = {}
    for row in unpack_all(item[1]):
        by_uri.setdefault(_uri(row), []).append(row)
    yield from (_take_once(rows) for rows in by_uri.values())


def _take_once(rows: list[Row]) -> Row:
    """Chooses one of the rows of a file, whatever their order: a recording if there is one."""
    recordings = [row for row in rows if isinstance(row, Recording)]
    if recordings:
        return max(recordings, key=lambda r: (r.version, r.bytes))
    return min((row for row in rows if isinstance(row, Unscannable)), key=lambda r: (r.status, r.error))


@beam.typehints.with_input_types(Row)
@beam.typehints.with_output_types(Recording, unscannable=Unscannable)
class _Split(beam.DoFn):
    """Sends recordings to the main output and the rest to ``unscannable``."""

    def process(self, row: Row) -> Iterator[Any]:
        if isinstance(row, Recording):
            count("recordings_listed")
            count("bytes_listed", row.bytes)
            yield row
        else:
            count(f"list_{row.status}")
            yield beam.pvalue.TaggedOutput("unscannable", row)

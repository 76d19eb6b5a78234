"""Lists recordings: files, globs, folders and lists of these, on any file system that fsspec supports."""

from __future__ import annotations

import dataclasses
import os
import posixpath
import stat
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Union

import apache_beam as beam

from soundbeam.model.storage.files import is_local, local_path, modified_of, open_file, place_of, version_of
from soundbeam.model.storage.place import Entry, Place, Unreadable
from soundbeam.model.storage.stores import one_line, printable
from soundbeam.transforms.counters import count
from soundbeam.transforms.records import Recording, Status, Unscannable

# fmt: off
AUDIO_EXTENSIONS = frozenset([
    ".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".w64", ".rf64", ".caf", ".au",
    ".m4a", ".mp4", ".aac", ".wma",
])
# fmt: on
Row = Union[Recording, Unscannable]  # noqa: UP007  Beam evaluates it at run time, on Python 3.10 too
_MOST_NESTED_LISTS = 8
_MISSING = "no such file or folder"


def list_recordings(pattern: str) -> Iterator[Row]:
    """Lists the files that one pattern names.

    Args:
        pattern: A file (taken literally where it exists, even with ``[`` or ``*`` in its name, as are the folders
            above it), a glob (``**`` goes into folders), a folder (all of its audio files, recursively), or
            ``@list.txt``: a file with one of these per line, besides blank lines and ``# comments``, where relative
            paths start from the current folder or else from the list's folder. Each may be a path or any fsspec URL.
            A folder that a glob without ``**`` matches is listed like a folder.

    Yields:
        A Recording for each file to decode. An Unscannable for each that is hidden, empty or missing, whose name is
        not UTF-8, or that a glob matches though its name is not an audio file's; and for each folder that cannot be
        read. Other files in a folder are counted and left out. A glob or folder without files yields nothing.
        An unknown size is 0.
    """
    yield from _list(pattern, 0)


def _list(pattern: str, depth: int) -> Iterator[Row]:
    if pattern.startswith("@"):
        yield from _list_of_patterns(pattern[1:], depth)
        return
    try:
        place, path = place_of(pattern)
    except (ValueError, ImportError, OSError) as e:
        yield _unlisted(pattern, f"cannot be opened: {one_line(e)}")
        return
    try:
        info = place.fs.info(path)
    except Exception as e:  # stores have many error classes of their own
        if place.split_pattern(path)[1]:
            yield from _glob(place, path)
        elif isinstance(e, FileNotFoundError):
            yield _unlisted(pattern, _MISSING)
        else:
            yield _unlisted(pattern, f"cannot be read: {one_line(e)}")
        return
    if info.get("type") == "directory":
        yield from _folder(place, place.walk([path]), path)
    else:
        yield _file(place, dict(info, name=path), hidden=False)


def _list_of_patterns(source: str, depth: int) -> Iterator[Row]:
    if depth >= _MOST_NESTED_LISTS:
        yield _unlisted(source, "lists that name lists are nested too deeply; put the recordings into one")
        return
    try:
        with open_file(source) as file:
            lines = file.read().decode("utf-8-sig", "surrogateescape").splitlines()
    except Exception as e:  # stores have many error classes of their own
        yield _unlisted(source, f"the list cannot be read: {one_line(e)}")
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
            rows = _list(candidate, depth + 1)
            first = next(rows, None)
            if first is not None and not (isinstance(first, Unscannable) and first.error == _MISSING):
                yield first
                yield from rows
                break
        else:
            yield first if first is not None else _unlisted(line, "nothing matches this line of the list")


def _unlisted(name: str, error: str) -> Unscannable:
    """The row for a pattern that names nothing readable."""
    uri = f"file://{local_path(name)}" if is_local(name) else name
    return Unscannable(Recording(printable(uri), 0, ""), "failed", "list", error)


def _glob(place: Place, pattern: str) -> Iterator[Row]:
    root, matches = place.glob(pattern)
    folders: list[Entry] = []
    for match in matches:
        if isinstance(match, Unreadable):
            yield _unreadable(place, match)
        elif place.is_folder(match):
            folders.append(match)
        elif _extension(match["name"]) in AUDIO_EXTENSIONS:
            yield _file(place, match, _is_hidden(match["name"], root))
        else:
            error = "not an audio file by its name; name it without a wildcard to have it tried"
            recording = Recording(
                printable(place.uri(match["name"])), match.get("size") or 0, version_of(match), modified_of(match)
            )
            yield Unscannable(recording, "skipped", "list", error)
    # Links come last and never lead back into the root, so each folder is listed once, under its own name if possible.
    ordered = sorted(folders, key=lambda entry: bool(entry.get("islink")))
    yield from _folder(place, place.walk((entry["name"] for entry in ordered), {place.identity(root)}), root)


def _folder(place: Place, entries: Iterator[Entry | Unreadable], root: str) -> Iterator[Row]:
    for entry in entries:
        if isinstance(entry, Unreadable):
            yield _unreadable(place, entry)
        elif _extension(entry["name"]) in AUDIO_EXTENSIONS:
            yield _file(place, entry, _is_hidden(entry["name"], root))
        else:
            count("files_ignored")


def _file(place: Place, info: Entry, hidden: bool) -> Row:
    uri, size = place.uri(info["name"]), info.get("size")

    def cannot(status: Status, error: str) -> Unscannable:
        recording = Recording(printable(uri), int(size or 0), version_of(info), modified_of(info))
        return Unscannable(recording, status, "list", error)

    if printable(uri) != uri:
        return cannot("failed", "its name is not UTF-8, so no table could hold it; rename the file")
    if info.get("islink") or info.get("type") == "other":
        try:
            target = os.stat(info["name"])
        except OSError as e:
            return cannot("failed", f"a link that leads nowhere: {one_line(e)}")
        info, size = dict(info, mtime=target.st_mtime), target.st_size
        if not stat.S_ISREG(target.st_mode):
            return cannot("failed", "not a file: a device, pipe or socket")
    if hidden:
        return cannot("skipped", "hidden: its name, or a folder's, starts with a dot")
    if size == 0:
        return cannot("failed", "empty file (0 bytes): nothing was recorded or copied")
    return Recording(uri, int(size or 0), version_of(info), modified_of(info))


def _unreadable(place: Place, folder: Unreadable) -> Unscannable:
    error = f"this folder cannot be read, so its recordings are missing: {folder.error}"
    return Unscannable(Recording(printable(place.uri(folder.path)), 0, ""), "failed", "list", error)


def _extension(path: str) -> str:
    return posixpath.splitext(path)[1].lower()


def _is_hidden(path: str, root: str) -> bool:
    """Whether a part of the path below the root starts with a dot."""
    return any(part.startswith(".") for part in path[len(root) :].split("/"))


@dataclasses.dataclass
class ListRecordings(beam.PTransform):
    """Lists the recordings that patterns name, each file once.

    Applied to the pipeline it lists ``patterns``; applied to a PCollection of strings, it lists those. Its main output
    is a PCollection of Recording, its output ``unscannable`` one of Unscannable. A file that one pattern takes and
    another skips is taken. One worker lists a whole pattern, so the steps that follow have to distribute the files.

    Args:
        patterns: The patterns, as for ``list_recordings``.
    """

    patterns: Sequence[str] = ()

    def expand(self, begin_or_patterns: Any) -> Any:
        """Patterns → rows → one row per file → recordings, and the rest."""
        if isinstance(begin_or_patterns, beam.pvalue.PBegin):
            # As bytes, because the coder of strings refuses an argument that is not UTF-8.
            raw = [p.encode("utf-8", "surrogateescape") for p in self.patterns]
            patterns = begin_or_patterns | "Patterns" >> beam.Create(raw, reshuffle=len(raw) > 1)
        else:
            patterns = begin_or_patterns | "AsBytes" >> beam.Map(lambda p: p.encode("utf-8")).with_output_types(bytes)
        rows = patterns | "ListPattern" >> beam.FlatMap(_rows).with_output_types(Row)
        if len(self.patterns) != 1 or self.patterns[0].startswith("@"):  # a single pattern names no file twice
            rows = (
                rows
                | "KeyByUri" >> beam.Map(_keyed).with_output_types(tuple[str, Row])
                | "GroupByUri" >> beam.GroupByKey()
                | "TakeOnce" >> beam.MapTuple(_take_once).with_output_types(Row)
            )
        return rows | "Split" >> beam.ParDo(_Split()).with_outputs("unscannable", main="recordings")


def _rows(pattern: bytes) -> Iterator[Row]:
    yield from list_recordings(pattern.decode("utf-8", "surrogateescape"))


def _keyed(row: Row) -> tuple[str, Row]:
    return (row if isinstance(row, Recording) else row.recording).uri, row


def _take_once(uri: str, rows: Iterable[Row]) -> Row:
    """Chooses one of the rows of a file, whatever their order: a recording if there is one."""
    rows = list(rows)
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

"""Reads annotations of any format: a file, a folder or a glob."""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Callable, Iterator, Sequence

from fsspec.implementations.local import LocalFileSystem

from soundbeam.model.errors import OptionError, SoundbeamError
from soundbeam.model.storage.csv_table import read_csv, read_table_text
from soundbeam.model.storage.files import place_of
from soundbeam.model.storage.place import Unreadable
from soundbeam.model.storage.stores import printable
from soundbeam.pipelines.annotations import audacity_labels, other_formats, raven_tables
from soundbeam.pipelines.annotations.annotation import Annotation
from soundbeam.pipelines.annotations.column_tables import TABLES, format_of
from soundbeam.pipelines.annotations.table_text import lines_of
from soundbeam.pipelines.console.output import plain
from soundbeam.pipelines.label_names import similar_labels
from soundbeam.transforms.listing.left_out import why_hidden

RAVEN, AUDACITY = "raven", "audacity"
FORMATS = (*TABLES, RAVEN, AUDACITY, other_formats.AOEF, *other_formats.SEQUENCES)
_UNKNOWN = f"the formats are: {', '.join(FORMATS)}"
# Of a folder, other files are passed by.
_TABLE_NAMES = re.compile(r"(?i)\.(txt|csv|tsv|json|aoef|textgrid|phn|wrd|xml)$|\.not\.mat$|annotations?\.mat$")


@dataclasses.dataclass(frozen=True)
class AnnotationOptions:
    """How annotations are read.

    Attributes:
        annotation_format: Its name; None: as each file's content says.
        label_column: The column of the labels (of AOEF, the key of the tags); None: the format's usual one.
        map: ``old=new`` each, or the URL of a CSV with the columns ``old`` and ``new``.

    Raises:
        OptionError: There is no such format.
    """

    annotation_format: str | None = None
    label_column: str | None = None
    map: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.annotation_format is not None and self.annotation_format not in FORMATS:
            raise OptionError(f"--annotation-format {self.annotation_format}: unknown; {_UNKNOWN}")


def tell(line: str) -> None:
    """Says something on stderr."""
    print(plain(line), file=sys.stderr)


def read_annotations(
    url: str, options: AnnotationOptions | None = None, say: Callable[[str], None] = tell
) -> list[Annotation]:
    """Reads the annotations of a file, or of all files of a folder or a glob.

    Args:
        url: A local path or any fsspec URL.
        options: How they are read.
        say: Gets a line for what people should know: files that were passed by, labels that look alike.

    Raises:
        SoundbeamError: It is missing, no annotations, lacks a column, or has a bad row.
    """
    options = options or AnnotationOptions()
    new_names = _new_names(options.map)
    tables, named = _tables_of(url)
    annotations, passed, used = list[Annotation](), list[str](), set[str]()
    for table in tables:
        found = _read(table, options, named)
        if found is None:
            passed.append(table)
        for one in found or ():
            label = one.label.strip()
            used.add(label)
            annotations.append(dataclasses.replace(one, label=new_names.get(label, label)))
    if len(passed) == len(tables):
        which = f"not one of {len(passed)} files is known, e.g. {passed[0]}" if passed else "nothing there"
        raise SoundbeamError(f"{url}: no annotations ({which}); {_UNKNOWN}")
    if passed:
        say(f"{url}: {len(passed)} files are no annotations and were passed by, e.g. {passed[0]}")
    for old in new_names.keys() - used:
        say(f"--map {old}={new_names[old]}: no annotation has the label {old!r}")
    for line in similar_labels(one.label for one in annotations if one.label):
        say(f"{url}: {line}")
    return annotations


def _read(table: str, options: AnnotationOptions, named: bool) -> list[Annotation] | None:
    """The annotations of one file; None if it is none of annotations, and was not named itself.

    Raises:
        SoundbeamError: A row is bad, or a file that was named is no annotation.
    """
    form = options.annotation_format or other_formats.format_of(table)
    if form in other_formats.SEQUENCES:
        return list(other_formats.read_sequences(table, form))
    try:
        text = read_table_text(table)
    except SoundbeamError:
        if named or form:
            raise
        return None
    form = form or _format_of(table, text)
    if form is None and named:
        form = other_formats.AOEF if text.lstrip().startswith("{") else "csv"
    if form is None:
        return None
    if form == other_formats.AOEF:
        return list(other_formats.read_aoef(table, options.label_column))
    readers = {RAVEN: raven_tables.read, AUDACITY: audacity_labels.read}
    read = readers[form] if form in readers else TABLES[form].read
    return list(read(table, text, options.label_column))


def _format_of(table: str, text: str) -> str | None:
    """The format of a file by its content; None: it is not known."""
    if other_formats.is_aoef(text):
        return other_formats.AOEF
    if raven_tables.recognises(text):
        return RAVEN
    if any(True for _ in lines_of(text)):
        return AUDACITY if audacity_labels.recognises(text) else format_of(table, text)
    return AUDACITY if table.casefold().endswith(".txt") else None


def _tables_of(url: str) -> tuple[list[str], bool]:
    """The files that a URL names, in order, and whether it names one itself.

    Raises:
        SoundbeamError: There is nothing, or it cannot be listed.
    """
    try:
        place, path = place_of(url)
    except (ValueError, ImportError) as e:
        raise SoundbeamError(f"{url}: {e}") from e
    if place.fs.isdir(path):
        root, entries = path.rstrip("/"), place.walk([path.rstrip("/")])
    elif place.split_pattern(path)[1] and not place.fs.exists(path):
        root, entries = place.glob(path)
    else:
        return [url], True
    paths = []
    for entry in entries:
        if isinstance(entry, Unreadable):
            raise SoundbeamError(f"{place.uri(entry.path)}: the folder cannot be read ({entry.error})")
        name = entry["name"]
        if not place.is_folder(entry) and _TABLE_NAMES.search(name) and not why_hidden(name, root):
            paths.append(name)
    # People know local files by their paths.
    local = isinstance(place.fs, LocalFileSystem)
    return [path if local and printable(path) == path else place.uri(path) for path in sorted(paths)], False


def _new_names(pairs: Sequence[str]) -> dict[str, str]:
    """Old label → new label.

    Raises:
        SoundbeamError: An entry is neither ``old=new`` nor a table of these, or a label has two new names.
    """
    new_names: dict[str, str] = {}
    for old, new, where in _each_pair(pairs):
        if not old or not new:
            raise OptionError(f"{where}: give both names, as in 'Owl (call)=owl'")
        if new_names.setdefault(old, new) != new:
            raise OptionError(f"{where}: {old!r} becomes {new_names[old]!r} already; keep one of the two")
    return new_names


def _each_pair(pairs: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    for pair in pairs:
        old, equals, new = pair.partition("=")
        if equals:
            yield old.strip(), new.strip(), f"--map {pair}"
            continue
        for row in read_csv(pair, ("old", "new")):
            yield row.text("old"), row.text("new"), f"{pair} line {row.line}"

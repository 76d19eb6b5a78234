"""Lists labelled clips: one folder per label, or a CSV ``path,label[,start_s,end_s][,source]``."""

from __future__ import annotations

import dataclasses
import os
import posixpath
import re
from collections.abc import Callable, Iterator

import apache_beam as beam

from soundbeam.model.storage.csv_table import TableRow, read_csv
from soundbeam.model.storage.files import is_local, local_path, place_of
from soundbeam.model.storage.place import below
from soundbeam.model.storage.table_paths import uris_of
from soundbeam.transforms.clip_records import Clip, Reject
from soundbeam.transforms.counters import count
from soundbeam.transforms.listing.left_out import why_hidden
from soundbeam.transforms.records import Recording, Unscannable

_TIMES = ("start_s", "end_s")


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is hidden or the system's own: no label, and no clip."""
    return bool(why_hidden(name, ""))


def source_of(uri: str) -> str:
    """The name of the recording that a clip was taken from: its file name without extension and final ``-number``."""
    stem = posixpath.splitext(posixpath.basename(uri))[0]
    return re.sub(r"(?<=.)-\d+$", "", stem)


def clip_of_file(file: Recording | Unscannable, root: str) -> Clip | Reject | None:
    """The clip that a file under ``root/LABEL/`` holds; None for a file that is skipped.

    Args:
        file: The file, as it was listed.
        root: URI of the folder of labels, without a trailing slash.
    """
    if isinstance(file, Unscannable):
        return None if file.status == "skipped" else Reject(file.recording.uri, file.error)
    path = below(file.uri, root) or ""
    if any(map(is_hidden, path.split("/"))):
        return None
    label, slash, _ = path.partition("/")
    if not slash:
        return Reject(file.uri, "is outside the folders of labels; move it into one")
    return Clip(file.uri, label, source_of(file.uri))


def read_clips_table(
    url: str, current_folder: str | None = None, exists: Callable[[str], bool] | None = None
) -> Iterator[Clip | Reject]:
    """The clips in a CSV. A path in it is absolute, a URL, or relative to the CSV's folder or to the current folder.

    Args:
        url: The table.
        current_folder: Of the user; this process's if it is None.
        exists: Whether there is a clip of a URI; by default, whether there is such a file.

    Raises:
        SoundbeamError: The table cannot be read or lacks a column, or it is not clear what belongs where.
    """
    for row in read_csv(url, ("path", "label"), ("start_s", "end_s", "source"), _TIMES):
        try:
            yield _clip_of_row(row, url, current_folder or os.getcwd(), exists)
        except ValueError as e:
            yield Reject(row.text("path") or url, f"line {row.line} of {url}: {e}")


def _clip_of_row(row: TableRow, url: str, current_folder: str, exists: Callable[[str], bool] | None) -> Clip:
    path, label = row.text("path"), row.text("label")
    if not path or not label:
        raise ValueError("path or label is empty")
    start_s, end_s = row.seconds("start_s") or 0.0, row.seconds("end_s")
    if start_s < 0 or (end_s is not None and end_s <= start_s):
        raise ValueError(
            f"from {start_s:g} to {end_s if end_s is None else f'{end_s:g}'} s is no stretch of a recording"
        )
    uris = uris_of(path, url, current_folder)
    uri = next(filter(exists, uris), uris[0]) if exists else _existing(uris)
    if uri is None:
        folders = dict.fromkeys([posixpath.dirname(local_path(url)), current_folder])
        where = "" if posixpath.isabs(path) else f" in {' or '.join(folders)}"
        raise ValueError(f"there is no file {path}{where}")
    return Clip(uri, label, row.text("source") or source_of(uri), start_s, end_s)


def _existing(uris: list[str]) -> str | None:
    """The first file that there is. Of one in a store that has one name only, reading it will show that at no cost."""
    if not is_local(uris[0]):
        return uris[0] if len(uris) == 1 else next(filter(_is_stored, uris), uris[0])
    return next((uri for uri in uris if os.path.exists(local_path(uri))), None)


def _is_stored(uri: str) -> bool:
    place, path = place_of(uri)
    try:
        return bool(place.fs.exists(path))
    except Exception:  # a store's own error classes are many; reading the clip will say why
        return False


@dataclasses.dataclass
class LabelByFolder(beam.PTransform):
    """Turns listed files into clips, each labelled by its folder under the root.

    Args:
        root: URI of the folder of labels.

    Returns:
        A dict of ``clips`` and ``rejects``.
    """

    root: str

    def expand(self, files: beam.PCollection) -> dict[str, beam.PCollection]:
        """Adds the step to the graph."""
        return _clips_and_rejects(files | "LabelOfFile" >> beam.Map(clip_of_file, self.root))


@dataclasses.dataclass
class ReadClipsTable(beam.PTransform):
    """Reads tables of clips: URLs of CSV files → a dict of ``clips`` and ``rejects``.

    Args:
        current_folder: Where relative paths in a table may start, besides the table's own folder.
    """

    current_folder: str

    def expand(self, urls: beam.PCollection[str]) -> dict[str, beam.PCollection]:
        """Adds the step to the graph."""
        return _clips_and_rejects(urls | "ReadRows" >> beam.FlatMap(read_clips_table, self.current_folder))


class _Sort(beam.DoFn):
    def process(self, clip: Clip | Reject | None):
        if isinstance(clip, Clip):
            count("clips_listed")
            yield clip
        elif clip is not None:
            yield beam.pvalue.TaggedOutput("rejects", clip)


def _clips_and_rejects(clips_or_rejects: beam.PCollection) -> dict[str, beam.PCollection]:
    sorted_out = clips_or_rejects | "ClipsAndRejects" >> beam.ParDo(_Sort()).with_outputs("rejects", main="clips")
    return {"clips": sorted_out.clips, "rejects": sorted_out.rejects}

"""Lists labelled clips: one folder per label, or a CSV ``path,label[,start_s,end_s][,source]``."""

from __future__ import annotations

import csv
import dataclasses
import math
import posixpath
import re
from collections.abc import Iterator

import apache_beam as beam

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.storage.files import open_text, place_of
from soundbeam.model.storage.place import below
from soundbeam.model.storage.stores import one_line
from soundbeam.transforms.counters import count
from soundbeam.transforms.records import Clip, Recording, Reject, Unscannable


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
    label, slash, _ = (below(file.uri, root) or "").partition("/")
    if not slash:
        return Reject(file.uri, "is outside the folders of labels; move it into one")
    return Clip(file.uri, label, source_of(file.uri))


def read_clips_table(url: str) -> Iterator[Clip | Reject]:
    """The clips in a CSV. A path in it is absolute, a URL, or relative to the folder of the CSV.

    Raises:
        SoundbeamError: The table cannot be read or lacks a column.
    """
    for line, row in enumerate(_rows(url), start=2):
        try:
            yield _clip_of_row(row, url)
        except ValueError as e:
            yield Reject((row.get("path") or "").strip() or url, f"line {line} of {url}: {e}")


def _clip_of_row(row: dict[str, str | None], url: str) -> Clip:
    path, label = (row.get("path") or "").strip(), (row.get("label") or "").strip()
    if not path or not label:
        raise ValueError("path or label is empty")
    times = {name: (row.get(name) or "").strip() for name in ("start_s", "end_s")}
    start_s = float(times["start_s"] or 0.0)
    end_s = float(times["end_s"]) if times["end_s"] else None
    if not math.isfinite(start_s) or start_s < 0 or (end_s is not None and not start_s < end_s < math.inf):
        raise ValueError(f"start_s {start_s:g} and end_s {end_s} are not the bounds of a clip")
    if "://" not in path and not path.startswith("/"):
        path = (
            posixpath.normpath(posixpath.join(posixpath.dirname(url), path))
            if "://" not in url
            else (url.rpartition("/")[0] + "/" + path)
        )
    place, plain = place_of(path)
    return Clip(place.uri(plain), label, (row.get("source") or "").strip() or source_of(path), start_s, end_s)


def _rows(url: str) -> Iterator[dict[str, str | None]]:
    try:
        with open_text(url, "utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = {"path", "label"} - set(reader.fieldnames or ())
            if missing:
                raise SoundbeamError(
                    f"{url}: no column {' and '.join(sorted(missing))} in its first line; "
                    "it must be path,label[,start_s,end_s][,source]"
                )
            yield from reader
    except (OSError, UnicodeDecodeError, csv.Error) as e:
        raise SoundbeamError(f"{url}: cannot be read as a table of clips ({one_line(e)})") from e


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
    """Reads tables of clips: URLs of CSV files → a dict of ``clips`` and ``rejects``."""

    def expand(self, urls: beam.PCollection[str]) -> dict[str, beam.PCollection]:
        """Adds the step to the graph."""
        return _clips_and_rejects(urls | "ReadRows" >> beam.FlatMap(read_clips_table))


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

"""Reads labelled clips from a folder or a table, for every program that takes ``--clips``."""

from __future__ import annotations

import dataclasses
import itertools
import os
import posixpath
from collections.abc import Iterable, Sequence
from typing import Any

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.storage.files import locate
from soundbeam.pipelines.console.output import say
from soundbeam.pipelines.label_names import similar_labels
from soundbeam.transforms.clip_records import Clip, Reject
from soundbeam.transforms.listing.list_clips import clip_of_file, is_hidden, read_clips_table
from soundbeam.transforms.listing.patterns import list_recordings
from soundbeam.transforms.records import Recording

_SHOWN = 5  # rejects, of many


def labels_of_folder(fs, path: str, url: str) -> list[str] | None:
    """The labels of a folder of clips; None when ``path`` is a table.

    Raises:
        SoundbeamError: There is nothing at the path, or a folder without subfolders.
    """
    if fs.isfile(path):
        return None
    if not fs.isdir(path):
        raise SoundbeamError(f"{url}: no such folder or table of clips")
    try:
        entries = fs.ls(path, detail=True)
    except PermissionError as e:
        raise SoundbeamError(f"{url}: the folder cannot be read; check its permissions") from e
    names = [posixpath.basename(e["name"].rstrip("/")) for e in entries if e["type"] == "directory"]
    labels = sorted(name for name in names if not is_hidden(name))
    if not labels:
        raise SoundbeamError(
            f"{url}: no folders in it; put the clips of each label into a folder of its name (annotations of long "
            "recordings also need --recordings)"
        )
    return labels


def read_clips(pipeline, root: str, labels: list[str] | None) -> dict[str, Any]:
    """Adds the steps that read clips to a pipeline.

    Args:
        pipeline: A Beam pipeline.
        root: URI of the folder of labels, or of the table.
        labels: The folders; None for a table.

    Returns:
        A dict of ``clips`` and ``rejects``.
    """
    import apache_beam as beam

    from soundbeam.transforms.listing.list_clips import LabelByFolder, ReadClipsTable
    from soundbeam.transforms.listing.list_recordings import ListRecordings

    if labels is None:
        return pipeline | "ClipsTable" >> beam.Create([root]) | "ReadClipsTable" >> ReadClipsTable(os.getcwd())
    listing = pipeline | "ListClips" >> ListRecordings([root])
    return (
        (listing["recordings"], listing["unscannable"])
        | "AllFiles" >> beam.Flatten()
        | "LabelByFolder" >> LabelByFolder(root)
    )


def describe_reject(reject: dict[str, str]) -> str:
    """Names a rejected clip and says why; most reasons name it themselves."""
    name, reason = reject["recording"], reject["reason"]
    return reason if reason.startswith(f"{name}: ") else f"{name}: {reason}"


def print_troubles(
    labels: Iterable[str], labels_without_clips: list[str], rejects: list[dict[str, str]], file: str
) -> None:
    """Prints the labels without clips, those that are spelled alike, and the first rejects; all stand in ``file``."""
    for label in labels_without_clips:
        say(f"{label}: no clips that can be used")
    for line in similar_labels([*labels, *labels_without_clips]):
        say(f"note: {line}")
    for reject in rejects[:_SHOWN]:
        say(f"rejected {describe_reject(reject)}")
    if len(rejects) > _SHOWN:
        say(f"… and {len(rejects) - _SHOWN} more, in {file}")


def describe_rejects(rejects: list[dict[str, str]]) -> str:
    """Says, at the end of an error message, how many clips were rejected and why the first was; "" if none was."""
    return f"; {len(rejects)} rejected, first {describe_reject(rejects[0])}" if rejects else ""


def list_clips(url: str) -> list[Clip]:
    """Lists the clips of a folder with one folder a label, or of a CSV, as ``soundbeam materialize`` takes them.

    Raises:
        SoundbeamError: There is no such folder or table, or no clip in it.
    """
    place, path = locate(url)
    root = place.uri(path)
    rows: Iterable[Clip | Reject | None]
    if labels_of_folder(place.fs, path, url) is None:
        rows = read_clips_table(root)
    else:
        rows = (clip_of_file(file, root) for file in list_recordings(root))
    clips, rejects = [], []
    for row in rows:
        if isinstance(row, Clip):
            clips.append(row)
        elif row is not None:
            rejects.append(row)
    if not clips:
        why = describe_rejects([dataclasses.asdict(reject) for reject in rejects])
        raise SoundbeamError(f"{url}: no clips in it{why}")
    return sorted(clips, key=lambda c: (c.label, c.source, c.recording, c.start_s))


def uris_of_patterns(patterns: Sequence[str], option: str) -> list[str]:
    """Lists the URIs of the recordings that match some patterns, each once, sorted.

    Args:
        patterns: As a scan takes them.
        option: The option that they were given with, for the message.

    Raises:
        SoundbeamError: There is none.
    """
    uris, reasons = set(), []
    for row in itertools.chain.from_iterable(map(list_recordings, patterns)):
        if isinstance(row, Recording):
            uris.add(row.uri)
        else:
            reasons.append(f"{row.recording.uri}: {row.error}")
    if not uris:
        why = f" ({reasons[0]})" if reasons else ""
        raise SoundbeamError(f"{option} {' '.join(patterns)}: no audio file matches{why}")
    return sorted(uris)

"""Where labelled clips are found, and how they are read: for every program that takes ``--clips``."""

from __future__ import annotations

import math
import posixpath
from collections.abc import Iterator
from typing import Any

import numpy as np

from soundbeam.model.errors import SoundbeamError


def locate(url: str):
    """The file system of a folder or table, and its path there without a slash at its end.

    Raises:
        SoundbeamError: The URL's protocol is unknown or its package is not installed.
    """
    from soundbeam.model.storage.files import check_store, place_of

    try:
        check_store(url)
        place, path = place_of(url)
    except (ValueError, ImportError) as e:
        raise SoundbeamError(f"{url}: {e}") from e
    return place, path.rstrip("/")


def label_folders(fs, path: str, given: str) -> list[str] | None:
    """The labels of a folder of clips; None when ``path`` is a table.

    Raises:
        SoundbeamError: There is nothing at the path, or a folder without folders.
    """
    if fs.isfile(path):
        return None
    if not fs.isdir(path):
        raise SoundbeamError(f"{given}: no such folder or table of clips")
    try:
        entries = fs.ls(path, detail=True)
    except PermissionError as e:
        raise SoundbeamError(f"{given}: the folder cannot be read; check its permissions") from e
    names = [posixpath.basename(e["name"].rstrip("/")) for e in entries if e["type"] == "directory"]
    labels = sorted(name for name in names if not name.startswith("."))
    if not labels:
        raise SoundbeamError(f"{given}: no folders in it; put the clips of each label into a folder of its name")
    return labels


def labelled_clips(pipeline, root: str, labels: list[str] | None) -> dict[str, Any]:
    """Adds the steps that list clips to a pipeline.

    Args:
        pipeline: Beam's.
        root: URI of the folder of labels, or of the table.
        labels: The folders; None for a table.

    Returns:
        A dict of ``clips`` and ``rejects``.
    """
    import apache_beam as beam

    from soundbeam.transforms.listing.clips import LabelByFolder, ReadClipsTable
    from soundbeam.transforms.listing.recordings import ListRecordings

    if labels is None:
        return pipeline | "ClipsTable" >> beam.Create([root]) | "ReadClipsTable" >> ReadClipsTable()
    listing = pipeline | "ListClips" >> ListRecordings([root])
    return (
        (listing["recordings"], listing["unscannable"])
        | "AllFiles" >> beam.Flatten()
        | "LabelByFolder" >> LabelByFolder(root)
    )


def read_clip(clip, rate: int) -> np.ndarray:
    """A clip's waveform, float32 ``[samples]`` mono at ``rate``, read in another process.

    Raises:
        SoundbeamError: It cannot be read.
    """
    from soundbeam.transforms.decoding.clip_reader import read_ahead

    (sound,) = read_ahead([(clip.recording, clip.start_s, clip.end_s)], rate, 1)
    if isinstance(sound, str):
        raise SoundbeamError(sound)
    return sound


def stream_clip(clip, rate: int, samples: int) -> Iterator[tuple[int, np.ndarray]]:
    """A clip, stretch by stretch, in memory that does not grow with its length, read in another process.

    Args:
        clip: The clip.
        rate: Hz.
        samples: Of a stretch.

    Yields:
        The stretch's first sample within the recording, and the stretch, float32 mono at ``rate``.

    Raises:
        DecodeError: It breaks off; what came before has been given.
    """
    from soundbeam.transforms.decoders import DecodeError
    from soundbeam.transforms.decoding.clip_reader import decode_apart
    from soundbeam.transforms.examples.features import chunks

    if clip.end_s is not None:  # a stretch of a long recording is read from where it begins
        first = round(clip.start_s * rate)
        for start, stretch in chunks([read_clip(clip, rate)], 0, math.inf, samples):
            yield first + start, stretch
        return
    problems = list[DecodeError]()

    def blocks() -> Iterator[np.ndarray]:
        try:
            yield from decode_apart(clip.recording, rate)
        except DecodeError as e:
            problems.append(e)

    yield from chunks(blocks(), round(clip.start_s * rate), math.inf, samples)
    if problems:
        raise problems[0]


def first_of(rejects: list[dict[str, str]]) -> str:
    """How many clips were rejected and why the first one was, to follow an error; "" where none was."""
    return f"; {len(rejects)} rejected, first {rejects[0]['recording']}: {rejects[0]['reason']}" if rejects else ""

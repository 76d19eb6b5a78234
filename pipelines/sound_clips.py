"""The sound of windows, cut out of their recordings."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.storage.file_names import file_name
from soundbeam.model.storage.files import locate, make_folder, write_at_once
from soundbeam.pipelines import results
from soundbeam.pipelines.console.process import cores
from soundbeam.pipelines.scanned_files import scanned_files
from soundbeam.transforms.decoding.clip_reader import read_excerpts
from soundbeam.transforms.decoding.excerpt import Excerpt
from soundbeam.transforms.scanned_file import ScannedFile, why_not_same
from soundbeam.transforms.sound_files import as_sound_file

_NAME_BYTES = 200  # of the recording's own name in a clip's, as file systems allow 255
_CHECKS = 16  # at a time
Row = dict[str, Any]


def cut(rows: Iterable[Row], output: str, context_s: float = 0.0) -> Iterator[tuple[Row, np.ndarray | str, int]]:
    """Reads the sound of windows, at the recordings' own rates, of the channel in which they were heard.

    Args:
        rows: Windows with ``recording``, ``start_s``, ``end_s`` and, where channels were scanned by themselves,
            ``channel``.
        output: The output folder whose table ``recordings`` knows the files.
        context_s: So many seconds before and after each window are read as well, as far as the recording goes.

    Yields:
        (row, float32 ``[samples]``, or one line that names the recording and says why there are none; samples per
        second), in another order: each recording is read in one pass.
    """
    rows = list(rows)
    files = scanned_files(output, {row["recording"] for row in rows})
    uris = list(dict.fromkeys(row["recording"] for row in rows))
    with ThreadPoolExecutor(_CHECKS) as pool:  # of stores, which answer late
        reasons = dict(zip(uris, pool.map(lambda uri: _why_unread(uri, files, output), uris), strict=True))
    by_rate: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        if reason := reasons[row["recording"]]:
            yield row, f"{row['recording']}: {reason}", 0
        else:
            by_rate[files[row["recording"]].rate or 0].append(row)
    heard_channel = results.latest_run(output).parameters.heard_channel
    for rate, of_rate in by_rate.items():
        windows = [
            (
                Excerpt(
                    row["recording"],
                    max(0.0, row["start_s"] - context_s),
                    row["end_s"] + context_s,
                    heard_channel(row.get("channel")),
                ),
                row,
            )
            for row in of_rate
        ]
        windows.sort(key=lambda window: (window[0].uri, window[0].channel or 0, window[0].start_s))
        sounds = read_excerpts([excerpt for excerpt, _ in windows], rate, min(cores(), len(windows)))
        for (_, row), samples in zip(windows, sounds, strict=True):
            if isinstance(samples, str) and not samples.startswith(row["recording"]):
                samples = f"{row['recording']}: {samples}"
            yield row, samples, rate


def _why_unread(uri: str, files: dict[str, ScannedFile], output: str) -> str:
    if uri not in files:
        return f"not among the current recordings of {output}"
    file = files[uri]
    return why_not_same(file) or ("" if file.rate else "the scan could not decode it")


def write_clips(
    rows: Iterable[Row], output: str, url: str, context_s: float = 0.0
) -> Iterator[tuple[Row, str | None, str]]:
    """Writes the sound of windows as FLAC, 24 bits, as `cut` reads it.

    Args:
        rows, output, context_s: As for `cut`; the rows with what `clip_name` needs.
        url: The folder for the clips.

    Yields:
        (row, the URL of its clip, None if there is none; one line that says why).
    """
    place, folder = locate(url)
    for row, samples, rate in cut(rows, output, context_s):
        if isinstance(samples, str):
            yield row, None, samples
            continue
        path = f"{folder}/{clip_name(row)}"
        make_folder(place.fs, folder)
        write_at_once(place.fs, path, as_sound_file(samples, rate))
        yield row, place.uri(path), ""


def check_new_folder(url: str) -> None:
    """Checks that clips may be written to a folder: nothing is in it yet.

    Raises:
        SoundbeamError: It holds files, or its store cannot be used.
    """
    place, path = locate(url)
    if place.fs.isfile(path):
        raise SoundbeamError(f"{url}: is a file; give a new folder for the clips")
    if names := place.names(path):
        raise SoundbeamError(f"{url}: holds other files ({names[0]}); give a new folder for the clips")


def clip_name(row: Row) -> str:
    """The rank, the recording's name and the times: ``001_20240131_053000_12.000-15.000.flac``.

    That of a window drawn for review ends with its ``review_id``: ``…_12.000-15.000_0f3a….flac``.
    """
    stem = posixpath.splitext(row["recording"].rstrip("/").rpartition("/")[2])[0]
    stem = file_name(stem, _NAME_BYTES)
    identity = f"_{row['review_id']}" if row.get("review_id") else ""
    return f"{row['rank']:03d}_{stem}_{row['start_s']:.3f}-{row['end_s']:.3f}{identity}.flac"

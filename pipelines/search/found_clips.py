"""Cuts the sound of what a search found out of the recordings."""

from __future__ import annotations

import io
import posixpath
import sys
from collections import defaultdict
from typing import Any

import numpy as np
import pyarrow as pa

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.storage.files import locate, make_folder, write_at_once
from soundbeam.pipelines import results
from soundbeam.pipelines.console.output import plain
from soundbeam.pipelines.output.folder import Output
from soundbeam.pipelines.runners.options import cores
from soundbeam.transforms.decoding.clip_reader import read_excerpts

_NAME_BYTES = 200  # of the recording's own name in a clip's, as file systems allow 255


def check_folder(url: str) -> None:
    """Checks that clips may be written to a folder: nothing is in it yet.

    Raises:
        SoundbeamError: It holds files, or its store cannot be used.
    """
    place, path = locate(url)
    if place.fs.isfile(path):
        raise SoundbeamError(f"{url}: is a file; give a new folder for the clips")
    if names := place.names(path):
        raise SoundbeamError(f"{url}: holds other files ({names[0]}); give a new folder for the clips")


def cut_clips(found: pa.Table, output: Output, url: str) -> pa.Table:
    """Writes the sound of each row as FLAC, 24 bits, at the recording's own rate, the mean of its channels.

    Recordings that cannot be read are told on stderr; the others' clips are written.

    Args:
        found: The table of what was found.
        output: The folder of the embeddings, whose table ``recordings`` knows the rates.
        url: The folder for the clips.

    Returns:
        The table with a column ``clip``: the file's URL, null where there is none.
    """
    place, folder = locate(url)
    rows = found.to_pylist()
    clips: dict[int, str] = {}
    for rate, of_rate in _by_rate(rows, output).items():
        excerpts = [(row["recording"], row["start_s"], row["end_s"]) for row in of_rate]
        for row, samples in zip(of_rate, read_excerpts(excerpts, rate, min(cores(), len(excerpts))), strict=True):
            if isinstance(samples, str):
                line = samples if samples.startswith(row["recording"]) else f"{row['recording']}: {samples}"
                print(f"soundbeam search: no clip of rank {row['rank']}: {plain(line)}", file=sys.stderr)
                continue
            path = f"{folder}/{clip_name(row)}"
            make_folder(place.fs, folder)
            write_at_once(place.fs, path, as_flac(samples, rate))
            clips[row["rank"]] = place.uri(path)
    return found.append_column("clip", pa.array([clips.get(row["rank"]) for row in rows], pa.string()))


def clip_name(row: dict[str, Any]) -> str:
    """The rank, the recording's name and the times: ``001_20240131_053000_12.000-15.000.flac``."""
    stem = posixpath.splitext(row["recording"].rstrip("/").rpartition("/")[2])[0]
    stem = stem.encode()[:_NAME_BYTES].decode(errors="ignore")
    return f"{row['rank']:03d}_{stem}_{row['start_s']:.3f}-{row['end_s']:.3f}.flac"


def as_flac(samples: np.ndarray, rate: int) -> bytes:
    """float32 ``[samples]`` as the bytes of a FLAC file."""
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, np.clip(samples, -1, 1), rate, format="FLAC", subtype="PCM_24")
    return file.getvalue()


def _by_rate(rows: list[dict[str, Any]], output: Output) -> dict[int, list[dict[str, Any]]]:
    """The rows of the recordings of each sample rate."""
    uris = {row["recording"] for row in rows}
    columns = ["recording", "sample_rate"]
    known = results.read(output.user_url, "recordings", columns=columns, recordings=uris).to_pylist()
    rates = {row["recording"]: row["sample_rate"] for row in known}
    by_rate = defaultdict(list)
    for row in rows:
        by_rate[rates[row["recording"]]].append(row)
    return by_rate

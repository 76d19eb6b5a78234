"""The sound of windows, cut out of their recordings."""

from __future__ import annotations

import io
import posixpath
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.storage.files import locate
from soundbeam.pipelines import results
from soundbeam.pipelines.console.process import cores
from soundbeam.transforms.decoding.clip_reader import read_excerpts

_NAME_BYTES = 200  # of the recording's own name in a clip's, as file systems allow 255
Row = dict[str, Any]


def cut(rows: Iterable[Row], output: str, context_s: float = 0.0) -> Iterator[tuple[Row, np.ndarray | str, int]]:
    """Reads the sound of windows, at the recordings' own rates, the mean of their channels.

    Args:
        rows: Windows with ``recording``, ``start_s`` and ``end_s``.
        output: The output folder whose table ``recordings`` knows the rates.
        context_s: So many seconds before and after each window are read as well, as far as the recording goes.

    Yields:
        (row, float32 ``[samples]``, or one line that names the recording and says why there are none; samples per
        second), ordered by rate.
    """
    for rate, of_rate in _by_rate(list(rows), output).items():
        if not rate:
            for row in of_rate:
                yield row, f"{row['recording']}: not among the current recordings of {output}", 0
            continue
        excerpts = [
            (row["recording"], max(0.0, row["start_s"] - context_s), row["end_s"] + context_s) for row in of_rate
        ]
        for row, samples in zip(of_rate, read_excerpts(excerpts, rate, min(cores(), len(excerpts))), strict=True):
            if isinstance(samples, str) and not samples.startswith(row["recording"]):
                samples = f"{row['recording']}: {samples}"
            yield row, samples, rate


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
    stem = stem.encode("utf-8", "replace")[:_NAME_BYTES].decode(errors="ignore")
    identity = f"_{row['review_id']}" if row.get("review_id") else ""
    return f"{row['rank']:03d}_{stem}_{row['start_s']:.3f}-{row['end_s']:.3f}{identity}.flac"


def as_flac(samples: np.ndarray, rate: int) -> bytes:
    """float32 ``[samples]`` as the bytes of a FLAC file, 24 bits."""
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, np.clip(samples, -1, 1), rate, format="FLAC", subtype="PCM_24")
    return file.getvalue()


def _by_rate(rows: list[Row], output: str) -> dict[int, list[Row]]:
    """The rows of the recordings of each sample rate; 0 of what is no current recording."""
    uris = {row["recording"] for row in rows}
    columns = ["recording", "sample_rate"]
    known = results.read(output, "recordings", columns=columns, recordings=uris).to_pylist()
    rates = {row["recording"]: row["sample_rate"] for row in known}
    by_rate = defaultdict(list)
    for row in rows:
        by_rate[rates.get(row["recording"]) or 0].append(row)
    return by_rate

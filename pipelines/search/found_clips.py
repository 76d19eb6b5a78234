"""Writes the sound of what a search found."""

from __future__ import annotations

import sys

import pyarrow as pa

from soundbeam.model.storage.files import locate, make_folder, write_at_once
from soundbeam.pipelines.console.output import plain
from soundbeam.pipelines.output.folder import Output
from soundbeam.pipelines.sound_clips import as_flac, clip_name, cut


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
    for row, samples, rate in cut(rows, output.user_url):
        if isinstance(samples, str):
            print(f"soundbeam search: no clip of rank {row['rank']}: {plain(samples)}", file=sys.stderr)
            continue
        path = f"{folder}/{clip_name(row)}"
        make_folder(place.fs, folder)
        write_at_once(place.fs, path, as_flac(samples, rate))
        clips[row["rank"]] = place.uri(path)
    return found.append_column("clip", pa.array([clips.get(row["rank"]) for row in rows], pa.string()))

"""Writes the sound of what a search found."""

from __future__ import annotations

import sys

import pyarrow as pa

from soundbeam.pipelines.console.output import plain
from soundbeam.pipelines.output.folder import Output
from soundbeam.pipelines.sound_clips import write_clips


def cut_clips(found: pa.Table, output: Output, url: str) -> pa.Table:
    """Writes the sound of each row as FLAC, 24 bits, at the recording's own rate.

    Recordings that cannot be read are told on stderr; the others' clips are written.

    Args:
        found: The table of what was found.
        output: The folder of the embeddings, whose table ``recordings`` knows the rates.
        url: The folder for the clips.

    Returns:
        The table with a column ``clip``: the file's URL, null where there is none.
    """
    clips: dict[int, str] = {}
    for row, clip, why in write_clips(found.to_pylist(), output.user_url, url):
        if clip:
            clips[row["rank"]] = clip
        else:
            print(f"soundbeam search: no clip of rank {row['rank']}: {plain(why)}", file=sys.stderr)
    return found.append_column("clip", pa.array([clips.get(rank) for rank in found["rank"].to_pylist()], pa.string()))

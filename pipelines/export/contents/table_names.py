"""The names of the tables of single recordings."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Callable, Iterator

import numpy as np

from soundbeam.pipelines.export.contents.call_rows import ListenedRecording
from soundbeam.pipelines.export.contents.selection import Selection

_MOST_BYTES = 200  # of a file's name, as file systems allow 255 with what a format adds


def with_names(selection: Selection) -> Iterator[tuple[str, ListenedRecording]]:
    """The recordings, each with a name for its table: its path below the scan's folder, without the ending.

    Where two would have one name (``a.wav`` and ``a.flac``), or on some systems (``a.wav`` and ``A.wav``), both keep
    their ending, and if that does not tell them apart, a hash of the URI.
    """
    stems, wholes = _Doubles(selection, _stem), _Doubles(selection, _whole)
    for recording in selection.listened():
        name = _stem(recording.short)
        if name in stems:
            name = _whole(recording.short)
            if name in wholes:
                name = f"{name}_{_hash(recording.uri)}"
        yield name, recording


class _Doubles:
    """The names that several recordings would have; as numbers, since there may be a million."""

    def __init__(self, selection: Selection, name_of: Callable[[str], str]):
        shorts = (
            selection.short(uri) for chunk in selection.recordings["recording"].chunks for uri in chunk.to_pylist()
        )
        keys = np.fromiter((hash(name_of(short).casefold()) for short in shorts), np.int64)
        values, counts = np.unique(keys, return_counts=True)
        self._doubles = set(values[counts > 1].tolist())

    def __contains__(self, name: str) -> bool:
        return hash(name.casefold()) in self._doubles


def _whole(short: str) -> str:
    parts = ("".join(c if c.isprintable() else "_" for c in part) for part in short.split("/"))
    return "/".join(map(_shortened, parts))


def _stem(short: str) -> str:
    return _whole(posixpath.splitext(short)[0])


def _shortened(name: str) -> str:
    data = name.encode("utf-8", "replace")
    return name if len(data) <= _MOST_BYTES else data[:_MOST_BYTES].decode(errors="ignore") + _hash(name)


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()

"""Packs: rows of many recordings as one element of compressed bytes.

Beam's local runner holds what passes between two stages in memory, each row as Python objects of 1.5 kB. A million
recordings took 2 GB, several times over. In a pack a row takes some tens of bytes, and a shuffle moves fewer elements.
"""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import apache_beam as beam
from apache_beam.transforms.window import GlobalWindows

from soundbeam.transforms.records import Range, Recording, Unscannable, recording_of

# A row of its own for each of the first recordings, so that every worker gets some of them; after each so many more,
# one row more a pack.
_ALONE = 16_384
_MOST_ROWS = 32
# A pack is the work of one worker: no more than this many bytes of sound, beside a single recording.
_MOST_BYTES = 256 << 20
# Into how many parts a join is divided. A part of a corpus of a hundred million files is 100,000 rows, some 100 MB.
PARTS = 1024


def pack(rows: list[Any]) -> bytes:
    """Rows, each a record or plain values, as bytes; `unpack` gives them back.

    Example:
        >>> unpack(pack([("a.wav", 1), ("b.wav", 2)]))
        [('a.wav', 1), ('b.wav', 2)]
    """
    return zlib.compress(pickle.dumps(rows, pickle.HIGHEST_PROTOCOL), 1)


def unpack(data: bytes) -> list[Any]:
    """The rows of a pack."""
    rows: list[Any] = pickle.loads(zlib.decompress(data))
    return rows


def unpack_all(packs: Iterable[bytes]) -> Iterator[Any]:
    """The rows of several packs."""
    for data in packs:
        yield from unpack(data)


def spread(rows: beam.PCollection, name: str, kind: Any) -> beam.PCollection:
    """Distributes rows over all workers, in packs: few recordings one by one, many in packs of up to 32.

    Args:
        rows: `Recording`, `Range` or `Unscannable`.
        name: Of the shuffle's step.
        kind: The rows' type.
    """
    return (
        packed(rows, f"{name}Pack")
        | name >> beam.Reshuffle()
        | f"{name}Unpack" >> beam.FlatMap(unpack).with_output_types(kind)
    )


def packed(rows: beam.PCollection, name: str) -> beam.PCollection[bytes]:
    """`Recording`, `Range` or `Unscannable` → packs of them."""
    return rows | name >> beam.ParDo(_Pack())


def packed_in_parts(
    rows: beam.PCollection, name: str, key: Callable[[Any], str]
) -> beam.PCollection[tuple[int, bytes]]:
    """Rows → (part, pack), for a join by ``key``: all rows of one key belong to the same part."""
    return rows | name >> beam.ParDo(_PackParts(key))


@beam.typehints.with_output_types(bytes)
class _Pack(beam.DoFn):
    def start_bundle(self) -> None:
        self._rows: list[Any] = []
        self._bytes = self._seen = 0

    def process(self, row: Recording | Range | Unscannable) -> Iterator[Any]:
        size = recording_of(row).bytes // (row.ranges if isinstance(row, Range) else 1)
        if self._rows and self._bytes + size > _MOST_BYTES:
            yield self._close()
        self._rows.append(row)
        self._bytes += size
        self._seen += 1
        if len(self._rows) >= min(_MOST_ROWS, 1 + self._seen // _ALONE):
            yield self._close()

    def finish_bundle(self) -> Iterator[Any]:
        if self._rows:
            yield GlobalWindows.windowed_value(self._close())

    def _close(self) -> bytes:
        data = pack(self._rows)
        self._rows, self._bytes = [], 0
        return data


def hash_of(key: str) -> int:
    """32 bits, the same on every machine."""
    return zlib.crc32(key.encode("utf-8", "surrogatepass"))


@beam.typehints.with_output_types(tuple[int, bytes])
class _PackParts(beam.DoFn):
    def __init__(self, key: Callable[[Any], str]):
        self._key = key

    def start_bundle(self) -> None:
        self._parts: dict[int, list[Any]] = {}

    def process(self, row: Any) -> Iterator[Any]:
        part = hash_of(self._key(row)) % PARTS
        rows = self._parts.setdefault(part, [])
        rows.append(row)
        if len(rows) >= _MOST_ROWS:
            yield part, pack(self._parts.pop(part))

    def finish_bundle(self) -> Iterator[Any]:
        for part, rows in self._parts.items():
            yield GlobalWindows.windowed_value((part, pack(rows)))

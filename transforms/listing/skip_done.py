"""Leaves out what was scanned before: joins the rows of the table ``recordings`` with what is listed now."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam

from soundbeam.model.storage.files import place_of
from soundbeam.model.storage.parquet import open_parquet, read_rows
from soundbeam.transforms.counters import count
from soundbeam.transforms.records import DELETED, Recording, Stage, Status, Unscannable


@dataclasses.dataclass(frozen=True)
class Done:
    """How a file ended in an earlier scan.

    Attributes:
        age: Which scan the row comes from; 0 is the oldest.
        bytes, version: The size and version of the file at that time.
        status, stage: As in the table ``recordings``.
    """

    age: int
    bytes: int
    version: str
    status: Status
    stage: Stage


# The values of a Done, as they cross the shuffle: plain values are encoded several times as fast as an object.
DoneRow = tuple[int, int, str, str, str]
_BATCH = 1 << 16  # how many rows become Python's objects at once


def read_done(shard: tuple[int, str]) -> Iterator[tuple[str, DoneRow]]:
    """The rows of one shard, (age, URL), of the table ``recordings``: the URI and the values of a Done, each."""
    age, url = shard
    place, path = place_of(url)
    with open_parquet(place.fs, path) as parquet:
        for group in range(parquet.num_row_groups):
            rows = read_rows(parquet, ["recording", "bytes", "version", "status", "stage"], group)
            for batch in rows.to_batches(_BATCH):
                columns = [batch.column(name).to_pylist() for name in batch.schema.names]
                for uri, size, version, status, stage in zip(*columns, strict=True):
                    yield uri, (age, size, version or "", status, stage or "")


def is_done(listed: Recording | Unscannable, done: Done, retry_failed: bool) -> bool:
    """Whether a file can be skipped: it is unchanged, and it was scanned or is not to be retried."""
    recording = listed if isinstance(listed, Recording) else listed.recording
    if (recording.bytes, recording.version) != (done.bytes, done.version) or done.stage == DELETED:
        return False
    if isinstance(listed, Unscannable):
        return done.status == "ok" or (done.status == listed.status and not retry_failed)
    return done.status == "ok" or (done.status in ("partial", "failed") and not retry_failed)


def was_deleted(uri: str) -> bool:
    """Whether a file certainly no longer exists. A store that does not answer, or refuses, proves nothing."""
    try:
        place, path = place_of(uri)
        place.fs.info(path)
    except FileNotFoundError:
        return True
    except Exception:  # stores have many error classes of their own
        return False
    return False


@dataclasses.dataclass
class SkipDone(beam.PTransform):
    """Leaves out of a listing what was scanned before, and reports what was scanned and has been deleted.

    Takes ``(recordings, unscannable)``, as ``ListRecordings`` returns them, and returns the same two without what is
    done. A file that was scanned, lies under one of the roots and no longer exists becomes an Unscannable of stage
    ``deleted``, so that its rows are superseded.

    Args:
        shards: (age, URL) of every shard of the table ``recordings`` that is to be considered.
        roots: URIs of the folders that are listed, each with a slash at its end.
        retry_failed: Whether files that failed or are partial are scanned again.
    """

    shards: list[tuple[int, str]]
    roots: tuple[str, ...]
    retry_failed: bool = False

    def expand(self, listed: Any) -> Any:
        """Adds the steps to the graph."""
        by_uri = listed | "Listed" >> beam.Flatten() | "ListedByUri" >> beam.Map(_by_uri)
        done = by_uri.pipeline | "Shards" >> beam.Create(self.shards) | "ReadDone" >> beam.FlatMap(read_done)
        return (
            {"listed": by_uri, "done": done}
            | "JoinByUri" >> beam.CoGroupByKey()
            | "KeepNew" >> beam.FlatMap(_keep_new, self.roots, self.retry_failed)
            | "SplitNew" >> beam.Partition(_is_unscannable, 2)  # type: ignore[arg-type]  # it takes any callable
        )


def _is_unscannable(row: Recording | Unscannable, _: int) -> int:
    return int(isinstance(row, Unscannable))


def _by_uri(row: Recording | Unscannable) -> tuple[str, Recording | Unscannable]:
    return (row if isinstance(row, Recording) else row.recording).uri, row


def _keep_new(
    item: tuple[str, dict[str, Iterable]], roots: tuple[str, ...], retry_failed: bool
) -> Iterator[Recording | Unscannable]:
    uri, joined = item
    newest = max((Done(*row) for row in joined["done"]), key=lambda done: done.age, default=None)
    listed = list(joined["listed"])
    if listed:
        if newest is not None and is_done(listed[0], newest, retry_failed):
            count("recordings_done_before")
        else:
            yield listed[0]
    elif newest is not None and newest.stage != DELETED and uri.startswith(roots) and was_deleted(uri):
        count("recordings_gone")
        error = "no longer there: deleted or moved since it was scanned"
        yield Unscannable(Recording(uri, 0, ""), "skipped", DELETED, error)

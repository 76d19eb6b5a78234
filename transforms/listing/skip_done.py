"""Leaves out what was scanned before: joins the rows of the table ``recordings`` with what is listed now."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
import pyarrow.parquet as pq

from soundbeam.model.storage.files import open_file, place_of
from soundbeam.model.storage.place import Unreadable, has_wildcard
from soundbeam.transforms.counters import count
from soundbeam.transforms.records import DELETED, LISTED_AGAIN, Recording, Stage, Status, Unscannable


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


def read_done(shard: tuple[int, str]) -> Iterator[tuple[str, DoneRow]]:
    """The rows of one shard, (age, URL), of the table ``recordings``: the URI and the values of a Done, each."""
    age, url = shard
    with open_file(url) as file:
        for batch in pq.ParquetFile(file).iter_batches(columns=["recording", "bytes", "version", "status", "stage"]):
            columns = [batch.column(name).to_pylist() for name in batch.schema.names]
            for uri, size, version, status, stage in zip(*columns, strict=True):
                yield uri, (age, size, version or "", status, stage or "")


def is_done(listed: Recording | Unscannable, done: Done, retry_failed: bool) -> bool:
    """Whether a file can be skipped: it is unchanged, and it was scanned or is not to be retried.

    It is always retried if the reason lay in the place: it could not be listed or read, and now it is listed.
    """
    recording = listed if isinstance(listed, Recording) else listed.recording
    if (recording.bytes, recording.version) != (done.bytes, done.version) or done.stage == DELETED:
        return False
    if isinstance(listed, Unscannable):
        return done.status == "ok" or (done.status == listed.status and not retry_failed)
    retry = retry_failed or done.stage in ("list", "read")
    return done.status == "ok" or (done.status in ("partial", "failed") and not retry)


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


def can_be_listed(uri: str) -> bool:
    """Whether there is a folder of this name, or a glob with matches, that can be read."""
    try:
        place, path = place_of(uri)
        try:
            entries = place.entries(path) if place.fs.info(path).get("type") == "directory" else iter(())
            return not isinstance(next(entries, None), Unreadable) and place.fs.isdir(path)
        except FileNotFoundError:
            return has_wildcard(path) and not isinstance(next(place.glob(path)[1], Unreadable("", "")), Unreadable)
    except Exception:  # stores have many error classes of their own
        return False


@dataclasses.dataclass
class SkipDone(beam.PTransform):
    """Leaves out of a listing what was scanned before, and reports what was scanned and has been deleted.

    Takes ``(recordings, unscannable)``, as ``ListRecordings`` returns them, and returns the same two without what is
    done. A file that was scanned, lies under one of the roots and no longer exists becomes an Unscannable of stage
    ``deleted``, so that its rows are superseded; so does a folder, list or pattern that could not be read then and
    can be read now.

    Args:
        shards: (age, URL) of every shard of the table ``recordings`` that is to be considered.
        roots: URIs of the folders that are listed, each with a slash at its end, and of the lists.
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
    elif newest is None or newest.stage == DELETED:
        return
    elif newest.stage == "list" and newest.status == "failed" and (uri in roots or can_be_listed(uri)):
        yield Unscannable(Recording(uri, 0, ""), "skipped", DELETED, LISTED_AGAIN)
    elif uri.startswith(tuple(root for root in roots if root.endswith("/"))) and was_deleted(uri):
        count("recordings_gone")
        error = "no longer there: deleted or moved since it was scanned"
        yield Unscannable(Recording(uri, 0, ""), "skipped", DELETED, error)

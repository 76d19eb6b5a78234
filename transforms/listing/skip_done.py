"""Leaves out what was scanned before: joins the rows of the table ``recordings`` with what is listed now."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam

from soundbeam.model.storage.content import content_hash
from soundbeam.model.storage.files import place_of
from soundbeam.model.storage.parquet import open_parquet, read_rows
from soundbeam.model.storage.place import Unreadable, has_wildcard
from soundbeam.transforms.counters import count
from soundbeam.transforms.packs import hash_of, pack, packed_in_parts, unpack, unpack_all
from soundbeam.transforms.records import (
    DELETED,
    LISTED_AGAIN,
    RENAMED,
    Recording,
    Stage,
    Status,
    Unscannable,
    recording_of,
)


@dataclasses.dataclass(frozen=True)
class Done:
    """How a file ended in an earlier scan.

    Attributes:
        age: Which scan the row comes from; 0 is the oldest.
        bytes, version: The size and version of the file at that time.
        status, stage: As in the table ``recordings``.
        content: As in the table ``recordings``; "" if unknown.
    """

    age: int
    bytes: int
    version: str
    status: Status
    stage: Stage
    content: str = ""


_COLUMNS = ("recording", "bytes", "version", "status", "stage", "content")
# The values of a Done, as they cross the shuffle: plain values are encoded several times as fast as an object.
DoneRow = tuple[int, int, str, str, str, str]
_BATCH = 1 << 16  # how many rows become Python's objects at once


def read_done(shard: tuple[int, str]) -> Iterator[tuple[str, DoneRow]]:
    """The rows of one shard, (age, URL), of the table ``recordings``: the URI and the values of a Done, each."""
    age, url = shard
    place, path = place_of(url)
    with open_parquet(place.fs, path) as parquet:
        # Earlier versions have no content.
        names = [name for name in _COLUMNS if name in parquet.schema_arrow.names]
        for group in range(parquet.num_row_groups):
            for batch in read_rows(parquet, names, group).to_batches(_BATCH):
                columns = [batch.column(name).to_pylist() for name in names]
                columns += [[""] * len(batch)] * (len(_COLUMNS) - len(names))
                for uri, size, version, status, stage, content in zip(*columns, strict=True):
                    yield uri, (age, size, version or "", status, stage or "", content or "")


def is_done(listed: Recording | Unscannable, done: Done, retry_failed: bool) -> bool:
    """Whether a file can be skipped: it is unchanged, and it was scanned or is not to be retried.

    It is always retried if the reason lay in the place: it could not be listed or read, and now it is listed.
    """
    recording = recording_of(listed)
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
    ``deleted``, so that its rows are superseded. So does a folder, list or pattern that could not be read then and can
    be read now, and a file that is listed under another name now, because its disk is mounted elsewhere or its folder
    is reached by a link: the new name is scanned.

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
        rows = listed | "Listed" >> beam.Flatten()
        done = rows.pipeline | "Shards" >> beam.Create(self.shards) | "ReadDone" >> beam.FlatMap(read_done)
        kept = (
            {
                "listed": packed_in_parts(rows, "ListedByUri", _uri),
                "done": packed_in_parts(done, "DoneByUri", _first),
            }
            | "JoinByUri" >> beam.CoGroupByKey()
            | "EachUri" >> beam.FlatMap(_each_uri)
            | "KeepNew"
            >> beam.ParDo(_KeepNew(self.roots, self.retry_failed)).with_outputs(_FIRST_SEEN, _KNOWN, main="new")
        )
        first_seen = kept[_FIRST_SEEN]
        # The ledger is long and what is new is short: only what may be the same goes through a shuffle.
        new = beam.pvalue.AsDict(first_seen | "Hashes" >> beam.Map(_hashed))
        known = packed_in_parts(kept[_KNOWN], "KnownBySizeAndTime", _first)
        renamed = (
            {
                "new": packed_in_parts(first_seen, "NewBySizeAndTime", _size_and_time),
                "known": known | "Candidates" >> beam.FlatMap(_candidates, new),
            }
            | "JoinBySizeAndTime" >> beam.CoGroupByKey()
            | "FindRenamed" >> beam.FlatMap(_renamed)
        )
        rows = (kept.new, renamed) | "NewAndRenamed" >> beam.Flatten()
        return rows | "SplitNew" >> beam.Partition(_is_unscannable, 2)  # type: ignore[arg-type]  # it takes any callable


_FIRST_SEEN, _KNOWN = "first_seen", "known"


def _uri(row: Recording | Unscannable) -> str:
    return recording_of(row).uri


def _first(row: tuple[str, Any]) -> str:
    return row[0]


def _size_and_time(recording: Recording) -> str:
    """What two names of one file have in common, and few other files."""
    return f"{recording.bytes} {recording.version}"


def _hashed(recording: Recording) -> tuple[int, bool]:
    return hash_of(_size_and_time(recording)), True


def _candidates(item: tuple[int, bytes], new: dict[int, bool]) -> Iterator[tuple[int, bytes]]:
    """The rows of a pack that may be of a file that is new; a hash that two have in common does no harm."""
    part, data = item
    rows = [row for row in unpack(data) if hash_of(row[0]) in new]
    if rows:
        yield part, pack(rows)


def _each_uri(item: tuple[int, dict[str, Iterable[bytes]]]) -> Iterator[tuple[str, dict[str, list[Any]]]]:
    """The rows of one part, listed and done, joined by URI."""
    by_uri: dict[str, dict[str, list[Any]]] = {}
    for row in unpack_all(item[1]["listed"]):
        by_uri.setdefault(_uri(row), {"listed": [], "done": []})["listed"].append(row)
    for uri, done in unpack_all(item[1]["done"]):
        by_uri.setdefault(uri, {"listed": [], "done": []})["done"].append(done)
    yield from by_uri.items()


def _renamed(item: tuple[int, dict[str, Iterable[bytes]]]) -> Iterator[Recording | Unscannable]:
    """Recordings that are listed for the first time, and a row for each name under which one was scanned before."""
    earlier: dict[str, dict[str, list[str]]] = {}  # size and time → content → names
    for key, (uri, content) in unpack_all(item[1]["known"]):
        earlier.setdefault(key, {}).setdefault(content, []).append(uri)
    for recording in unpack_all(item[1]["new"]):
        yield recording
        known = earlier.get(_size_and_time(recording))
        for uri in known.pop(content_hash(recording.uri), []) if known else []:
            count("recordings_renamed")
            error = f"{RENAMED} {recording.uri}, which replaces it"
            yield Unscannable(Recording(uri, 0, ""), "skipped", DELETED, error)


def _is_unscannable(row: Recording | Unscannable, _: int) -> int:
    return int(isinstance(row, Unscannable))


@beam.typehints.with_input_types(tuple[str, dict[str, Iterable[Any]]])
class _KeepNew(beam.DoFn):
    """Leaves out what is done; what no earlier scan knows, and what it knows and is not listed, are outputs apart."""

    def __init__(self, roots: tuple[str, ...], retry_failed: bool):
        self._roots, self._retry_failed = roots, retry_failed

    def process(self, item: tuple[str, dict[str, Iterable[Any]]]) -> Iterator[Any]:
        uri, joined = item
        newest = max((Done(*row) for row in joined["done"]), key=lambda done: done.age, default=None)
        if newest is not None and newest.stage == DELETED:
            newest = None
        listed = list(joined["listed"])
        if listed:
            if newest is None and isinstance(listed[0], Recording):
                yield beam.pvalue.TaggedOutput(_FIRST_SEEN, listed[0])
            elif newest is not None and is_done(listed[0], newest, self._retry_failed):
                count("recordings_done_before")
            else:
                yield listed[0]
        elif newest is None:
            return
        elif newest.stage == "list" and newest.status == "failed" and (uri in self._roots or can_be_listed(uri)):
            yield Unscannable(Recording(uri, 0, ""), "skipped", DELETED, LISTED_AGAIN)
        elif uri.startswith(tuple(root for root in self._roots if root.endswith("/"))) and was_deleted(uri):
            count("recordings_gone")
            error = "no longer there: deleted or moved since it was scanned"
            yield Unscannable(Recording(uri, 0, ""), "skipped", DELETED, error)
        elif newest.content:
            yield beam.pvalue.TaggedOutput(_KNOWN, (f"{newest.bytes} {newest.version}", (uri, newest.content)))

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
from soundbeam.transforms.records import DELETED, LISTED_AGAIN, RENAMED, Recording, Stage, Status, Unscannable


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
        by_uri = listed | "Listed" >> beam.Flatten() | "ListedByUri" >> beam.Map(_by_uri)
        done = by_uri.pipeline | "Shards" >> beam.Create(self.shards) | "ReadDone" >> beam.FlatMap(read_done)
        kept = (
            {"listed": by_uri, "done": done}
            | "JoinByUri" >> beam.CoGroupByKey()
            | "KeepNew"
            >> beam.ParDo(_KeepNew(self.roots, self.retry_failed)).with_outputs(_FIRST_SEEN, _KNOWN, main="new")
        )
        first_seen = kept[_FIRST_SEEN] | "BySizeAndTime" >> beam.Map(_by_size_and_time)
        # The ledger is long and what is new is short: only what may be the same goes through a shuffle.
        keys = beam.pvalue.AsDict(first_seen | "Keys" >> beam.Map(_key_only))
        candidates = kept[_KNOWN] | "Candidates" >> beam.Filter(_is_candidate, keys)
        renamed = (
            {"new": first_seen, "known": candidates}
            | "JoinBySizeAndTime" >> beam.CoGroupByKey()
            | "FindRenamed" >> beam.FlatMap(_renamed)
        )
        rows = (kept.new, renamed) | "NewAndRenamed" >> beam.Flatten()
        return rows | "SplitNew" >> beam.Partition(_is_unscannable, 2)  # type: ignore[arg-type]  # it takes any callable


_FIRST_SEEN, _KNOWN = "first_seen", "known"
# Size and version of a file: what two names of one file have in common, and few other files.
_Key = tuple[int, str]


def _by_size_and_time(recording: Recording) -> tuple[_Key, Recording]:
    return (recording.bytes, recording.version), recording


def _key_only(keyed: tuple[_Key, Recording]) -> tuple[_Key, bool]:
    return keyed[0], True


def _is_candidate(known: tuple[_Key, tuple[str, str]], keys: dict[_Key, bool]) -> bool:
    return known[0] in keys


def _renamed(item: tuple[_Key, dict[str, Iterable]]) -> Iterator[Recording | Unscannable]:
    """Recordings that are listed for the first time, and a row for each name under which one was scanned before."""
    _, joined = item
    known = list(joined["known"])
    earlier: dict[str, list[str]] = {}
    for uri, content in known:
        earlier.setdefault(content, []).append(uri)
    for recording in joined["new"]:
        yield recording
        for uri in earlier.pop(content_hash(recording.uri), []) if known else []:
            count("recordings_renamed")
            error = f"{RENAMED} {recording.uri}, which replaces it"
            yield Unscannable(Recording(uri, 0, ""), "skipped", DELETED, error)


def _is_unscannable(row: Recording | Unscannable, _: int) -> int:
    return int(isinstance(row, Unscannable))


def _by_uri(row: Recording | Unscannable) -> tuple[str, Recording | Unscannable]:
    return (row if isinstance(row, Recording) else row.recording).uri, row


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
            yield beam.pvalue.TaggedOutput(_KNOWN, ((newest.bytes, newest.version), (uri, newest.content)))

"""Leaves out what was scanned before: joins the rows of the table ``recordings`` with what is listed now."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam

from soundbeam.model.storage.content import content_hash
from soundbeam.transforms.counters import count
from soundbeam.transforms.listing.ledger import Done, is_done, read_done, superseded
from soundbeam.transforms.packs import hash_of, pack, packed_in_parts, unpack, unpack_all
from soundbeam.transforms.records import DELETED, LISTED_AGAIN, RENAMED, Recording, Unscannable, recording_of


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
        newest = max((Done.of_row(row) for row in joined["done"]), key=lambda done: done.age, default=None)
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
        elif (row := superseded(uri, newest, self._roots)) is not None:
            if row.error != LISTED_AGAIN:
                count("recordings_gone")
            yield row
        elif newest.content:
            yield beam.pvalue.TaggedOutput(_KNOWN, (f"{newest.bytes} {newest.version}", (uri, newest.content)))

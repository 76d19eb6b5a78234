"""Leaves out what was scanned before: joins the rows of the table ``recordings`` with what is listed now."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam

from soundbeam.model.storage.content import content_hash
from soundbeam.transforms.counters import count
from soundbeam.transforms.listing.ledger import Done, is_done, read_done, superseded
from soundbeam.transforms.records import DELETED, LISTED_AGAIN, RENAMED, Recording, Unscannable


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
            yield beam.pvalue.TaggedOutput(_KNOWN, ((newest.bytes, newest.version), (uri, newest.content)))

"""Lists recordings: files, globs, folders and lists of these, on any file system that fsspec supports."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import apache_beam as beam

from soundbeam.model.storage.stores import one_line
from soundbeam.transforms.counters import count
from soundbeam.transforms.listing.entry_rows import Row, row_of_nothing
from soundbeam.transforms.listing.left_out import Told
from soundbeam.transforms.listing.patterns import list_recordings
from soundbeam.transforms.packs import packed_in_parts, unpack_all
from soundbeam.transforms.records import Recording, Unscannable, recording_of


@dataclasses.dataclass
class ListRecordings(beam.PTransform):
    """Lists the recordings that patterns name, each file once.

    Applied to the pipeline it lists ``patterns``; applied to a PCollection of strings, it lists those. A file that one
    pattern takes and another skips is taken. One worker lists a whole pattern, so the steps that follow have to
    distribute the files.

    Args:
        patterns: The patterns, as for ``list_recordings``.

    Returns:
        A dict of ``recordings``, ``unscannable``, and ``told``: the numbers of `Told`, to be added up by name.
    """

    patterns: Sequence[str] = ()

    def expand(self, begin_or_patterns: Any) -> dict[str, beam.PCollection]:
        """Patterns → rows → one row per file → recordings, and the rest."""
        if isinstance(begin_or_patterns, beam.pvalue.PBegin):
            # As bytes, because the coder of strings refuses an argument that is not UTF-8.
            raw = [p.encode("utf-8", "surrogateescape") for p in self.patterns]
            patterns = begin_or_patterns | "Patterns" >> beam.Create(raw, reshuffle=len(raw) > 1)
        else:
            patterns = begin_or_patterns | "AsBytes" >> beam.Map(lambda p: p.encode("utf-8")).with_output_types(bytes)
        rows, told = patterns | "ListPattern" >> beam.ParDo(_ListPattern()).with_outputs("told", main="rows")
        if len(self.patterns) != 1 or self.patterns[0].startswith("@"):  # a single pattern names no file twice
            rows = (
                packed_in_parts(rows, "PartsByUri", _uri)
                | "GroupByUri" >> beam.GroupByKey()
                | "TakeOnce" >> beam.FlatMap(_each_once).with_output_types(Row)
            )
        split = rows | "Split" >> beam.ParDo(_Split()).with_outputs("unscannable", main="recordings")
        return {"recordings": split.recordings, "unscannable": split.unscannable, "told": told}


@beam.typehints.with_input_types(bytes)
@beam.typehints.with_output_types(Row, told=tuple[str, int])
class _ListPattern(beam.DoFn):
    """Lists a pattern. What breaks off a listing costs no other pattern its rows."""

    def process(self, raw: bytes) -> Iterator[Any]:
        pattern, told = raw.decode("utf-8", "surrogateescape"), Told()
        rows = list_recordings(pattern, told)
        while True:
            try:
                row = next(rows, None)
            except Exception as e:  # a store or a file system may answer anything
                count("list_broken")
                row = row_of_nothing(pattern.removeprefix("@"), f"the listing broke off: {one_line(e)}")
                rows = iter(())
            if row is None:
                break
            yield row
        for number in told.numbers():
            yield beam.pvalue.TaggedOutput("told", number)


def _uri(row: Row) -> str:
    return recording_of(row).uri


def _each_once(item: tuple[int, Iterable[bytes]]) -> Iterator[Row]:
    by_uri: dict[str, list[Row]] = {}
    for row in unpack_all(item[1]):
        by_uri.setdefault(_uri(row), []).append(row)
    yield from (_take_once(rows) for rows in by_uri.values())


def _take_once(rows: list[Row]) -> Row:
    """Chooses one of the rows of a file, whatever their order: a recording if there is one."""
    recordings = [row for row in rows if isinstance(row, Recording)]
    if recordings:
        return max(recordings, key=lambda r: (r.version, r.bytes))
    return min((row for row in rows if isinstance(row, Unscannable)), key=lambda r: (r.status, r.error))


@beam.typehints.with_input_types(Row)
@beam.typehints.with_output_types(Recording, unscannable=Unscannable)
class _Split(beam.DoFn):
    """Sends recordings to the main output and the rest to ``unscannable``."""

    def process(self, row: Row) -> Iterator[Any]:
        if isinstance(row, Recording):
            count("recordings_listed")
            count("bytes_listed", row.bytes)
            yield row
        else:
            count(f"list_{row.status}")
            yield beam.pvalue.TaggedOutput("unscannable", row)

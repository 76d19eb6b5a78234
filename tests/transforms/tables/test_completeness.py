"""The pipeline's own count of files, and the check that none was lost or doubled."""

import apache_beam as beam
import pytest
from apache_beam.testing.util import assert_that, equal_to

from soundbeam.model.errors import SoundbeamError
from soundbeam.transforms.records import DELETED, Recording, Unscannable
from soundbeam.transforms.tables.completeness import CountFiles, FileCounts
from soundbeam.transforms.tables.schemas import Shard


def test_files_are_counted_by_point_and_kind():
    recordings = [Recording(f"r{i}", 1, "") for i in range(5)]
    others = [Unscannable(Recording("x", 0, ""), "failed", "list", "e")]
    gone = [Unscannable(Recording("y", 0, ""), "skipped", DELETED, "e")]
    with beam.Pipeline(runner="FnApiRunner") as p:
        listed, unscannable = p | "R" >> beam.Create(recordings), p | "U" >> beam.Create(others)
        kept = p | "K" >> beam.Create(recordings[:2]), p | "G" >> beam.Create(others + gone)
        numbers = {"listed": (listed, unscannable), "kept": kept} | CountFiles()
        assert_that(numbers, equal_to([("listed taken", 6), ("kept taken", 3), ("kept gone", 1)]))


def test_file_counts_follow_from_the_numbers_at_the_points():
    counts = FileCounts.from_points(
        {"listed taken": 10, "new taken": 7, "new gone": 2, "kept taken": 4, "kept gone": 2, "kept renamed": 1,
         "not chosen: since": 2, "not chosen: hours": 1}
    )  # fmt: skip
    assert counts == FileCounts(
        listed=10, done_before=3, not_chosen={"since": 2, "hours": 1}, gone=2, renamed=1, rows=7
    )
    assert FileCounts.from_points({}) == FileCounts(0, 0, {}, 0, 0, 0)


def test_a_file_that_was_neither_left_out_nor_kept_is_lost_work():
    counts = FileCounts.from_points({"listed taken": 3, "new taken": 3, "kept taken": 1, "not chosen: hours": 1})
    assert counts.lost == 1
    with pytest.raises(SoundbeamError, match="2 files were to be scanned and 1 rows came out"):
        counts.check_rows([Shard("recordings", "a", 1)])


@pytest.mark.parametrize("rows", [0, 5, 7])
def test_rows_lost_or_doubled_are_an_error(rows):
    counts = FileCounts.from_points({"listed taken": 6, "new taken": 6, "kept taken": 6})
    counts.check_rows([Shard("recordings", "a", 2), Shard("recordings", "b", 4), Shard("calls", "a", 9)])
    with pytest.raises(SoundbeamError, match=f"6 files were to be scanned and {rows} rows came out"):
        counts.check_rows([Shard("recordings", "a", rows)] if rows else [])

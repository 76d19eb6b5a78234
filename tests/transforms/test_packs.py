"""Packs: no row is lost, doubled or put into another part, whatever their number and size."""

import collections

import apache_beam as beam
import pytest
from apache_beam.testing.test_pipeline import TestPipeline as PipelineOfTest
from apache_beam.testing.util import assert_that
from hypothesis import given
from hypothesis import strategies as st

from soundbeam.transforms import packs
from soundbeam.transforms.records import Range, Recording, Unscannable

MB = 1 << 20


def recordings(n, size=1000):
    return [Recording(f"file:///site{i % 7}/{i:06d}.wav", size, f"v{i}") for i in range(n)]


@given(st.lists(st.one_of(st.integers(), st.text(), st.tuples(st.text(), st.binary()))))
def test_a_pack_gives_back_its_rows(rows):
    assert packs.unpack(packs.pack(rows)) == rows


def through(monkeypatch, rows, alone=4, most=3):
    """The packs that one bundle of rows becomes."""
    monkeypatch.setattr(packs, "_ALONE", alone)
    monkeypatch.setattr(packs, "_MOST_ROWS", most)
    step = packs._Pack()
    step.start_bundle()
    made = [data for row in rows for data in step.process(row)]
    return [packs.unpack(data) for data in [*made, *(w.value for w in step.finish_bundle())]]


@pytest.mark.parametrize("n", [0, 1, 3, 4, 5, 40])
def test_the_first_recordings_go_alone_and_later_ones_together(monkeypatch, n):
    rows = recordings(n)
    made = through(monkeypatch, rows)
    assert [row for part in made for row in part] == rows
    assert [len(part) for part in made[:3]] == [1] * min(n, 3)
    assert max(map(len, made), default=0) <= 3
    assert n < 40 or max(map(len, made)) == 3


def test_a_pack_is_no_more_work_than_a_long_recording(monkeypatch):
    rows = recordings(50, 200 * MB)
    assert all(len(part) == 1 for part in through(monkeypatch, rows, alone=1))
    halves = [Range(Recording("file:///day.wav", 400 * MB, ""), i, 4) for i in range(4)]
    assert [len(part) for part in through(monkeypatch, halves, alone=1)] == [2, 2]


def test_spreading_keeps_every_row_once(monkeypatch):
    monkeypatch.setattr(packs, "_ALONE", 10)
    odd = Unscannable(Recording("file:///broken.wav", 0, ""), "failed", "list", "empty")
    rows = [*recordings(300), odd, Range(Recording("file:///day.wav", 9, ""), 0, 2)]

    def same(spread):
        assert collections.Counter(spread) == collections.Counter(rows)

    with PipelineOfTest() as pipeline:
        assert_that(packs.spread(pipeline | beam.Create(rows, reshuffle=False), "Spread", object), same)


def test_rows_of_one_key_meet_in_one_part():
    rows = [(f"key{i % 50}", i) for i in range(5000)]

    def joined(parts):
        where = collections.defaultdict(set)
        for part, data in parts:
            for key, _ in packs.unpack(data):
                where[key].add(part)
        assert all(len(parts) == 1 for parts in where.values()) and len(where) == 50
        assert sorted(row for _, data in parts for row in packs.unpack(data)) == sorted(rows)

    with PipelineOfTest() as pipeline:
        assert_that(packs.packed_in_parts(pipeline | beam.Create(rows), "Parts", lambda row: row[0]), joined)

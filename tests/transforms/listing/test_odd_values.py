"""Odd names, times and sizes, as damaged disks and odd stores give them: no row is lost, and no other row changes."""

import math
import os
from datetime import datetime, timezone

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.testing.util import assert_that, equal_to
from fsspec.implementations.local import LocalFileSystem
from hypothesis import given, settings
from hypothesis import strategies as st

from soundbeam.model.storage.files import is_local, local_path, modified_of, size_of, version_of
from soundbeam.model.storage.place import Place, below
from soundbeam.model.storage.stores import printable
from soundbeam.transforms.listing.chosen_times import ChosenTimes
from soundbeam.transforms.listing.describe_recordings import DescribeRecordings, describe, recorded_at
from soundbeam.transforms.listing.list_recordings import ListRecordings
from soundbeam.transforms.listing.patterns import list_recordings
from soundbeam.transforms.listing.times_in_names import Conventions, from_name, from_pattern
from soundbeam.transforms.records import Recording, Unscannable

# What a store may say of a size or a time; with a table's own limits among it.
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.binary(max_size=5),
    st.datetimes(),
    st.datetimes(timezones=st.timezones()),
    st.sampled_from([-1, -(2.0**40), 2**63, 910692730085, 1e300, math.nan, math.inf, datetime.min, datetime.max]),
)
KEYS = ("mtime", "LastModified", "last_modified", "updated", "modified", "created", "ETag", "etag", "size")


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=30).filter(lambda name: b"\0" not in name), st.booleans())
def test_the_uri_of_any_path_opens_that_path_and_no_other(name, literal):
    path = os.path.normpath(os.fsdecode(b"/" + (name + b"%25%FF" if literal else name).lstrip(b"/")))
    uri = Place(LocalFileSystem()).uri(path)
    assert local_path(uri) == path and printable(uri) == uri
    assert uri.startswith(("file:///", "file://localhost/")) and is_local(uri)
    # Whatever the percent signs of another name, it has another URI.
    assert Place(LocalFileSystem()).uri(f"/{uri}") != uri
    assert below(uri, "file:///") is None and below(f"{uri}/x", Place(LocalFileSystem()).uri(path)) == "x"


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), ODD))
def test_whatever_a_store_says_of_a_file_fits_into_a_row(info):
    size, modified, version = size_of(info), modified_of(info), version_of(info)
    assert 0 <= size <= 2**53 and isinstance(version, str)
    assert modified is None or modified.tzinfo is timezone.utc
    pa.array([size], pa.int64()), pa.array([modified], pa.timestamp("us", tz="UTC"))


@pytest.mark.parametrize("when", [910692730085, -1e18, math.inf, -math.inf, 2**70, datetime.max])
def test_a_time_in_no_calendar_is_none_and_still_tells_versions_apart(when):
    assert modified_of({"mtime": when}) is None or when == datetime.max
    assert version_of({"mtime": when}) == version_of({"mtime": when}) != version_of({"mtime": 5})


def test_a_time_before_1970_is_one():
    assert modified_of({"mtime": -86400}) == datetime(1969, 12, 31, tzinfo=timezone.utc)


PATTERNS = ("*_%Y%m%d_%H%M%S", "%y%j%H*", "**/%Y/%m/%d/*", "%s", "%Y%m%d_%H%M%S%z", "*%d%m%y_%H%M%S.%f")


@settings(deadline=None, max_examples=300)
@given(
    st.from_regex(r"(REC_)?[0-9]{4,8}[_T-]?[0-9]{0,6}([+-][0-9]{4}|Z)?(\\.[a-z0-9]{1,4})?", fullmatch=True)
    | st.from_regex(r"[0-9]{4}/[0-9]{2}/[0-9]{2}/[0-9]{3}", fullmatch=True)
    | st.text(max_size=30),
    st.sampled_from(PATTERNS),
    st.sampled_from(["UTC", "+14:00", "-12:00", "Europe/Berlin", "Pacific/Apia"]),
    st.lists(st.datetimes() | st.datetimes(timezones=st.timezones()), max_size=2),
)
def test_no_name_pattern_zone_or_metadata_raises_or_gives_a_time_that_no_clock_shows(name, pattern, zone, times):
    uri = f"file:///{name}"
    when = recorded_at(uri, Conventions(pattern, zone, "{site}_*"), lambda _: times)
    assert when is None or (1900 <= when.year < 2200 and when.tzinfo is timezone.utc)
    describe(
        Recording(uri, 1, "", None), Conventions(pattern, zone, "{site}/*"), ChosenTimes(datetime.now(timezone.utc))
    )


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("REC_00000000_000000.WAV", "*_%Y%m%d_%H%M%S.wav"),
        ("REC_00010101_000000.WAV", "*_%Y%m%d_%H%M%S.wav"),
        ("REC_99991231_235959.WAV", "*_%Y%m%d_%H%M%S.wav"),
        ("2023366_000000.wav", "%Y%j_%H%M%S"),
        ("9999366_000000.wav", "%Y%j_%H%M%S"),
        ("0000001_000000.wav", "%Y%j_%H%M%S"),
        ("20240231_053000.wav", "%Y%m%d_%H%M%S"),
        ("19700101_000312.wav", "%Y%m%d_%H%M%S"),
        ("00000000_000000.wav", None),
        ("19700101_000312.wav", None),
        ("19700101T000312+1000.flac", None),
    ],
)
def test_a_clock_that_was_never_set_tells_no_time(name, pattern):
    assert recorded_at(f"file:///a/{name}", Conventions(pattern, "+10:00")) is None


def test_the_first_and_last_day_of_a_year_by_number():
    assert from_pattern("file:///2024366_01.wav", "%Y%j_%H") == datetime(2024, 12, 31, 1)
    assert from_pattern("file:///2023365_01.wav", "%Y%j_%H") == datetime(2023, 12, 31, 1)
    assert from_pattern("file:///2023000_01.wav", "%Y%j_%H") is None


class _Odd(LocalFileSystem):
    """Says odd things of files whose names ask for it."""

    def ls(self, path, detail=False, **kwargs):
        listed = super().ls(path, detail=detail, **kwargs)
        odd = {"nosize": {"size": None}, "negative": {"size": -5}, "nan": {"size": math.nan, "mtime": math.nan}}
        odd |= {"far": {"mtime": 910692730085}, "object": {"size": object(), "mtime": object(), "islink": object()}}
        return [{**e, **odd.get(os.path.basename(e["name"]).removesuffix(".wav"), {})} for e in listed]


def test_one_odd_entry_costs_no_other_its_row(tmp_path, monkeypatch):
    for name in ("a", "far", "nan", "negative", "nosize", "object", "z"):
        (tmp_path / f"{name}.wav").write_bytes(b"sound")
    monkeypatch.setattr("soundbeam.model.storage.files.LocalFileSystem", _Odd)
    rows = {row.uri.rpartition("/")[2]: row for row in list_recordings(str(tmp_path)) if isinstance(row, Recording)}
    assert set(rows) == {f"{name}.wav" for name in ("a", "far", "nan", "negative", "nosize", "object", "z")}
    assert (rows["a.wav"].bytes, rows["far.wav"].bytes, rows["negative.wav"].bytes) == (5, 5, 0)
    assert rows["far.wav"].modified is None and rows["far.wav"].version == "910692730085"


def test_a_file_that_cannot_be_described_at_all_is_a_row(tmp_path, monkeypatch):
    for name in ("a.wav", "bad.wav", "z.wav"):
        (tmp_path / name).write_bytes(b"sound")

    def broken(info):
        if "bad" in info["name"]:
            raise RuntimeError("nobody thought of this")
        return "v"

    monkeypatch.setattr("soundbeam.transforms.listing.entry_rows.version_of", broken)
    rows = list(list_recordings(str(tmp_path)))
    assert [isinstance(row, Unscannable) for row in rows] == [False, True, False]
    assert rows[1].status == "failed" and "nobody thought of this" in rows[1].error


def test_the_steps_keep_what_an_unforeseen_error_would_take(tmp_path, monkeypatch):
    (tmp_path / "a.wav").write_bytes(b"sound")
    (tmp_path / "list.txt").write_text("a.wav")

    def breaks(*_):
        raise RuntimeError("nobody thought of this")

    with monkeypatch.context() as patched:
        patched.setattr("soundbeam.transforms.listing.patterns._list_of_patterns", breaks)
        with beam.Pipeline("FnApiRunner") as pipeline:
            listed = pipeline | ListRecordings([f"@{tmp_path}/list.txt", f"{tmp_path}/a.wav"])
            assert_that(listed["recordings"] | beam.Map(lambda r: r.uri), equal_to([f"file://{tmp_path}/a.wav"]))
            errors = listed["unscannable"] | "Errors" >> beam.Map(lambda u: u.error)
            assert_that(errors, equal_to(["the listing broke off: nobody thought of this"]), label="Errors")
    with monkeypatch.context() as patched:
        patched.setattr("soundbeam.transforms.listing.describe_recordings.site_of", breaks)
        with beam.Pipeline("FnApiRunner") as pipeline:
            row = Recording("file:///20240131_053000.wav", 1, "")
            assert_that(
                pipeline | beam.Create([row]) | DescribeRecordings(Conventions()) | beam.Flatten(), equal_to([row])
            )
    assert from_name("file:///20240131_053000.wav") is not None

"""Local times, nights, days and hours, against loops over ``datetime`` and ``zoneinfo``."""

import itertools
import unicodedata
import zoneinfo
from datetime import date, datetime, timedelta, timezone

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundbeam.model.errors import SoundbeamError
from soundbeam.pipelines.local_time import Clocks, day_of, hour_of, night_of
from soundbeam.pipelines.places import deployments_of
from soundbeam.transforms.listing.deployments import Deployment, Deployments, read_deployments
from tests.pipelines.written_scan import result, write_scan

UTC = timezone.utc
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EVER = datetime(1900, 1, 1, tzinfo=UTC), datetime(2199, 1, 1, tzinfo=UTC)
# With half hours and quarters, changes by half an hour (Lord Howe), at odd hours (Azores) and of a whole day (Apia).
ZONES = ("Europe/Berlin", "America/Lima", "Australia/Lord_Howe", "Asia/Kathmandu", "Atlantic/Azores", "Pacific/Apia",
         "America/St_Johns", "Africa/Casablanca")  # fmt: skip


def utc_times(times):
    return pa.array(times, pa.timestamp("us", "UTC"))


def table_of(zones):
    return Deployments(tuple(Deployment(f"in {zone}", 0, 0, *EVER, zone) for zone in zones))


@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.datetimes(datetime(1900, 1, 1), datetime(2199, 12, 31))),
            st.sampled_from([*ZONES, None, "elsewhere"]),
        )
    )
)
@settings(max_examples=200, deadline=None)
def test_local_times_are_those_of_zoneinfo(rows):
    clocks = Clocks("+05:30", table_of(ZONES))
    sites = [zone and f"in {zone}" for _, zone in rows]
    local = clocks.local(
        utc_times([when and when.replace(tzinfo=UTC) for when, _ in rows]), pa.array(sites, pa.string())
    )
    assert local.type == pa.timestamp("us")
    for found, (when, zone) in zip(local.to_pylist(), rows, strict=True):
        here = zoneinfo.ZoneInfo(zone) if zone in ZONES else timezone(timedelta(hours=5, minutes=30))
        assert found == (when and when.replace(tzinfo=UTC).astimezone(here).replace(tzinfo=None))


def test_each_minute_around_the_changes_of_clocks_in_all_zones():
    """So that no zone has a day with two changes that cancel, or one within a minute of its end."""
    names = sorted(zoneinfo.available_timezones())
    rng = np.random.default_rng(1)
    for name in names:
        seconds = np.sort(rng.integers(-1_500_000_000, 6_000_000_000, 150))
        zone = zoneinfo.ZoneInfo(name)
        times = [EPOCH + timedelta(seconds=int(s)) for s in seconds]
        for before, after in itertools.pairwise(times):  # bisect to the change between two of them
            if before.astimezone(zone).utcoffset() != after.astimezone(zone).utcoffset():
                low, high = before, after
                while high - low > timedelta(seconds=1):
                    middle = low + (high - low) // 2
                    same = middle.astimezone(zone).utcoffset() == before.astimezone(zone).utcoffset()
                    low, high = (middle, high) if same else (low, middle)
                times = [*times, low, high, high - timedelta(microseconds=1), high + timedelta(minutes=1)]
        want = [when.astimezone(zone).replace(tzinfo=None) for when in times]
        assert Clocks(name).local(utc_times(times), pa.nulls(len(times), pa.string())).to_pylist() == want, name


@given(st.lists(st.one_of(st.none(), st.datetimes(datetime(1900, 1, 2), datetime(2199, 12, 31)))))
@settings(deadline=None)
def test_nights_days_and_hours(times):
    local = pa.array(times, pa.timestamp("us"))
    assert night_of(local).to_pylist() == [when and (when - timedelta(hours=12)).date() for when in times]
    assert day_of(local).to_pylist() == [when and when.date() for when in times]
    assert hour_of(pa.chunked_array([local])).to_pylist() == [when and when.hour for when in times]
    assert night_of(local).type == day_of(local).type == pa.date32() and hour_of(local).type == pa.int64()


def test_a_night_is_that_of_its_evening():
    times = [datetime(2024, 2, 1, 11, 59, 59, 999999), datetime(2024, 2, 1, 12)]
    assert night_of(pa.array(times, pa.timestamp("us"))).to_pylist() == [date(2024, 1, 31), date(2024, 2, 1)]


def test_a_million_recordings_take_seconds():
    rng = np.random.default_rng(0)
    micros = rng.integers(1_400_000_000, 1_800_000_000, 1_000_000) * 1_000_000
    sites = pa.array([f"in {zone}" for zone in ZONES]).take(pa.array(rng.integers(0, len(ZONES), len(micros))))
    local = Clocks("UTC", table_of(ZONES)).local(utc_times(micros), sites)
    for i in range(0, len(local), 10_007):
        zone = zoneinfo.ZoneInfo(sites[i].as_py().removeprefix("in "))
        assert local[i].as_py() == (EPOCH + timedelta(microseconds=int(micros[i]))).astimezone(zone).replace(
            tzinfo=None
        )


def test_the_instant_of_a_site():
    when = datetime(2024, 7, 1, 12, tzinfo=UTC)
    local = Clocks("UTC", table_of(["America/Lima"])).offset_at(when, "in America/Lima")
    assert local == when and local.utcoffset() == timedelta(hours=-5)
    assert Clocks("+02:00").offset_at(when, None).hour == 14
    with pytest.raises(SoundbeamError, match="no time zone 'Mars'"):
        Clocks("Mars")


def nfc(text):
    return unicodedata.normalize("NFC", text)


def written(folder, deployments=None, **more):
    return write_scan(folder, [result("file:///a.wav")], deployments=deployments, **more)


def test_a_scan_keeps_what_it_was_told(tmp_path):
    (tmp_path / "d.csv").write_text(
        "site,latitude,longitude,start,end,timezone,recorder\n"
        '"#1, ""wet""",-1.5,1e-05,2024-01-01,,America/Lima,\nB,2,3,,2024-05-01T06:30,,SM4-01\n'
    )
    told = read_deployments(str(tmp_path / "d.csv"), "{site}/*", "+02:00")
    out = written(tmp_path / "out", told, timezone="+02:00", site="{site}/*")
    kept = deployments_of(out)
    assert set(kept.rows) == set(told.rows) and kept.sha256 == told.sha256
    clocks = Clocks.of(out)
    assert [clocks.timezone_of(site) for site in ('#1, "wet"', "B", None)] == ["America/Lima", "+02:00", "+02:00"]
    (tmp_path / "new.csv").write_text("site,latitude,longitude,timezone\nB,2,3,Asia/Tokyo\n")
    new = deployments_of(out, str(tmp_path / "new.csv"))
    assert Clocks.of(out, new).timezone_of("B") == "Asia/Tokyo"


def test_without_deployments_there_are_none(tmp_path):
    out = written(tmp_path / "out", timezone="Asia/Tokyo")
    assert deployments_of(out) is None and Clocks.of(out).timezone_of("x") == "Asia/Tokyo"


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=("Cs", "Cc", "Z")), min_size=1).map(nfc).filter(str.strip),
            st.floats(-90, 90), st.floats(-180, 180),
            st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)),
            st.sampled_from(["", "Europe/Berlin", "+05:45"]), st.sampled_from(["", "#7", 'a "b", c']),
        ),
        min_size=1, unique_by=lambda row: row[0].casefold(),
    )
)  # fmt: skip
@settings(deadline=None)
def test_any_table_is_kept_as_it_is(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("kept") / "d.csv"
    made = []
    for site, latitude, longitude, start, zone, recorder in rows:
        begin = start.replace(tzinfo=UTC)
        made.append(Deployment(site, latitude, longitude, begin, begin + timedelta(days=9), zone, recorder))
    one = Deployments(tuple(made))
    path.write_text(one.to_csv(), encoding="utf-8", newline="")
    again = read_deployments(str(path), "{site}/*", "UTC")
    assert again.rows == one.rows

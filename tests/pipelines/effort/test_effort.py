"""``soundbeam effort`` against a loop over every second of every recording."""

import collections
import dataclasses
import math
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundbeam.model.errors import OptionError
from soundbeam.pipelines.effort import listened
from soundbeam.pipelines.effort.listened import effort
from soundbeam.transforms.listing.deployments import Deployment, Deployments
from tests.pipelines.written_scan import result, write_scan

UTC = timezone.utc
EVER = datetime(1900, 1, 1, tzinfo=UTC), datetime(2199, 1, 1, tzinfo=UTC)
ZONES = {"forest": "Europe/Berlin", "island": "Australia/Lord_Howe", "desert": "UTC", None: "America/St_Johns"}
DEPLOYMENTS = Deployments(tuple(Deployment(site, 1, 2, *EVER, zone) for site, zone in ZONES.items() if site))


def recording(name, at=None, seconds=60.0, site=None, status="ok", listened_s=None):
    """A recording's result; a failed one of unknown length has ``seconds=None``."""
    found = result(f"file:///{name}.wav", seconds if seconds is not None else 0.0, status=status, hop_s=1e5,
                   error="" if status == "ok" else "bad")  # fmt: skip
    of = dataclasses.replace(found.report.recording, recorded_at=at, site=site)
    report = dataclasses.replace(found.report, recording=of, duration_s=seconds, listened_s=listened_s)
    return dataclasses.replace(found, report=report)


def written(folder, recordings, **more):
    more = {"deployments": DEPLOYMENTS, "timezone": ZONES[None], "site": "{site}/*", **more}
    return write_scan(folder, recordings, **more)


def keys_of(by, site, local):
    """What a second at a local time belongs to, by plain datetime."""
    groups = {"site": site, "day": None, "night": None, "week": None, "hour": None}
    if local is not None:
        day = local.date()
        groups |= {"day": day, "night": (local - timedelta(hours=12)).date(), "hour": local.hour}
        groups["week"] = day - timedelta(days=day.weekday())
    return tuple(groups[name] for name in by)


def by_the_second(recordings, by):
    """The same as `effort`, second by second: all recordings have whole seconds and begin at one."""
    sums = collections.defaultdict(lambda: dict.fromkeys(("hours", "recordings", "ok", "partial", "failed"), 0))
    failed_hours = collections.defaultdict(float)
    for each in recordings:
        report = each.report
        site, at = report.recording.site, report.recording.recorded_at
        zone = ZoneInfo(ZONES[site])
        seconds = round(report.duration_s or 0)
        for second in range(max(seconds, 1)):
            local = at and (at + timedelta(seconds=second)).astimezone(zone).replace(tzinfo=None)
            row = sums[keys_of(by, site, local)]
            if second == 0:
                row["recordings"] += 1
                row[report.status] += 1
                if report.status == "failed" and report.duration_s is None:
                    failed_hours[keys_of(by, site, local)] = math.nan
            share = (report.listened_s if report.listened_s is not None else seconds) / seconds if seconds else 0
            if report.status == "failed":
                failed_hours[keys_of(by, site, local)] += 1 / 3600 if seconds else 0
            else:
                row["hours"] += share / 3600
    return {key: {**row, "failed_hours": failed_hours[key]} for key, row in sums.items()}


def compare(table, expected, by):
    found = {tuple(row[name] for name in by): row for row in table.to_pylist()}
    assert len(found) == len(table) and found.keys() == expected.keys()
    for key, row in expected.items():
        assert found[key]["hours"] == pytest.approx(row["hours"], abs=1e-9), key
        assert [found[key][n] for n in ("recordings", "ok", "partial", "failed")] == [
            row[n] for n in ("recordings", "ok", "partial", "failed")
        ]
        unknown = math.isnan(row["failed_hours"])
        assert found[key]["failed_hours"] == (None if unknown else pytest.approx(row["failed_hours"], abs=1e-9))


# Around what is hard: changes of clocks (of Lord Howe by half an hour), new year, midnight, noon.
HARD = [
    datetime(2024, 3, 31, 0, 59, 50), datetime(2024, 10, 27, 0, 40), datetime(2024, 10, 27, 1, 0),
    datetime(2024, 4, 6, 14, 50), datetime(2024, 10, 5, 15, 20), datetime(2023, 12, 31, 22, 59, 58),
    datetime(2024, 3, 10, 5, 29), datetime(2024, 11, 3, 4, 10), datetime(2024, 6, 1, 11, 59, 59),
]  # fmt: skip
TIMES = st.builds(
    lambda near, seconds: near.replace(tzinfo=UTC) + timedelta(seconds=seconds),
    st.sampled_from(HARD), st.integers(-7200, 7200),
)  # fmt: skip
RECORDINGS = st.lists(
    st.tuples(
        st.one_of(TIMES, st.none()), st.integers(1, 9000), st.sampled_from(list(ZONES)),
        st.sampled_from(["ok", "ok", "partial", "failed", "unknown"]), st.one_of(st.none(), st.floats(0, 1)),
    ),
    min_size=1, max_size=8,
)  # fmt: skip
BY = st.lists(st.sampled_from(list(listened.GROUPS)), unique=True)


@given(RECORDINGS, BY)
@settings(max_examples=40, deadline=None)
def test_hours_are_those_of_every_second(tmp_path_factory, rows, by):
    recordings = [
        recording(
            str(i), at, None if status == "unknown" else float(seconds), site,
            "failed" if status == "unknown" else status, None if share is None or status == "unknown" else share * seconds,
        )
        for i, (at, seconds, site, status, share) in enumerate(rows)
    ]  # fmt: skip
    out = written(tmp_path_factory.mktemp("effort"), recordings)
    compare(effort(out, by), by_the_second(recordings, by), by)


def test_a_night_in_which_the_clock_is_set_back_has_its_hour_twice(tmp_path):
    at = datetime(2024, 10, 26, 22, tzinfo=UTC)  # midnight in Berlin
    out = written(tmp_path / "out", [recording("a", at, 4 * 3600.0, "forest")])
    rows = effort(out, ["night", "hour"]).to_pylist()
    assert [(row["hour"], row["hours"]) for row in rows] == [(0, 1.0), (1, 1.0), (2, 2.0)]
    assert [row["recordings"] for row in rows] == [1, 0, 0]  # where it begins


def test_columns_and_order(tmp_path):
    at = datetime(2024, 6, 1, tzinfo=UTC)
    rows = [recording("a", at, site="forest"), recording("b", at), recording("c", None, site="desert"),
            recording("d", None, None, status="failed"), recording("e", at, site="desert", status="skipped")]  # fmt: skip
    table = effort(written(tmp_path / "out", rows))
    assert table.schema.names == [
        "site", "night", "hours", "recordings", "ok", "partial", "failed", "failed_hours"
    ]  # fmt: skip
    assert [str(field.type) for field in table.schema] == [
        "string", "date32[day]", "double", "int64", "int64", "int64", "int64", "double"
    ]  # fmt: skip
    assert table["site"].to_pylist() == ["desert", "forest", None, None]
    assert table["failed_hours"].to_pylist() == [0.0, 0.0, 0.0, None]
    (total,) = effort(tmp_path / "out", []).to_pylist()
    assert total == {"hours": 3 / 60, "recordings": 4, "ok": 3, "partial": 0, "failed": 1, "failed_hours": None}


def test_zones_given_now_replace_those_of_the_scan(tmp_path):
    out = written(tmp_path / "out", [recording("a", datetime(2024, 6, 1, 21, tzinfo=UTC), site="forest")])
    assert effort(out, ["hour"])["hour"].to_pylist() == [23]
    tokyo = Deployments((Deployment("forest", 1, 2, *EVER, "Asia/Tokyo"),))
    assert effort(out, ["hour"], tokyo)["hour"].to_pylist() == [6]


def test_groups_that_there_are_not(tmp_path):
    for by in (["month"], ["site", "site"], "site"):
        with pytest.raises(OptionError, match="by '"):
            effort(tmp_path, by)


def test_parts_do_not_matter(tmp_path, monkeypatch):
    rows = [recording(str(i), datetime(2024, 5, 1, i % 24, tzinfo=UTC), 5000.0 * i, "forest") for i in range(30)]
    out = written(tmp_path / "out", rows)
    whole = effort(out, ["day", "hour"])
    monkeypatch.setattr(listened, "_MOST_PIECES", 7)
    assert effort(out, ["day", "hour"]).drop_columns("hours") == whole.drop_columns("hours")
    assert sum(effort(out, ["hour"])["hours"].to_pylist()) == pytest.approx(sum(5000 * i for i in range(30)) / 3600)


def test_a_run_of_an_earlier_version_has_hours_too(tmp_path):
    """Which had no column listened_s."""
    import pyarrow.parquet as pq

    out = written(tmp_path / "out", [recording("a", datetime(2024, 6, 1, tzinfo=UTC), 1800.0)])
    (path,) = (tmp_path / "out").glob("recordings/*/*.parquet")
    table = pq.read_table(path, partitioning=None)
    pq.write_table(table.drop_columns(["listened_s"]), path)
    assert effort(out, [])["hours"].to_pylist() == [0.5]
    assert isinstance(effort(out), pa.Table)

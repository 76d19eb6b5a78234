"""What is odd about the times of recordings, where it is known what was done to them; and the program's lines."""

import csv
from datetime import datetime, timedelta, timezone

import pytest

import soundbeam
from soundbeam.pipelines.effort.problems import problems
from soundbeam.pipelines.effort.program import main
from soundbeam.transforms.listing.deployments import read_deployments
from tests.pipelines.effort.test_effort import recording, written

UTC = timezone.utc
NIGHT = datetime(2024, 6, 1, 18, tzinfo=UTC)


def nights(site, days=5, every=10, seconds=60.0, name="{site}/{at:%Y%m%d_%H%M%S}", first=NIGHT):
    """Recordings from 18 to 6 o'clock."""
    starts = [first + timedelta(days=day, minutes=minute) for day in range(days) for minute in range(0, 12 * 60, every)]
    return [recording(name.format(site=site, at=at, i=i), at, seconds, site) for i, at in enumerate(starts)]


def found(folder, recordings, deployments=None, **more):
    out = written(folder / "out", recordings, deployments=deployments, timezone="UTC", **more)
    return {problem.kind: problem for problem in problems(out)}


def start(result):
    return result.report.recording.recorded_at


def test_a_good_season_has_none(tmp_path):
    assert found(tmp_path, nights("A") + nights("B", every=30, seconds=1800.0)) == {}


def test_a_gap_is_told_with_its_site_and_local_time(tmp_path, capsys):
    rows = nights("forest", 12)
    gap = datetime(2024, 6, 7, 20, tzinfo=UTC), datetime(2024, 6, 7, 23, tzinfo=UTC)
    left = [r for r in rows if not gap[0] <= start(r) < gap[1]]
    out = written(tmp_path / "out", left + nights("desert", 12) + nights("island", 1))  # forest's clock is Berlin's
    (gaps,) = problems(out)
    assert (gaps.kind, gaps.count, gaps.sites) == ("gap", 1, {"forest": 1})
    assert gaps.examples == ("forest from 2024-06-07 21:51:00 to 2024-06-08 01:00:00 (3.1 h)",)
    assert main(["--output", out]) == 0
    assert (
        "gap: 1 times (forest 1) in which nothing was recorded although it usually was; e.g. forest from 2024-06-07"
        in (capsys.readouterr().out)
    )


def test_overlaps_and_equal_times(tmp_path):
    rows = nights("A")
    late = recording("A/late", start(rows[3]) + timedelta(seconds=30), 60.0, "A")
    twice = recording("A/copy", start(rows[9]), 60.0, "A")
    told = found(tmp_path, [twice, *rows, late, *nights("B")])
    assert told.keys() == {"overlap", "same time"}
    assert (told["overlap"].count, told["overlap"].sites) == (1, {"A": 1})
    assert told["overlap"].examples == ("file:///A/late.wav at 2024-06-01 18:30:30",)
    assert told["same time"].count == 1 and "2024-06-01 19:30:00" in told["same time"].examples[0]


def test_ends_that_touch_are_no_overlap_and_sites_do_not_meet(tmp_path):
    rows = nights("A", every=10, seconds=600.4) + nights("B", every=10, seconds=600.0)
    assert found(tmp_path, rows) == {}


def test_without_sites_folders_are_told_apart(tmp_path):
    rows = [r for site in ("x", "y") for r in nights(None, name=site + "/{at:%Y%m%d_%H%M%S}")]
    assert found(tmp_path, rows) == {}
    rows.append(recording("y/b", start(rows[-1]), 60.0, None))
    assert found(tmp_path, rows, **{"run": "20250101T000000Z-bbbbbb"})["same time"].sites == {"file:///y/": 1}


@pytest.mark.parametrize("began", [datetime(1980, 1, 1, 0, 5), datetime(2000, 1, 4, 3)])
def test_clocks_that_were_never_set(tmp_path, began):
    bad = [recording(f"A/{i}x", began.replace(tzinfo=UTC) + timedelta(minutes=i), 60.0, "A") for i in range(3)]
    bad.append(recording("A/19700101_000500", None, 60.0, "A"))
    told = found(tmp_path, [*nights("A"), *bad])
    assert told.keys() == {"clock never set"} and told["clock never set"].count == 4


def test_a_time_that_nothing_tells(tmp_path):
    told = found(
        tmp_path, [*nights("A"), recording("A/dawn", None, 5.0, "A"), recording("skip", None, status="skipped")]
    )
    assert told.keys() == {"time unknown"} and told["time unknown"].examples == ("file:///A/dawn.wav",)


def test_a_clock_that_was_set_back_shows_in_counted_names(tmp_path):
    rows = nights("A", 2, name="A/REC{i:04d}")
    back = nights("A", 2, name="A/REC{i:04d}", first=NIGHT - timedelta(days=40))
    renumbered = [recording(f"A/REC{len(rows) + i:04d}", start(r), 60.0, "A") for i, r in enumerate(back)]
    told = found(tmp_path, rows + renumbered)
    assert told["clock set back"].count == 1
    assert told["clock set back"].examples[0].startswith(f"file:///A/REC{len(rows):04d}.wav at 2024-04-22 18:00:00")
    # Names that hold their times, in decimal or hexadecimal digits, count nothing.
    (tmp_path / "2").mkdir()
    assert "clock set back" not in found(tmp_path / "2", nights("A", 2) + nights("A", 2, name="A/5E2A{i:04d}"))


def test_deployments(tmp_path, capsys):
    (tmp_path / "d.csv").write_text(
        "site,latitude,longitude,start,end\nA,1,2,2024-06-01,2024-06-03T18:05\nA,1,2,2024-06-05,\n"
        "lost,3,4,,\nempty,5,6,2030-01-01,\n"
    )
    deployments = read_deployments(str(tmp_path / "d.csv"), "{site}/*", "UTC")
    told = found(tmp_path, nights("A", 4) + nights("C", 1), deployments)
    # The third night but for its first recording, and the fourth until midnight.
    outside = [r for r in nights("A", 4)
               if datetime(2024, 6, 3, 18, 5, tzinfo=UTC) <= start(r) < datetime(2024, 6, 5, tzinfo=UTC)]  # fmt: skip
    assert told["outside"].count == len(outside) and told["no deployment"].sites == {"C": 72}
    assert told["no recording"].sites == {"lost": 1, "empty": 1}
    # A table that is given now says something else.
    (tmp_path / "new.csv").write_text("site,latitude,longitude\nA,1,2\nC,1,2\n")
    assert soundbeam.problems(tmp_path / "out", tmp_path / "new.csv") == []
    assert main(["--output", str(tmp_path / "out"), "--deployments", str(tmp_path / "new.csv")]) == 0
    assert "outside" not in capsys.readouterr().out


def test_the_table_on_the_terminal_and_as_csv(tmp_path, capsys):
    bad = recording("A/bad", NIGHT, None, "A", status="failed")
    out = written(tmp_path / "out", [*nights("A", 2), bad], timezone="UTC", deployments=None)
    assert main(["--output", out, "--by", "site, night", "--csv", str(tmp_path / "e.csv")]) == 0
    said = capsys.readouterr().out
    assert "2.40 h in 145 recordings (144 ok, 1 failed)" in said
    with open(tmp_path / "e.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(r["site"], r["night"], float(r["hours"]), r["failed"], r["failed_hours"]) for r in rows] == [
        ("A", "2024-06-01", pytest.approx(1.2), "1", ""), ("A", "2024-06-02", pytest.approx(1.2), "0", "0.0")
    ]  # fmt: skip
    assert main(["--output", out, "--by", "night"]) == 0
    assert "2024-06-02   1.20" in capsys.readouterr().out
    assert main(["--output", out, "--by", "night,hour"]) == 0
    with pytest.raises(SystemExit):
        main(["--output", out, "--by", "site,month"])
    assert "by 'month': there are site, day, night, week, hour" in capsys.readouterr().err
    assert main(["--output", str(tmp_path / "none")]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_from_python(tmp_path):
    out = written(tmp_path / "out", nights("A", 1), timezone="UTC", deployments=None)
    assert soundbeam.effort(out, by=["site"]).to_pylist()[0]["hours"] == pytest.approx(1.2)
    (tmp_path / "d.csv").write_text("site,latitude,longitude,timezone\nA,1,2,Asia/Tokyo\n")
    told = soundbeam.effort(out, by=["night"], deployments=tmp_path / "d.csv")["night"].to_pylist()
    assert [str(night) for night in told] == ["2024-06-01", "2024-06-02"]  # Tokyo's noon is at 3 by this clock

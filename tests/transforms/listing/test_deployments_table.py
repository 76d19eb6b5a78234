"""The table of deployments: what it says, and one line for what it cannot say."""

import hashlib
from datetime import datetime, timezone

import pytest

from soundbeam.model.errors import SoundbeamError
from soundbeam.transforms.listing.deployments import read_deployments

PLACE = "site,latitude,longitude"


def read(tmp_path, text, pattern="{site}/*", zone="UTC", encoding="utf-8"):
    (tmp_path / "d.csv").write_bytes(text.encode(encoding))
    return read_deployments(str(tmp_path / "d.csv"), pattern, zone)


def utc(*parts):
    return datetime(*parts, tzinfo=timezone.utc)


def test_a_day_begins_and_ends_in_the_zone_of_its_row(tmp_path):
    table = (
        f"{PLACE},end,start,timezone,recorder\nA,1,2,2024-05-01,2024-04-30,+10:00,x\nB,3,4,,2024-05-01T12:00:00Z,,y\n"
    )
    found = read(tmp_path, table, zone="-05:00")
    first = found.at("A", utc(2024, 4, 29, 14))
    assert (first.latitude, first.longitude) == (1, 2) and found.at("A", utc(2024, 5, 1, 13, 59)) == first
    assert found.at("A", utc(2024, 4, 29, 13, 59)) is None and found.at("A", utc(2024, 5, 1, 14)) is None
    assert found.at("B", utc(2024, 5, 1, 11, 59)) is None and found.at("B", utc(2199, 5, 1)).longitude == 4
    assert (
        found.at(None, utc(2024, 5, 1)) is None
        and found.at("B", None) is None
        and found.at("C", utc(2024, 5, 1)) is None
    )
    assert (found.timezone_of("A"), found.timezone_of("B"), found.timezone_of("C")) == ("+10:00", "", "")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_spreadsheets_of_all_kinds_say_the_same(tmp_path, encoding):
    one = read(tmp_path, f"{PLACE},start\nForêt,-1.5,2.25,2024-01-01\n")
    other = read(tmp_path, "Start;Site;Longitude;Latitude\r\n2024-01-01;Fore\u0302t;2,25;-1,5\r\n", encoding=encoding)
    assert one.sha256 == other.sha256 and other.at("Fore\u0302t", utc(2024, 2, 1)).latitude == -1.5
    assert read(tmp_path, f"{PLACE}\nForêt,-1.5,2.25\n").sha256 != one.sha256
    assert read(tmp_path, f"{PLACE},end\nForêt,-1.5,2.25,9999-12-31\n").at("Forêt", utc(2150, 1, 1))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("site,latitude\nA,1\n", "no column longitude"),
        (f"{PLACE}\n", "has no row"),
        (f"{PLACE}\n,1,2\n", "line 2: names no site"),
        (f"{PLACE}\nA,95,2\nB,96,2\n", "line 2: latitude 95 is not between -90 and 90 degrees; and 1 more such row"),
        (f"{PLACE}\nA,5,181\n", "longitude 181 is not between -180 and 180"),
        (f"{PLACE}\nA,52°31'N,13\n", "latitude \"52°31'N\" is no number; write degrees with decimals"),
        (f"{PLACE}\nA,,13\n", "latitude '' is no number"),
        (f"{PLACE}\nA,nan,13\n", "latitude 'nan' is no number"),
        (f"{PLACE}\nA,52,5,13,4\n", "5 values, but the first line names 3 columns"),
        (f'{PLACE}\nA,"1,5",2.5\n', "write all decimals alike"),
        (f"{PLACE},start\nA,1,2,31.01.2024\n", "line 2: start '31.01.2024' is not a date; write 2024-01-31"),
        (f"{PLACE},end\nA,1,2,2024-02-30\n", "line 2: end '2024-02-30' is not a date"),
        (f"{PLACE},start,end\nA,1,2,2024-02-02,2024-02-01\n", "start 2024-02-02 is not before end 2024-02-01"),
        (f"{PLACE},timezone\nA,1,2,Mars/Base\n", "line 2: no time zone 'Mars/Base'"),
        (f"{PLACE},timezone\nA,1,2,UTC\nA,1,2,\n", "lines 2 and 3: two deployments of 'A' overlap in time"),
        (f"{PLACE},start,end\nA,1,2,2024-05-01,\nA,1,2,2024-01-01,2024-05-01\n", "lines 2 and 3: two deployments"),
        (
            f"{PLACE},start,end,timezone\nA,1,2,,2024-01-01,UTC\nA,1,2,2024-01-02,,+01:00\n",
            "lines 2 and 3: two deployments of 'A' overlap",
        ),
        (
            f"{PLACE},start,end,timezone\nA,1,2,,2024-01-01,UTC\nA,1,2,2024-01-03,,+01:00\n",
            "lines 2 and 3: 'A' has two time zones",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_line(tmp_path, text, words):
    with pytest.raises(SoundbeamError) as e:
        read(tmp_path, text)
    assert words in str(e.value) and "d.csv" in str(e.value) and "\n" not in str(e.value)


def test_without_recorders_the_hash_is_that_of_earlier_versions(tmp_path):
    """So that their runs' settings stay what they are, and a new scan does not do all of it again."""
    table = read(tmp_path, f"{PLACE},start,end,timezone\nA,1.5,2,2024-01-01,2024-02-01,Europe/Berlin\n")
    row = '["A", 1.5, 2.0, "2023-12-31 23:00:00+00:00", "2024-02-01 23:00:00+00:00", "Europe/Berlin"]'
    assert table.sha256 == hashlib.sha256(row.encode()).hexdigest()
    other = read(tmp_path, f"{PLACE},start,end,timezone,recorder\nA,1.5,2,2024-01-01,2024-02-01,Europe/Berlin,S1\n")
    assert other.sha256 != table.sha256 and other.rows[0].recorder == "S1"

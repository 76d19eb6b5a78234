"""Sun and moon, against an almanac."""

import datetime
import zoneinfo

import pytest

from soundbeam.model.survey.sky import moonlight, sun_times

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")


def minutes(when, clock, zone):
    expected = datetime.datetime.fromisoformat(clock).replace(tzinfo=zone)
    return abs((when - expected).total_seconds()) / 60


def test_midsummer_in_berlin():
    rise, down = sun_times(52.52, 13.405, datetime.date(2024, 6, 21), BERLIN)
    assert minutes(rise, "2024-06-21 04:43", BERLIN) < 2 and minutes(down, "2024-06-21 21:33", BERLIN) < 2


def test_the_date_is_the_sites_own():
    zone = zoneinfo.ZoneInfo("Australia/Sydney")
    rise, down = sun_times(-33.87, 151.21, datetime.date(2024, 1, 15), zone)
    assert minutes(rise, "2024-01-15 06:00", zone) < 3 and minutes(down, "2024-01-15 20:09", zone) < 3


def test_polar_day_and_night():
    assert sun_times(78.2, 15.6, datetime.date(2024, 6, 21), BERLIN) == (None, None)
    assert sun_times(78.2, 15.6, datetime.date(2024, 12, 21), BERLIN) == (None, None)


@pytest.mark.parametrize(
    ("day", "lit"),
    [("2024-04-08", 0.0), ("2024-04-15", 0.5), ("2024-04-23", 1.0), ("2024-05-08", 0.0), ("2024-05-23", 1.0)],
)
def test_the_moon_by_the_almanac(day, lit):
    assert moonlight(datetime.date.fromisoformat(day)) == pytest.approx(lit, abs=0.12)

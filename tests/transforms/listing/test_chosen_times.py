"""Which recordings are wanted: hours of the local day across every change of the clocks, and dates that end."""

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundbeam.model.errors import SoundbeamError
from soundbeam.transforms.listing.chosen_times import HOURS, NO_TIME, SINCE, UNTIL, ChosenTimes, Hours, parse_end
from soundbeam.transforms.listing.describe_recordings import describe
from soundbeam.transforms.listing.times_in_names import Conventions
from soundbeam.transforms.records import DELETED, Recording, Unscannable
from tests.transforms.listing.test_times_in_names import MOTH, at, info, wav

UTC = timezone.utc
BERLIN = ZoneInfo("Europe/Berlin")


@given(st.integers(0, 23), st.integers(0, 59), st.integers(0, 24), st.integers(0, 59), st.datetimes())
def test_hours_are_those_between(start_h, start_m, end_h, end_m, local):
    if end_h == 24:
        end_m = 0
    start, end = start_h * 60 + start_m, end_h * 60 + end_m
    text = f"{start_h:02d}:{start_m:02d}-{end_h:02d}:{end_m:02d}"
    if start == end % 1440:
        with pytest.raises(SoundbeamError, match="no hours of the day"):
            Hours.parse(text)
        return
    wanted, minute = set(), start
    while minute != end % 1440:
        wanted.add(minute)
        minute = (minute + 1) % 1440
    assert Hours.parse(text).hold(local) == (local.hour * 60 + local.minute in wanted)


@pytest.mark.parametrize(
    "text", ["", "18", "18-", "18-25", "6pm-6am", "18-18", "24-0", "18:60-6", "-6", "18–06", "٦-٩"]
)
def test_what_are_no_hours(text):
    with pytest.raises(SoundbeamError, match="no hours of the day; write 18-06"):
        Hours.parse(text)


def test_the_hour_that_occurs_twice_is_wanted_twice_and_the_one_that_is_skipped_never():
    two = ChosenTimes(hours=Hours.parse("2-3"))
    autumn, spring = datetime(2024, 10, 27, tzinfo=UTC), datetime(2024, 3, 31, tzinfo=UTC)
    why = lambda when: two.why_not(when, None, BERLIN)  # noqa: E731
    assert [why(autumn + timedelta(minutes=m)) for m in (-1, 0, 59, 60, 119, 120)] == [HOURS, "", "", "", "", HOURS]
    assert {why(spring + timedelta(minutes=m)) for m in range(-60, 180)} == {HOURS}


def test_dates_and_what_has_no_time():
    chosen = ChosenTimes(datetime(2024, 1, 2, tzinfo=UTC), datetime(2024, 1, 3, tzinfo=UTC))
    on = lambda *parts: datetime(2024, 1, *parts, tzinfo=UTC)  # noqa: E731
    assert [chosen.why_not(when, None, UTC) for when in (on(1, 23), on(2), on(2, 23), on(3))] == [SINCE, "", "", UNTIL]
    assert [chosen.why_not(None, modified, UTC) for modified in (on(1), on(2), on(3), None)] == [SINCE, "", UNTIL, ""]
    night = ChosenTimes(hours=Hours.parse("18-06"))
    assert night.why_not(None, on(1, 20), UTC) == NO_TIME and night.why_not(on(1, 20), on(1, 12), UTC) == ""


def test_a_day_without_a_time_of_day_ends_with_it():
    assert parse_end("2024-03-31", BERLIN) == datetime(2024, 4, 1, tzinfo=BERLIN)
    assert parse_end("2024-03-31T12:00", BERLIN) == datetime(2024, 3, 31, 12, tzinfo=BERLIN)
    assert parse_end("9999-12-31", UTC) == datetime.max.replace(tzinfo=UTC)


def test_since_leaves_out_what_is_older(tmp_path):
    since = at()
    hour = timedelta(hours=1)
    keeps = lambda row: not isinstance(describe(row, Conventions(), ChosenTimes(since)), str)  # noqa: E731
    of = lambda name, modified: Recording(f"file://{tmp_path}/{name}", 1, "v", modified)  # noqa: E731
    assert keeps(of("20240131_053000.wav", since - hour)) and not keeps(of("20240131_052959.wav", since + hour))
    assert keeps(of("x.wav", since)) and not keeps(of("x.wav", since - hour)) and keeps(of("x.wav", None))
    (tmp_path / "20240131_050000.wav").write_bytes(wav(info(MOTH.format("UTC"))))
    assert keeps(of("20240131_050000.wav", None))
    assert not keeps(Unscannable(of("x.wav", since - hour), "failed", "list", ""))
    assert keeps(Unscannable(of("x.wav", since - hour), "skipped", DELETED, ""))

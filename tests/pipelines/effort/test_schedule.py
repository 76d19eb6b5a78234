"""Gaps of schedules, where it is known which recordings were taken out."""

import numpy as np
import pytest

from soundbeam.pipelines.effort.schedule import gaps_of

MINUTE = 60_000_000
HOUR, DAY = 60 * MINUTE, 1440 * MINUTE


def schedule(days, begin_h, end_h, every_min, jitter_s=0, drift_min=0.0, seed=0):
    """Starts, µs, from an hour to another of each day (over midnight where the end is above 24); it may follow the sun
    by some minutes a day."""
    rng = np.random.default_rng(seed)
    starts = [
        day * DAY + at + round(rng.uniform(-jitter_s, jitter_s) * 1e6)
        for day in range(days)
        for at in range(
            round((begin_h * 60 + day * drift_min) / every_min) * every_min * MINUTE,
            round((end_h * 60 - day * drift_min) / every_min) * every_min * MINUTE,
            every_min * MINUTE,
        )
    ]
    return np.array(starts) + 19_700 * DAY


def without(starts, first, end):
    """The starts without those of one stretch (µs from the first day's midnight)."""
    at = starts - 19_700 * DAY
    return starts[(at < first) | (at >= end)]


def gaps(starts, length_min):
    rng = np.random.default_rng(1)
    shuffled = rng.permutation(starts)
    return gaps_of(shuffled, np.full(len(starts), round(length_min * MINUTE)))


SCHEDULES = {
    "all day, without a pause": (dict(begin_h=0, end_h=24, every_min=10), 10),
    "all day, a minute of ten": (dict(begin_h=0, end_h=24, every_min=10), 1),
    "by night, over midnight": (dict(begin_h=18, end_h=30, every_min=5), 4.9),
    "dawn only": (dict(begin_h=4, end_h=8, every_min=20), 20),
    "twice a day": (dict(begin_h=6, end_h=19, every_min=720), 10),
    "a jitter of two seconds": (dict(begin_h=18, end_h=30, every_min=10, jitter_s=2), 1),
    "following the sun": (dict(begin_h=18, end_h=30, every_min=10, drift_min=1.3), 5),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_whole_schedule_has_no_gap(name):
    kind, length = SCHEDULES[name]
    assert gaps(schedule(60, **kind), length) == []


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("hours", [(24 * 20 + 19, 24 * 20 + 21), (24 * 30, 24 * 37), (24 * 10 + 4, 24 * 10 + 10.5)])
def test_what_was_taken_out_is_a_gap(name, hours):
    kind, length = SCHEDULES[name]
    whole = schedule(60, **kind)
    left = without(whole, *(h * HOUR for h in hours))
    if len(left) == len(whole):
        return assert_no_gap(left, length)
    before = left[left - 19_700 * DAY < hours[0] * HOUR][-1]
    after = left[left - 19_700 * DAY >= hours[1] * HOUR][0]
    assert gaps(left, length) == [(before + round(length * MINUTE), after)]


def assert_no_gap(starts, length):
    assert gaps(starts, length) == []


def test_one_recording_of_thousands_is_missed():
    whole = schedule(60, 0, 24, 10)
    left = np.delete(whole, 4000)
    assert gaps(left, 10) == [(whole[3999] + 10 * MINUTE, whole[4001])]


def test_a_recorder_that_listens_every_other_day():
    whole = np.concatenate([schedule(1, 18, 30, 10) + day * DAY for day in range(0, 60, 2)])
    assert gaps(whole, 1) == []
    left = without(whole, 20 * DAY, 22 * DAY)
    assert len(gaps(left, 1)) == 1


def test_a_trigger_has_no_schedule_within_a_night():
    rng = np.random.default_rng(0)
    starts = np.sort(np.concatenate([rng.uniform(18, 30, 40) * HOUR + day * DAY for day in range(30)])).astype(np.int64)
    assert gaps(starts, 0.1) == []
    left = starts[(starts < 10.5 * DAY) | (starts >= 12.5 * DAY)]
    (gap,) = gaps(left, 0.1)
    assert gap[0] < 11 * DAY < 12 * DAY < gap[1]


def test_of_one_night_a_gap_is_a_longer_interval():
    whole = schedule(1, 18, 30, 10)
    assert gaps(whole, 1) == [] and gaps(schedule(2, 18, 30, 10), 1) == []  # the day between two nights is none
    assert gaps(np.delete(whole, [5, 6]), 1) == [(whole[4] + MINUTE, whole[7])]


@pytest.mark.parametrize("n", [0, 1, 2])
def test_of_few_recordings_there_is_no_schedule(n):
    assert gaps(schedule(3, 0, 24, 60)[:n], 1) == []


def test_equal_times_are_no_schedule():
    assert gaps(np.full(5, 19_700 * DAY), 1) == []

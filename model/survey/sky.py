"""Sunrise, sunset and moon over a site, by the package astral."""

from __future__ import annotations

import datetime
from typing import NamedTuple

import numpy as np


class SunTimes(NamedTuple):
    """When the sun rises and sets on one date of the calendar, UTC; None where it does not."""

    sunrise: datetime.datetime | None
    sunset: datetime.datetime | None


def sun_times(latitude: float, longitude: float, day: datetime.date, zone: datetime.tzinfo) -> SunTimes:
    """Sunrise and sunset of a day.

    Args:
        latitude, longitude: Degrees, north and east positive.
        day: The date by the clocks of ``zone``.
        zone: The site's time zone.
    """
    from astral import LocationInfo
    from astral.sun import sunrise, sunset

    observer = LocationInfo("", "", "UTC", latitude, longitude).observer
    times: list[datetime.datetime | None] = []
    for event in (sunrise, sunset):
        try:
            times.append(event(observer, date=day, tzinfo=zone).astimezone(datetime.timezone.utc))
        except ValueError:  # the sun does not rise, or does not set, on that day
            times.append(None)
    return SunTimes(*times)


def moonlight(day: datetime.date) -> float:
    """The share of the moon's disc that is lit in the night after a day, 0 (new) to 1 (full), to about 0.05."""
    from astral import moon

    # astral counts the age of the moon in days of a 28th of a lunation.
    return float((1 - np.cos(2 * np.pi * moon.phase(day) / 28.0)) / 2)

"""Pictures of when a label was heard, with their data."""

from __future__ import annotations

import datetime

import numpy as np

from soundbeam.model.survey.sky import moonlight, sun_times
from soundbeam.model.survey.time_pictures import diel_curve, hour_heat_map, phenology
from soundbeam.pipelines.report.csv_links import csv_link
from soundbeam.pipelines.report.material import Material
from soundbeam.pipelines.report.page_pictures import RATE_HEADS, Picture, date_of, rate_rows
from soundbeam.transforms.listing.times_in_names import zone_of

_BY_NIGHT_UP_TO = 120  # nights; more are shown by week


def heat_map(material: Material, label: str, anchor: str) -> Picture:
    """Calls per hour by date and hour, with the sun and the moon.

    Args:
        material: What was gathered.
        label: Whose calls.
        anchor: The section's address, which the picture's name begins with.
    """
    first, days = _dates(material)
    effort, calls = material.effort, material.found.of(label)
    hours, numbers = np.zeros((24, days)), np.zeros((24, days), np.int64)
    date, since = material.groups_of_time(effort.day, effort.hour)
    np.add.at(hours, (since, date - first), effort.hours)
    date, since = material.groups_of_time(calls[:, 1], calls[:, 2])
    inside = (date >= first) & (date < first + days)
    np.add.at(numbers, (since[inside], date[inside] - first), calls[inside, 3])
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.where(hours > 0, numbers / hours, np.nan)
    sun, place = _sun(material, first, days)
    moon = np.array([moonlight(date_of(first + i)) for i in range(days)]) if sun is not None else None
    sky = f" Orange: sunrise and sunset at {place}; the strip above: how much of the moon is lit." if place else ""
    svg = hour_heat_map(material.name(label), date_of(first), rate, _start_hour(material), sun, moon, f"{anchor}-hours")
    rows = [
        (date_of(first + i), (h + _start_hour(material)) % 24, numbers[h, i], f"{hours[h, i]:.6g}", f"{rate[h, i]:.6g}")
        for i in range(days)
        for h in range(24)
        if hours[h, i] > 0
    ]
    heads = (material.unit, "hour", "calls", "hours", "calls_per_hour")
    return Picture(
        svg,
        f"Hour by {material.unit}",
        f"Calls per hour of effort, local time; blank where nothing was recorded.{sky}",
        csv_link(f"{anchor}-hour-by-{material.unit}.csv", heads, rows),
        wide=True,
    )


def _sun(material: Material, first: int, days: int) -> tuple[np.ndarray | None, str]:
    """Sunrise and sunset, hours after each day's or night's start, at the site with most effort of those whose
    place is known."""
    hours = np.bincount(material.effort.site, material.effort.hours, len(material.sites))
    placed = [i for i in np.argsort(-hours, kind="stable").tolist() if material.place(material.sites[i])]
    if not placed:
        return None, ""
    site = material.sites[placed[0]]
    where = material.place(site)
    assert where is not None
    zone = zone_of(material.clocks.timezone_of(site))
    times = np.full((2, days), np.nan)
    start = _start_hour(material)
    for i in range(days):
        day = date_of(first + i)
        rise_day = day + datetime.timedelta(days=1) if material.by_night else day
        events = (
            sun_times(where.latitude, where.longitude, rise_day, zone).sunrise,
            sun_times(where.latitude, where.longitude, day, zone).sunset,
        )
        for row, event in enumerate(events):
            if event is not None:
                local = material.clocks.offset_at(event, site).replace(tzinfo=None)
                since = (local - datetime.datetime.combine(day, datetime.time(start))).total_seconds() / 3600
                times[row, i] = since if 0 <= since <= 24 else np.nan
    return times, material.site_text(site)


def diel(material: Material, label: str, anchor: str) -> Picture:
    """Calls per hour of effort in each hour of the day.

    Args:
        material: What was gathered.
        label: Whose calls.
        anchor: The section's address, which the picture's name begins with.
    """
    found = material.rates(label, "hour", 24)
    start = _start_hour(material)
    keys = [str((start + hour) % 24) for hour in range(24)]
    return Picture(
        diel_curve(material.name(label), found, start, f"{anchor}-diel"),
        "Hours of the day",
        f"Calls per hour of effort, local time, with 90 % intervals over the {material.unit}s of each site. "
        "Bars: hours listened.",
        csv_link(f"{anchor}-diel.csv", ("hour", *RATE_HEADS), rate_rows(keys, found)),
    )


def season(material: Material, label: str, anchor: str) -> Picture:
    """Calls per hour of effort by day or night, and by week where there are many.

    Args:
        material: What was gathered.
        label: Whose calls.
        anchor: The section's address, which the picture's name begins with.
    """
    first, days = _dates(material)
    step = 1 if days <= _BY_NIGHT_UP_TO else 7
    if step == 7:  # weeks begin on Mondays
        monday = first - (first + 3) % 7
        first, days = monday, first - monday + days
    groups = -(-days // step)
    found = material.rates(label, "date", groups, first, step)
    starts = [date_of(first + step * i) for i in range(groups)]
    what = material.unit if step == 1 else "week"
    several = "" if len(material.sites) > 1 or step > 1 else " With one site, they are those of a Poisson count."
    return Picture(
        phenology(material.name(label), starts, step, found, what, f"{anchor}-season"),
        "Season",
        f"Calls per hour of effort by {what}, with 90 % intervals over sites.{several} Bars: hours listened.",
        csv_link(f"{anchor}-season.csv", (what, *RATE_HEADS), rate_rows([str(s) for s in starts], found)),
    )


def _start_hour(material: Material) -> int:
    return 12 if material.by_night else 0


def _dates(material: Material) -> tuple[int, int]:
    """The first day or night with effort, days since 1970, and how many there are up to the last."""
    dates, _ = material.groups_of_time(material.effort.day, material.effort.hour)
    return int(dates.min()), int(dates.max() - dates.min()) + 1

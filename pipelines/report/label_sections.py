"""The section of one label: when, where and how sure, with the data of each picture."""

from __future__ import annotations

import dataclasses
import datetime

import numpy as np

from soundbeam.model.survey.label_pictures import score_distribution
from soundbeam.model.survey.place_pictures import site_map, sites_side_by_side
from soundbeam.model.survey.rate_intervals import Rates, rates
from soundbeam.model.survey.sky import moonlight, sun_times
from soundbeam.model.survey.time_pictures import diel_curve, hour_heat_map, phenology
from soundbeam.pipelines.report.csv_links import CsvLink, csv_link
from soundbeam.pipelines.report.excerpts import Excerpt
from soundbeam.pipelines.report.material import Material
from soundbeam.pipelines.report.scored import BINS
from soundbeam.transforms.listing.times_in_names import zone_of

_BY_NIGHT_UP_TO = 120  # nights; more are shown by week
MOST_SITES = 40  # side by side
_EPOCH = datetime.date(1970, 1, 1)


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture with its caption and its data.

    Attributes:
        svg: The element.
        title: In bold before the caption.
        caption: What it shows, and what its intervals mean.
        data: As CSV.
        wide: Whether it takes the whole width of the page.
    """

    svg: str
    title: str
    caption: str
    data: CsvLink
    wide: bool = False


@dataclasses.dataclass(frozen=True)
class LabelSection:
    """All of one label.

    Attributes:
        label: Its name.
        anchor: Its address on the page.
        summary: What was found, in a line.
        pictures: When and where.
        surest, doubtful: Its calls with the highest and lowest scores.
        no_sound: Why there are none of them; "" where there are.
    """

    label: str
    anchor: str
    summary: str
    pictures: list[Picture]
    surest: list[Excerpt]
    doubtful: list[Excerpt]
    no_sound: str


def date_of(days: int) -> datetime.date:
    """Days since 1970 → the date."""
    return _EPOCH + datetime.timedelta(days=int(days))


def pictures_of(material: Material, label: str, anchor: str) -> list[Picture]:
    """The pictures of when, where and with which scores a label was heard."""
    made = []
    if len(material.effort.day):
        made += [_heat_map(material, label, anchor), _diel(material, label, anchor), _season(material, label, anchor)]
    if len(material.sites) > 1:
        made.append(_sites(material, label, anchor))
    if places := _map(material, label, anchor):
        made.append(places)
    made.append(_scores(material, label, anchor))
    return made


def site_text(site: str | None) -> str:
    """A site's name; of recordings without one, what to call them."""
    return "(no site)" if site is None else site


def _rate_rows(keys: list[str], rates: Rates) -> list[list]:
    """A row of a CSV for each group: its key, calls, hours, rate and interval; empty cells without effort."""
    rows = []
    for i, key in enumerate(keys):
        figures = (rates.rate[i], rates.low[i], rates.high[i])
        shown = ["" if not np.isfinite(value) else f"{value:.6g}" for value in figures]
        rows.append([key, int(rates.calls[i]), f"{rates.hours[i]:.6g}", *shown])
    return rows


_RATE_HEADS = ("calls", "hours", "calls_per_hour", "low", "high")


def _start_hour(material: Material) -> int:
    return 12 if material.by_night else 0


def _unit(material: Material) -> str:
    return "night" if material.by_night else "day"


def _dates(material: Material) -> tuple[int, int]:
    """The first day or night with effort, days since 1970, and how many there are up to the last."""
    dates, _ = material.groups_of_time(material.effort.day, material.effort.hour)
    return int(dates.min()), int(dates.max() - dates.min()) + 1


def _heat_map(material: Material, label: str, anchor: str) -> Picture:
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
    heads = (_unit(material), "hour", "calls", "hours", "calls_per_hour")
    return Picture(
        svg, f"Hour by {_unit(material)}", f"Calls per hour of effort, local time; blank where nothing was recorded.{sky}",
        csv_link(f"{anchor}-hour-by-{_unit(material)}.csv", heads, rows), wide=True,
    )  # fmt: skip


def _sun(material: Material, first: int, days: int) -> tuple[np.ndarray | None, str]:
    """Sunrise and sunset, hours after each day's or night's start, at the site with most effort whose place is known."""
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
    return times, site_text(site)


def _diel(material: Material, label: str, anchor: str) -> Picture:
    found = material.rates(label, "hour", 24)
    start = _start_hour(material)
    keys = [str((start + hour) % 24) for hour in range(24)]
    return Picture(
        diel_curve(material.name(label), found, start, f"{anchor}-diel"), "Hours of the day",
        f"Calls per hour of effort, local time, with 90 % intervals over the {_unit(material)}s of each site. "
        "Bars: hours listened.",
        csv_link(f"{anchor}-diel.csv", ("hour", *_RATE_HEADS), _rate_rows(keys, found)),
    )  # fmt: skip


def _season(material: Material, label: str, anchor: str) -> Picture:
    first, days = _dates(material)
    step = 1 if days <= _BY_NIGHT_UP_TO else 7
    if step == 7:  # weeks begin on Mondays
        monday = first - (first + 3) % 7
        first, days = monday, first - monday + days
    groups = -(-days // step)
    found = material.rates(label, "date", groups, first, step)
    starts = [date_of(first + step * i) for i in range(groups)]
    what = _unit(material) if step == 1 else "week"
    several = "" if len(material.sites) > 1 or step > 1 else " With one site, they are those of a Poisson count."
    return Picture(
        phenology(material.name(label), starts, step, found, what, f"{anchor}-season"), "Season",
        f"Calls per hour of effort by {what}, with 90 % intervals over sites.{several} Bars: hours listened.",
        csv_link(f"{anchor}-season.csv", (what, *_RATE_HEADS), _rate_rows([str(s) for s in starts], found)),
    )  # fmt: skip


def site_rates(material: Material, label: str) -> Rates:
    """Calls per hour at each site, in the order of ``material.sites``; without times, of all that was listened to."""
    if len(material.effort.day):
        return material.rates(label, "site", len(material.sites))
    of_label = material.tallies.get(label, {})
    calls = np.array([of_label[site].calls if site in of_label else 0 for site in material.sites])
    hours = np.array([material.listened.hours.get(site, 0.0) for site in material.sites])
    return rates(np.arange(len(calls)), np.zeros(len(calls), np.int64), calls, hours, len(calls))


def _sites(material: Material, label: str, anchor: str) -> Picture:
    found = site_rates(material, label)
    names = [site_text(site) for site in material.sites]
    order = np.argsort(-np.nan_to_num(found.rate, nan=-1.0), kind="stable")
    shown = order[:MOST_SITES]
    of_shown = Rates(*(column[shown] for column in found))
    svg = sites_side_by_side(material.name(label), [names[i] for i in shown], of_shown, f"{anchor}-sites")
    rows = []
    for i in order.tolist():
        tally = material.tallies.get(label, {}).get(material.sites[i])
        low, high = material.interval(label, material.sites[i], everywhere=False)
        key = _rate_rows([names[i]], Rates(*(column[i : i + 1] for column in found)))[0]
        rows.append([*key, tally.calls if tally else 0, low, high])
    left_out = f" The {MOST_SITES} highest of {len(names)} sites; the others are in the data." if len(
        names) > MOST_SITES else ""
    return Picture(
        svg, "Sites side by side",
        f"Calls per hour of effort, with 90 % intervals over {_unit(material)}s.{left_out}",
        csv_link(f"{anchor}-sites.csv", ("site", *_RATE_HEADS, "all_calls", "all_calls_low", "all_calls_high"), rows),
    )  # fmt: skip


def _map(material: Material, label: str, anchor: str) -> Picture | None:
    places = [(i, place) for i, site in enumerate(material.sites) if (place := material.place(site))]
    if len(places) < 2:
        return None
    index = [i for i, _ in places]
    found = site_rates(material, label)
    latitude = np.array([place.latitude for _, place in places])
    longitude = np.array([place.longitude for _, place in places])
    names = [site_text(material.sites[i]) for i in index]
    svg = site_map(material.name(label), names, latitude, longitude, found.rate[index], f"{anchor}-map")
    rows = [
        (name, lat, lon, int(found.calls[i]), f"{found.hours[i]:.6g}", f"{found.rate[i]:.6g}")
        for name, lat, lon, i in zip(names, latitude.tolist(), longitude.tolist(), index, strict=True)
    ]
    heads = ("site", "latitude", "longitude", "calls", "hours", "calls_per_hour")
    unknown = len(material.sites) - len(places)
    left_out = f" The place of {unknown} more is unknown." if unknown else ""
    return Picture(
        svg, "Map", f"Circles by calls per hour of effort; a ring where there was none. North is up.{left_out}",
        csv_link(f"{anchor}-map.csv", heads, rows),
    )  # fmt: skip


def _scores(material: Material, label: str, anchor: str) -> Picture:
    parameters = material.info.parameters
    windows = material.scored.windows[material.drawn.index(label)]
    edges = np.linspace(0, 1, BINS + 1)
    threshold = parameters.thresholds[label]
    svg = score_distribution(
        material.name(label), edges, windows, threshold, parameters.min_score, f"{anchor}-scores"
    )
    floor = f" Scores below {parameters.min_score:g} were not kept." if parameters.min_score is not None else ""
    rows = [(f"{low:.2f}", f"{high:.2f}", n) for low, high, n in zip(edges[:-1], edges[1:], windows.tolist(), strict=True)]
    return Picture(
        svg, "Scores",
        f"How many windows have which score (on a scale of powers of ten), and the threshold.{floor}",
        csv_link(f"{anchor}-scores.csv", ("score_from", "score_to", "windows"), rows),
    )  # fmt: skip

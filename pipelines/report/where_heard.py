"""Pictures of where a label was heard, with their data."""

from __future__ import annotations

import numpy as np

from soundbeam.model.survey.place_pictures import site_map, sites_side_by_side
from soundbeam.model.survey.rate_intervals import Rates, rates
from soundbeam.pipelines.report.csv_links import csv_link
from soundbeam.pipelines.report.material import Material
from soundbeam.pipelines.report.page_pictures import RATE_HEADS, Picture, rate_rows

MOST_SITES = 40  # side by side


def sites_picture(material: Material, label: str, anchor: str) -> Picture:
    """Calls per hour of effort at each site, side by side.

    Args:
        material: What was gathered.
        label: Whose calls.
        anchor: The section's address, which the picture's name begins with.
    """
    found = site_rates(material, label)
    names = [material.site_text(site) for site in material.sites]
    order = np.argsort(-np.nan_to_num(found.rate, nan=-1.0), kind="stable")
    shown = order[:MOST_SITES]
    of_shown = Rates(*(column[shown] for column in found))
    svg = sites_side_by_side(material.name(label), [names[i] for i in shown], of_shown, f"{anchor}-sites")
    rows = []
    for i in order.tolist():
        tally = material.tallies.get(label, {}).get(material.sites[i])
        low, high = material.interval(label, material.sites[i], everywhere=False)
        key = rate_rows([names[i]], Rates(*(column[i : i + 1] for column in found)))[0]
        rows.append([*key, tally.calls if tally else 0, low, high])
    left_out = (
        f" The {MOST_SITES} highest of {len(names)} sites; the others are in the data."
        if len(names) > MOST_SITES
        else ""
    )
    return Picture(
        svg,
        "Sites side by side",
        f"Calls per hour of effort, with 90 % intervals over {material.unit}s.{left_out}",
        csv_link(f"{anchor}-sites.csv", ("site", *RATE_HEADS, "all_calls", "all_calls_low", "all_calls_high"), rows),
    )


def map_picture(material: Material, label: str, anchor: str) -> Picture | None:
    """A map of the sites; None where the places of fewer than two are known.

    Args:
        material: What was gathered.
        label: Whose calls.
        anchor: The section's address, which the picture's name begins with.
    """
    places = [(i, place) for i, site in enumerate(material.sites) if (place := material.place(site))]
    if len(places) < 2:
        return None
    index = [i for i, _ in places]
    found = site_rates(material, label)
    latitude = np.array([place.latitude for _, place in places])
    longitude = np.array([place.longitude for _, place in places])
    names = [material.site_text(material.sites[i]) for i in index]
    svg = site_map(material.name(label), names, latitude, longitude, found.rate[index], f"{anchor}-map")
    rows = [
        (name, lat, lon, int(found.calls[i]), f"{found.hours[i]:.6g}", f"{found.rate[i]:.6g}")
        for name, lat, lon, i in zip(names, latitude.tolist(), longitude.tolist(), index, strict=True)
    ]
    heads = ("site", "latitude", "longitude", "calls", "hours", "calls_per_hour")
    unknown = len(material.sites) - len(places)
    left_out = f" The place of {unknown} more is unknown." if unknown else ""
    return Picture(
        svg,
        "Map",
        f"Circles by calls per hour of effort; a ring where there was none. North is up.{left_out}",
        csv_link(f"{anchor}-map.csv", heads, rows),
    )


def site_rates(material: Material, label: str) -> Rates:
    """Calls per hour at each site, in the order of ``material.sites``; without times, of all that was listened to."""
    if len(material.effort.day):
        return material.rates(label, "site", len(material.sites))
    of_label = material.tallies.get(label, {})
    calls = np.array([of_label[site].calls if site in of_label else 0 for site in material.sites])
    hours = np.array([material.listened.hours.get(site, 0.0) for site in material.sites])
    return rates(np.arange(len(calls)), np.zeros(len(calls), np.int64), calls, hours, len(calls))

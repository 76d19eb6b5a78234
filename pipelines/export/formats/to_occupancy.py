"""Detection histories for occupancy models: a matrix of sites and occasions for each label, and one of effort."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from soundbeam.model.errors import SoundbeamError
from soundbeam.pipelines.csv_writing import csv_text
from soundbeam.pipelines.effort.listened import effort
from soundbeam.pipelines.export.contents.destination import Destination
from soundbeam.pipelines.export.contents.file_format import Format
from soundbeam.pipelines.export.contents.plain_text import decimal, file_names
from soundbeam.pipelines.export.contents.selection import Selection
from soundbeam.pipelines.local_time import day_of, night_of

EFFORT = "effort.csv"
SITES = "sites.csv"
_FOLDER = "detections"
_MISSING = "NA"
_DEFAULT = "night"
Effort = dict[tuple[str, date], float]


def write(selection: Selection, to: Destination) -> None:
    """Writes ``detections/LABEL.csv`` (1, 0; NA where nothing was recorded), ``effort.csv`` in hours, and R to start.

    Raises:
        SoundbeamError: No recording has a site and a time.
    """
    occasion = selection.request.occasion or _DEFAULT
    hours = _hours(selection, occasion)
    if not hours:
        raise SoundbeamError(
            f"{selection.request.output}: no recording of a known site and time in it; scan with --site PATTERN, and "
            "see docs/time_and_site.md for times"
        )
    sites = sorted({site for site, _ in hours})
    occasions = _occasions({day for _, day in hours}, occasion)
    head = ["site", *map(str, occasions)]
    detected = _detected(selection, occasion)
    files = file_names(selection.labels)
    for label, name in files.items():
        found = detected[label]
        rows = (
            [site, *(_MISSING if (site, day) not in hours else int((site, day) in found) for day in occasions)]
            for site in sites
        )
        _write_matrix(to, f"{_FOLDER}/{name}.csv", head, rows)
    rows = (
        [site, *(decimal(hours[site, day]) if (site, day) in hours else _MISSING for day in occasions)]
        for site in sites
    )
    _write_matrix(to, EFFORT, head, rows)
    to.write(SITES, csv_text(["site", "latitude", "longitude"], ([site, *_place(selection, site)] for site in sites)))
    if files:
        example = f"{_FOLDER}/{next(iter(files.values()))}.csv"
        to.write("unmarked.R", _UNMARKED.replace("@FILE@", _r_text(example)))
        to.write("spOccupancy.R", _SPOCCUPANCY.replace("@FILE@", _r_text(example)))
    unplaced = selection.recordings.filter(
        pc.or_(pc.is_null(selection.recordings["site"]), pc.is_null(selection.recordings["local"]))
    )
    if len(unplaced):
        to.notes.append(f"not in it: {len(unplaced)} recordings of unknown site or time")


def _write_matrix(to: Destination, name: str, head: list[str], rows) -> None:
    with to.table(name, head) as write_row:
        for row in rows:
            write_row(row)


def _hours(selection: Selection, occasion: str) -> Effort:
    """(site, occasion) → hours listened, where any were."""
    table = effort(selection.request.output, ("site", occasion), clocks=selection.clocks)
    first, last = (day and _first_day(day, occasion) for day in (selection.request.from_, selection.request.until))
    return {
        (row["site"], row[occasion]): row["hours"]
        for row in table.to_pylist()
        if row["hours"]
        and row["site"] is not None
        and row[occasion] is not None
        and (not selection.request.site or row["site"] in selection.request.site)
        and (first is None or row[occasion] >= first)
        and (last is None or row[occasion] <= last)
    }


def _first_day(day: date, occasion: str) -> date:
    """The name of the occasion that holds a day: weeks are named by their Monday."""
    return day - timedelta(days=day.weekday()) if occasion == "week" else day


def _occasions(days: set[date], occasion: str) -> list[date]:
    """All occasions from the first to the last, those too in which no site recorded."""
    step = timedelta(days=7 if occasion == "week" else 1)
    found, day = [], min(days)
    while day <= max(days):
        found.append(day)
        day += step
    return found


def _detected(selection: Selection, occasion: str) -> dict[str, set[tuple[str, date]]]:
    """Label → the (site, occasion) pairs with a call."""
    found: dict[str, set[tuple[str, date]]] = defaultdict(set)
    for recording in selection.listened():
        calls = [call for call in recording.calls if call.local is not None and recording.site is not None]
        times = pa.array([call.local for call in calls], pa.timestamp("us"))
        days = (night_of(times) if occasion == "night" else day_of(times)).to_pylist()
        for call, day in zip(calls, days, strict=True):
            found[call.label].add((recording.site or "", _first_day(day, occasion)))
    return found


def _place(selection: Selection, site: str) -> tuple[str, str]:
    """Where a site is; empty where that is unknown, or recorders were at several places."""
    places = (
        {(d.latitude, d.longitude) for d in selection.deployments.of_site(site)} if selection.deployments else set()
    )
    (latitude, longitude) = places.pop() if len(places) == 1 else (None, None)
    return decimal(latitude), decimal(longitude)


def _r_text(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


_READ = """\
# Run in this folder; another label's detections are another file in detections/.
detections <- read.csv(@FILE@, row.names = 1, check.names = FALSE)
effort <- read.csv("effort.csv", row.names = 1, check.names = FALSE)
stopifnot(identical(dim(detections), dim(effort)), all(rownames(detections) == rownames(effort)))
y <- as.matrix(detections)      # sites x occasions: 1 detected, 0 not, NA not recording
hours <- as.matrix(effort)      # hours listened to; NA where y is

"""
_UNMARKED = (
    "# Single-season occupancy with effort as a covariate of detection, by the package unmarked.\n"
    + _READ
    + """\
library(unmarked)
frame <- unmarkedFrameOccu(y = y, obsCovs = list(hours = hours))
model <- occu(~ log(hours) ~ 1, data = frame)
print(summary(model))
print(backTransform(model, type = "state"))  # the share of sites that are occupied
"""
)
_SPOCCUPANCY = (
    "# The same, Bayesian, by the package spOccupancy.\n"
    + _READ
    + """\
library(spOccupancy)
model <- PGOcc(
  occ.formula = ~ 1,
  det.formula = ~ log.hours,
  data = list(y = y, det.covs = list(log.hours = log(hours))),
  n.samples = 5000, n.burn = 3000, n.thin = 2, n.chains = 3
)
print(summary(model))
"""
)

FORMAT = Format("occupancy", "matrices for occupancy models in R: unmarked, spOccupancy", write, ("occasion",))

"""Camtrap DP 1.0: deployments, media and observations, and the ``datapackage.json`` that names their schemas.

The standard was made for cameras, and GBIF takes it; a recording is a medium, and a call an observation in it. Source:
https://camtrap-dp.tdwg.org, with its table schemas and profile of version 1.0.
"""

from __future__ import annotations

import collections
import json
import math
import urllib.parse
from datetime import datetime, timedelta, timezone
from typing import Any

from soundbeam.model.errors import OptionError
from soundbeam.pipelines.export.contents.call_rows import FoundCall, ListenedRecording
from soundbeam.pipelines.export.contents.destination import Destination
from soundbeam.pipelines.export.contents.file_format import Format
from soundbeam.pipelines.export.contents.media_types import media_type
from soundbeam.pipelines.export.contents.plain_text import decimal
from soundbeam.pipelines.export.contents.selection import Selection
from soundbeam.pipelines.export.contents.species import classified, is_denied, scientific_names
from soundbeam.transforms.listing.deployments import Deployment

SCHEMAS = "https://raw.githubusercontent.com/tdwg/camtrap-dp/1.0"
# All columns of the schemas, in their order: validators miss those that are not there, though they may be empty.
COLUMNS = {
    "deployments": [
        "deploymentID", "locationID", "locationName", "latitude", "longitude", "coordinateUncertainty",
        "deploymentStart", "deploymentEnd", "setupBy", "cameraID", "cameraModel", "cameraDelay",
        "cameraHeight", "cameraDepth", "cameraTilt", "cameraHeading", "detectionDistance", "timestampIssues",
        "baitUse", "featureType", "habitat", "deploymentGroups", "deploymentTags", "deploymentComments",
    ],
    "media": [
        "mediaID", "deploymentID", "captureMethod", "timestamp", "filePath", "filePublic", "fileName",
        "fileMediatype", "exifData", "favorite", "mediaComments",
    ],
    "observations": [
        "observationID", "deploymentID", "mediaID", "eventID", "eventStart", "eventEnd", "observationLevel",
        "observationType", "cameraSetupType", "scientificName", "count", "lifeStage", "sex", "behavior",
        "individualID", "individualPositionRadius", "individualPositionAngle", "individualSpeed", "bboxX",
        "bboxY", "bboxWidth", "bboxHeight", "classificationMethod", "classifiedBy", "classificationTimestamp",
        "classificationProbability", "observationTags", "observationComments",
    ],
}  # fmt: skip
Bounds = dict[Deployment, tuple[datetime, datetime]]


def write(selection: Selection, to: Destination) -> None:
    """Writes the package.

    Raises:
        OptionError: It is unknown where recorders were, or what labels are called.
    """
    if selection.deployments is None:
        raise OptionError("the format camtrap-dp tells where recorders were: give --deployments CSV")
    names = scientific_names(selection)
    bounds: Bounds = {}
    left_out: collections.Counter[str] = collections.Counter()
    with (
        to.table("media.csv", COLUMNS["media"]) as media,
        to.table("observations.csv", COLUMNS["observations"]) as seen,
    ):
        for recording in selection.listened():
            where = selection.deployments.at(recording.site, recording.recorded_at)
            if where is None or recording.recorded_at is None:
                left_out["recordings of unknown time, or outside all deployments"] += 1
                continue
            end = recording.recorded_at + timedelta(seconds=recording.duration_s or 0.0)
            known = bounds.get(where, (recording.recorded_at, end))
            bounds[where] = min(known[0], recording.recorded_at), max(known[1], end)
            media(_row("media", _medium(selection, recording, where)))
            for call in recording.calls:
                if is_denied(call):
                    left_out["calls that people said are none"] += 1
                    continue
                seen(_row("observations", _observation(selection, recording, call, where, names[call.label])))
    with to.table("deployments.csv", COLUMNS["deployments"]) as write_row:
        for where, (first, last) in bounds.items():
            write_row(_row("deployments", _deployment(selection, where, first, last)))
    to.write("datapackage.json", json.dumps(_package(selection, bounds, names), ensure_ascii=False, indent=2) + "\n")
    to.notes += [f"not in it: {count} {what}" for what, count in left_out.items()]
    to.notes.append("before you publish: datapackage.json has no contributors, licences and project of yours yet")


def _row(table: str, values: dict[str, Any]) -> list[Any]:
    assert values.keys() <= set(COLUMNS[table])
    return [values.get(column, "") for column in COLUMNS[table]]


def _id_of(where: Deployment) -> str:
    """A site, and since when: a site may have several deployments."""
    return where.site if where.start.year <= 1 else f"{where.site} {where.start:%Y-%m-%dT%H:%M:%SZ}"


def _stamp(selection: Selection, when: datetime, site: str | None) -> str:
    """A time with its zone, to the second: the schemas allow no parts of one."""
    return selection.clocks.offset_at(when, site).isoformat(timespec="seconds").replace("+00:00", "Z")


def _deployment(selection: Selection, where: Deployment, first: datetime, last: datetime) -> dict[str, Any]:
    """A deployment; where the table leaves its start or end open, they are those of its recordings."""
    start = first if where.start.year <= 1 else where.start
    end = _up(last) if where.end.year >= 9999 else where.end
    return {
        "deploymentID": _id_of(where),
        "locationID": where.site,
        "locationName": where.site,
        "latitude": decimal(where.latitude),
        "longitude": decimal(where.longitude),
        "deploymentStart": _stamp(selection, start, where.site),
        "deploymentEnd": _stamp(selection, end, where.site),
        "cameraID": where.recorder,
        "deploymentComments": "audio recorder",
    }


def _medium(selection: Selection, recording: ListenedRecording, where: Deployment) -> dict[str, Any]:
    assert recording.recorded_at is not None
    return {
        "mediaID": recording.short,
        "deploymentID": _id_of(where),
        "timestamp": _stamp(selection, recording.recorded_at, recording.site),
        "filePath": _file_path(recording),
        "filePublic": "false",
        "fileName": recording.base,
        "fileMediatype": media_type(recording.base),
        "mediaComments": f"listened to {decimal(recording.listened_s or recording.duration_s)} s",
    }


def _file_path(recording: ListenedRecording) -> str:
    """A URL, or a relative path below the scan's folder: the schema refuses absolute ones, and two points in a row."""
    path = recording.short if recording.uri.startswith("file:") else urllib.parse.quote(recording.uri, ":/%")
    path = path.replace("..", ".%2E")
    return f"%{ord(path[0]):02X}{path[1:]}" if path[0] in "./~" else path


def _observation(
    selection: Selection, recording: ListenedRecording, call: FoundCall, where: Deployment, name: str
) -> dict[str, Any]:
    assert recording.recorded_at is not None
    start = recording.recorded_at + timedelta(seconds=call.start_s)
    end = recording.recorded_at + timedelta(seconds=call.end_s)
    human, by, when = classified(selection, call)
    channel = f" channel {call.channel}" if call.channel else ""
    return {
        "observationID": f"{recording.short}{channel} {decimal(call.start_s)}-{decimal(call.end_s)} {call.label}",
        "deploymentID": _id_of(where),
        "mediaID": recording.short,
        "eventStart": _stamp(selection, start, recording.site),
        "eventEnd": _stamp(selection, _up(end), recording.site),
        "observationLevel": "media",
        "observationType": "animal",
        "scientificName": name,
        "classificationMethod": "human" if human else "machine",
        "classifiedBy": by,
        "classificationTimestamp": when,
        "classificationProbability": "" if human else decimal(call.score),
        "observationTags": f"start_s:{decimal(call.start_s)} | end_s:{decimal(call.end_s)} | label:{call.label}",
    }


def _up(when: datetime) -> datetime:
    """The next full second, if it is none."""
    return when + timedelta(microseconds=-when.microsecond % 1_000_000)


def _package(selection: Selection, bounds: Bounds, names: dict[str, str]) -> dict[str, Any]:
    """The ``datapackage.json``; what only the user knows is there to be filled in."""
    return {
        "profile": f"{SCHEMAS}/camtrap-dp-profile.json",
        "name": "soundbeam-export",
        "created": f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}",
        "title": "Calls that soundbeam found",
        "contributors": [{"title": "unnamed", "role": "contact"}],
        "sources": [{"title": "soundbeam", "version": selection.newest.versions.get("soundbeam", "unknown")}],
        "project": {
            "title": "unnamed",
            "samplingDesign": "opportunistic",
            "captureMethod": ["timeLapse"],
            "individualAnimals": False,
            "observationLevel": ["media"],
        },
        "spatial": _spatial(bounds),
        "temporal": _temporal(selection, bounds),
        "taxonomic": [{"scientificName": name} for name in dict.fromkeys(names.values())],
        "resources": [
            {
                "name": table,
                "path": f"{table}.csv",
                "profile": "tabular-data-resource",
                "format": "csv",
                "mediatype": "text/csv",
                "encoding": "utf-8",
                "schema": f"{SCHEMAS}/{table}-table-schema.json",
            }
            for table in COLUMNS
        ],
    }


def _spatial(bounds: Bounds) -> dict[str, Any]:
    """GeoJSON: the box around all deployments."""
    if not bounds:
        return {"type": "MultiPoint", "coordinates": []}
    west, east = (pick(where.longitude for where in bounds) for pick in (min, max))
    south, north = (pick(where.latitude for where in bounds) for pick in (min, max))
    corners = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    if math.isclose(west, east) and math.isclose(south, north):
        return {"type": "Point", "coordinates": [west, south]}
    return {"type": "Polygon", "bbox": [west, south, east, north], "coordinates": [corners]}


def _temporal(selection: Selection, bounds: Bounds) -> dict[str, str]:
    dates = [selection.clocks.offset_at(when, where.site).date() for where, pair in bounds.items() for when in pair]
    return {"start": str(min(dates)), "end": str(max(dates))} if dates else {"start": "", "end": ""}


FORMAT = Format("camtrap-dp", "Camtrap DP 1.0, which GBIF takes", write, ("scientific_name",))

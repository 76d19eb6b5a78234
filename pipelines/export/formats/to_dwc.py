"""A Darwin Core Archive: a recording is an event with its sampling effort, and a call an occurrence in it.

Source: the terms of https://dwc.tdwg.org/terms/ and the text guide, https://dwc.tdwg.org/text/.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from xml.sax.saxutils import quoteattr

from soundbeam.pipelines.export.contents.call_rows import FoundCall, ListenedRecording
from soundbeam.pipelines.export.contents.destination import Destination
from soundbeam.pipelines.export.contents.file_format import Format
from soundbeam.pipelines.export.contents.plain_text import decimal
from soundbeam.pipelines.export.contents.selection import Selection
from soundbeam.pipelines.export.contents.species import classified, is_denied, scientific_names

_TERMS = "http://rs.tdwg.org/dwc/terms/"
EVENT = [
    "eventID", "eventType", "samplingProtocol", "sampleSizeValue", "sampleSizeUnit", "samplingEffort",
    "eventDate", "locationID", "decimalLatitude", "decimalLongitude", "geodeticDatum", "eventRemarks",
]  # fmt: skip
OCCURRENCE = [
    "eventID", "occurrenceID", "basisOfRecord", "occurrenceStatus", "scientificName", "vernacularName",
    "eventDate", "identifiedBy", "dateIdentified", "identificationVerificationStatus", "occurrenceRemarks",
]  # fmt: skip


def write(selection: Selection, to: Destination) -> None:
    """Writes ``event.csv``, ``occurrence.csv`` and ``meta.xml``.

    Raises:
        OptionError: It is unknown what a label is called.
    """
    names = scientific_names(selection)
    denied = undated = 0
    with to.table("event.csv", EVENT) as event, to.table("occurrence.csv", OCCURRENCE) as occurrence:
        for recording in selection.listened():
            undated += recording.recorded_at is None
            event(_in_order(EVENT, _event(selection, recording)))
            for call in recording.calls:
                if is_denied(call):
                    denied += 1
                    continue
                occurrence(_in_order(OCCURRENCE, _occurrence(selection, recording, call, names[call.label])))
    to.write("meta.xml", META)
    if denied:
        to.notes.append(f"not in it: {denied} calls that people said are none")
    if undated:
        to.notes.append(f"without a date: {undated} recordings of unknown time")
    to.notes.append("before you publish: add eml.xml, the description of your data set, and pack all files as a zip")


def _in_order(columns: list[str], values: dict[str, Any]) -> list[Any]:
    assert values.keys() <= set(columns)
    return [values.get(column, "") for column in columns]


def _event(selection: Selection, recording: ListenedRecording) -> dict[str, Any]:
    parameters = selection.runs[recording.run].parameters
    place = selection.deployments and selection.deployments.at(recording.site, recording.recorded_at)
    listened = recording.duration_s if recording.listened_s is None else recording.listened_s
    by = f"{parameters.architecture} {parameters.fingerprint[:12]}"
    return {
        "eventID": recording.short,
        "eventType": "Recording",
        "samplingProtocol": f"passive acoustic recording, scanned by soundbeam with {by}",
        "sampleSizeValue": decimal(listened),
        "sampleSizeUnit": "second" if listened is not None else "",
        "samplingEffort": f"{decimal(listened)} s of sound listened to" if listened is not None else "",
        "eventDate": _interval(selection, recording, 0.0, recording.duration_s or 0.0),
        "locationID": recording.site or "",
        "decimalLatitude": decimal(place.latitude) if place else "",
        "decimalLongitude": decimal(place.longitude) if place else "",
        "geodeticDatum": "WGS84" if place else "",
        "eventRemarks": "" if recording.status == "ok" else "a part of the recording could not be read",
    }


def _occurrence(selection: Selection, recording: ListenedRecording, call: FoundCall, name: str) -> dict[str, Any]:
    human, by, when = classified(selection, call)
    channel = f" channel {call.channel}" if call.channel else ""
    common = selection.names(call.label)[1]
    return {
        "eventID": recording.short,
        "occurrenceID": f"{recording.short}{channel} {decimal(call.start_s)}-{decimal(call.end_s)} {call.label}",
        "basisOfRecord": "MachineObservation",
        "occurrenceStatus": "present",
        "scientificName": name,
        "vernacularName": common if common not in (name, call.label) else "",
        "eventDate": _interval(selection, recording, call.start_s, call.end_s),
        "identifiedBy": by,
        "dateIdentified": when,
        "identificationVerificationStatus": "verified" if human else "unverified",
        "occurrenceRemarks": (
            f"{call.label} from {decimal(call.start_s)} to {decimal(call.end_s)} s, score {decimal(call.score)}"
        ),
    }


def _interval(selection: Selection, recording: ListenedRecording, start_s: float, end_s: float) -> str:
    """ISO 8601, local time with its offset; "" where the time is unknown."""
    if recording.recorded_at is None:
        return ""
    start, end = (recording.recorded_at + timedelta(seconds=second) for second in (start_s, end_s))
    return "/".join(_moment(selection.clocks.offset_at(when, recording.site)) for when in (start, end))


def _moment(when: datetime) -> str:
    return when.isoformat(timespec="milliseconds" if when.microsecond else "seconds")


def _table(kind: str, row_type: str, name: str, columns: list[str]) -> str:
    """The description of a table in ``meta.xml``; its first column joins the tables."""
    fields = "".join(
        f"    <field index={quoteattr(str(i))} term={quoteattr(_TERMS + c)}/>\n" for i, c in enumerate(columns)
    )
    key = "id" if kind == "core" else "coreid"
    return (
        f'  <{kind} encoding="UTF-8" fieldsTerminatedBy="," linesTerminatedBy="\\n" fieldsEnclosedBy="&quot;" '
        f'ignoreHeaderLines="1" rowType="{_TERMS}{row_type}">\n'
        f"    <files><location>{name}</location></files>\n"
        f'    <{key} index="0"/>\n{fields}  </{kind}>\n'
    )


META = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<archive xmlns="http://rs.tdwg.org/dwc/text/">\n'
    + _table("core", "Event", "event.csv", EVENT)
    + _table("extension", "Occurrence", "occurrence.csv", OCCURRENCE)
    + "</archive>\n"
)

FORMAT = Format("dwc", "Darwin Core Archive: events with effort, and occurrences", write, ("scientific_name",))

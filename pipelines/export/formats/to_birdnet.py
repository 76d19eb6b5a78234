"""BirdNET's CSV, which birdnetTools and BirdNET's own evaluation read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from soundbeam.model.classifier.occurrence import week_of
from soundbeam.pipelines.csv_writing import csv_text
from soundbeam.pipelines.export.contents.call_rows import ListenedRecording
from soundbeam.pipelines.export.contents.destination import Destination
from soundbeam.pipelines.export.contents.file_format import Format
from soundbeam.pipelines.export.contents.plain_text import decimal
from soundbeam.pipelines.export.contents.selection import Selection
from soundbeam.pipelines.export.contents.table_names import with_names

COLUMNS = [
    "Start (s)", "End (s)", "Scientific name", "Common name", "Confidence", "File",
    "lat", "lon", "week", "overlap", "sensitivity", "min_conf", "species_list", "model",
]  # fmt: skip
COMBINED = "BirdNET_CombinedTable.csv"


def write(selection: Selection, to: Destination) -> None:
    """Writes the tables. What a scan does not have (a sensitivity, a list of species) stays empty."""
    if selection.request.combined:
        with to.table(COMBINED, COLUMNS) as write_row:
            for recording in selection.listened():
                for row in _rows(selection, recording):
                    write_row(row)
        return
    for name, recording in with_names(selection):
        to.write(f"{name}.BirdNET.results.csv", csv_text(COLUMNS, _rows(selection, recording)))


def _rows(selection: Selection, recording: ListenedRecording) -> Iterator[list[Any]]:
    parameters = selection.runs[recording.run].parameters
    place = selection.deployments and selection.deployments.at(recording.site, recording.recorded_at)
    latitude, longitude = (decimal(place.latitude), decimal(place.longitude)) if place else ("", "")
    for call in recording.calls:
        yield [
            decimal(call.start_s),
            decimal(call.end_s),
            *selection.names(call.label),
            f"{call.score:.4f}",
            selection.audio_path(recording),
            latitude,
            longitude,
            week_of(call.local) if call.local else "",
            decimal(parameters.window_s - parameters.hop_s),
            "",
            decimal(parameters.thresholds.get(call.label)),
            "",
            f"{parameters.architecture} {parameters.fingerprint[:12]}",
        ]


FORMAT = Format("birdnet", "result tables of BirdNET-Analyzer", write, ("combined", "audio_root", "scientific_name"))

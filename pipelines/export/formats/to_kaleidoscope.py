"""The table that Kaleidoscope opens, as BirdNET's tools exchange it."""

from __future__ import annotations

from soundbeam.model.classifier.occurrence import week_of
from soundbeam.pipelines.export.contents.destination import Destination
from soundbeam.pipelines.export.contents.file_format import Format
from soundbeam.pipelines.export.contents.plain_text import decimal
from soundbeam.pipelines.export.contents.selection import Selection

COLUMNS = [
    "INDIR", "FOLDER", "IN FILE", "OFFSET", "DURATION", "scientific_name", "common_name", "confidence",
    "lat", "lon", "week", "overlap", "sensitivity",
]  # fmt: skip


def write(selection: Selection, to: Destination) -> None:
    """Writes the table."""
    with to.table("kaleidoscope.csv", COLUMNS) as write_row:
        for recording in selection.listened():
            parameters = selection.runs[recording.run].parameters
            path = selection.audio_path(recording)
            slash = "\\" if "\\" in path and "/" not in path else "/"
            folder, _, base = path.rpartition(slash)
            above, _, parent = folder.rpartition(slash)
            place = selection.deployments and selection.deployments.at(recording.site, recording.recorded_at)
            for call in recording.calls:
                write_row(
                    [
                        above,
                        parent,
                        base,
                        decimal(call.start_s),
                        decimal(call.end_s - call.start_s),
                        *selection.names(call.label),
                        f"{call.score:.4f}",
                        decimal(place.latitude) if place else "",
                        decimal(place.longitude) if place else "",
                        week_of(call.local) if call.local else "",
                        decimal(parameters.window_s - parameters.hop_s),
                        "",
                    ]
                )


FORMAT = Format("kaleidoscope", "the table of Kaleidoscope Pro", write, ("audio_root", "scientific_name"))

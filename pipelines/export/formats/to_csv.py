"""One flat table of calls, for R and spreadsheets, and one of what was listened to."""

from __future__ import annotations

from soundbeam.pipelines.export.contents.destination import Destination
from soundbeam.pipelines.export.contents.file_format import Format
from soundbeam.pipelines.export.contents.plain_text import decimal, iso
from soundbeam.pipelines.export.contents.selection import Selection

CALLS = [
    "recording", "site", "label", "scientific_name", "common_name", "start_s", "end_s", "score", "channel",
    "started_at", "local_time", "verdict", "reviewer", "run",
]  # fmt: skip
RECORDINGS = ["recording", "site", "status", "duration_s", "listened_s", "recorded_at", "local_time", "calls", "run"]


def write(selection: Selection, to: Destination) -> None:
    """Writes the tables. An empty cell is what is unknown; cells are written as they are, formulas of sheets too."""
    with to.table("calls.csv", CALLS) as write_call, to.table("recordings.csv", RECORDINGS) as write_recording:
        for recording in selection.listened():
            path = selection.audio_path(recording)
            write_recording(
                [
                    path,
                    recording.site or "",
                    recording.status,
                    decimal(recording.duration_s),
                    decimal(recording.listened_s),
                    iso(recording.recorded_at),
                    iso(recording.local),
                    len(recording.calls),
                    recording.run,
                ]
            )
            for call in recording.calls:
                write_call(
                    [
                        path,
                        recording.site or "",
                        call.label,
                        *selection.names(call.label),
                        decimal(call.start_s),
                        decimal(call.end_s),
                        decimal(call.score),
                        call.channel or "",
                        iso(call.started_at),
                        iso(call.local),
                        call.verdict.verdict if call.verdict else "",
                        call.verdict.reviewer if call.verdict else "",
                        call.run,
                    ]
                )


FORMAT = Format("csv", "one flat table, for R and spreadsheets", write, ("audio_root", "scientific_name"))

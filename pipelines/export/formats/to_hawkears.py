"""HawkEars' table of scores."""

from __future__ import annotations

from soundbeam.pipelines.export.contents.destination import Destination
from soundbeam.pipelines.export.contents.file_format import Format
from soundbeam.pipelines.export.contents.plain_text import decimal
from soundbeam.pipelines.export.contents.selection import Selection


def write(selection: Selection, to: Destination) -> None:
    """Writes the table."""
    with to.table("HawkEars.csv", ["recording", "name", "start_time", "end_time", "score"]) as write_row:
        for recording in selection.listened():
            for call in recording.calls:
                times = decimal(call.start_s), decimal(call.end_s)
                write_row([recording.short, selection.names(call.label)[1], *times, decimal(call.score)])


FORMAT = Format("hawkears", "the score table of HawkEars", write)

"""The table of labels that perch-hoplite loads."""

from __future__ import annotations

from soundbeam.pipelines.export.contents.destination import Destination
from soundbeam.pipelines.export.contents.file_format import Format
from soundbeam.pipelines.export.contents.plain_text import decimal
from soundbeam.pipelines.export.contents.selection import Selection

COLUMNS = ["recording", "start_offset_s", "end_offset_s", "label", "label_type"]
_TYPES = {"yes": "positive", "no": "negative", "other": "negative", "unsure": "uncertain"}


def write(selection: Selection, to: Destination) -> None:
    """Writes the table. What people said of a call decides its type; a call on which nobody has spoken is positive."""
    with to.table("labels.csv", COLUMNS) as write_row:
        for recording in selection.listened():
            for call in recording.calls:
                kind = _TYPES[call.verdict.verdict] if call.verdict else "positive"
                write_row([recording.short, decimal(call.start_s), decimal(call.end_s), call.label, kind])


FORMAT = Format("hoplite", "labels of perch-hoplite", write)

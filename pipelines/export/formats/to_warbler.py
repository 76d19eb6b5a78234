"""The selection table of warbleR, in R."""

from __future__ import annotations

from soundbeam.pipelines.export.contents.call_bands import CallBands
from soundbeam.pipelines.export.contents.destination import Destination
from soundbeam.pipelines.export.contents.file_format import Format
from soundbeam.pipelines.export.contents.plain_text import decimal
from soundbeam.pipelines.export.contents.selection import Selection

COLUMNS = ["sound.files", "selec", "channel", "start", "end", "bottom.freq", "top.freq", "label", "score"]


def write(selection: Selection, to: Destination) -> None:
    """Writes the table: frequencies in kHz; selections are numbered in each recording, and channels from 1 on."""
    bands = CallBands(selection)
    with to.table("selection_table.csv", COLUMNS) as write_row:
        for recording in selection.listened():
            pairs = zip(recording.calls, bands.of(recording), strict=True)
            for number, (call, (low, high)) in enumerate(pairs, 1):
                times = decimal(call.start_s), decimal(call.end_s)
                place = recording.short, number, selection.newest.parameters.heard_channel(call.channel) or 1
                write_row([*place, *times, decimal(low / 1000), decimal(high / 1000), call.label, decimal(call.score)])


FORMAT = Format("warbler", "the selection table of warbleR", write, ("frequencies",))

"""Audacity's labels: a file for each recording."""

from __future__ import annotations

from soundbeam.pipelines.export.contents.call_bands import CallBands
from soundbeam.pipelines.export.contents.destination import Destination
from soundbeam.pipelines.export.contents.file_format import Format
from soundbeam.pipelines.export.contents.plain_text import unquoted
from soundbeam.pipelines.export.contents.selection import Selection
from soundbeam.pipelines.export.contents.table_names import with_names


def write(selection: Selection, to: Destination) -> None:
    """Writes the files; frequencies only if they are asked for, since some readers do not know their lines."""
    bands = CallBands(selection) if selection.request.frequencies else None
    for name, recording in with_names(selection):
        lines = []
        of_calls = bands.of(recording) if bands else [None] * len(recording.calls)
        for call, band in zip(recording.calls, of_calls, strict=True):
            lines.append(f"{call.start_s:.6f}\t{call.end_s:.6f}\t{unquoted(call.label)};{call.score:.3f}\n")
            if band:
                lines.append(f"\\\t{band[0]:.6f}\t{band[1]:.6f}\n")
        to.write(f"{name}.txt", "".join(lines))


FORMAT = Format("audacity", "label tracks of Audacity", write, ("frequencies",))

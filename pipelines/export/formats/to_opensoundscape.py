"""OpenSoundscape's table of labelled clips: a row for each stretch, a column for each class."""

from __future__ import annotations

from soundbeam.pipelines.export.contents.destination import Destination
from soundbeam.pipelines.export.contents.file_format import Format
from soundbeam.pipelines.export.contents.plain_text import decimal
from soundbeam.pipelines.export.contents.selection import Selection


def write(selection: Selection, to: Destination) -> None:
    """Writes the table: the stretches of the calls, and 1 for every label that has a call in one, else 0."""
    labels = selection.labels
    with to.table("labels.csv", ["file", "start_time", "end_time", *labels]) as write_row:
        for recording in selection.listened():
            path = selection.audio_path(recording)
            waiting = recording.calls  # those that may reach into the stretches to come
            for start_s, end_s in dict.fromkeys((call.start_s, call.end_s) for call in recording.calls):
                waiting = [call for call in waiting if call.end_s > start_s]
                heard = set()
                for call in waiting:
                    if call.start_s >= end_s:
                        break
                    heard.add(call.label)
                write_row([path, decimal(start_s), decimal(end_s), *(int(label in heard) for label in labels)])


FORMAT = Format("opensoundscape", "clip labels of OpenSoundscape", write, ("audio_root",))

"""Raven's selection tables: one for each recording, or one for the sequence of all."""

from __future__ import annotations

from collections.abc import Iterator

from soundbeam.pipelines.export.contents.call_bands import CallBands
from soundbeam.pipelines.export.contents.call_rows import ListenedRecording
from soundbeam.pipelines.export.contents.destination import Destination
from soundbeam.pipelines.export.contents.file_format import Format
from soundbeam.pipelines.export.contents.plain_text import decimal, tabbed
from soundbeam.pipelines.export.contents.selection import Selection
from soundbeam.pipelines.export.contents.table_names import with_names

COLUMNS = (
    "Selection", "View", "Channel", "Begin Time (s)", "End Time (s)", "Low Freq (Hz)", "High Freq (Hz)",
    "Begin File", "Begin Path", "File Offset (s)", "Begin Date Time", "Species", "Common Name", "Scientific Name",
    "Confidence", "File Duration (s)", "Site",
)  # fmt: skip
COMBINED = "all.selections.txt"
# The sound files in the order in which the times of the combined table run on: Raven opens such a list as one sequence.
SEQUENCE = "all.list.txt"


def write(selection: Selection, to: Destination) -> None:
    """Writes the tables."""
    bands = CallBands(selection)
    if selection.request.combined:
        _write_combined(selection, to, bands)
        return
    for name, recording in with_names(selection):
        lines = "".join(_lines(selection, recording, bands, 1, 0.0))
        to.write(f"{name}.Table.1.selections.txt", tabbed(COLUMNS) + lines)


def _write_combined(selection: Selection, to: Destination, bands: CallBands) -> None:
    number, at = 1, 0.0
    with to.open(COMBINED) as table, to.open(SEQUENCE) as sequence:
        table.write(tabbed(COLUMNS))
        for recording in selection.listened():
            sequence.write(selection.audio_path(recording) + "\n")
            table.writelines(_lines(selection, recording, bands, number, at))
            number += len(recording.calls)
            at += recording.duration_s or 0.0


def _lines(
    selection: Selection, recording: ListenedRecording, bands: CallBands, number: int, at: float
) -> Iterator[str]:
    """The lines of a recording's calls, numbered from ``number``; ``at``: where it begins in the sequence, seconds."""
    path = selection.audio_path(recording)
    for call, (low, high) in zip(recording.calls, bands.of(recording), strict=True):
        scientific, common = selection.names(call.label)
        yield tabbed(
            (
                number,
                "Spectrogram 1",
                selection.newest.parameters.heard_channel(call.channel) or 1,
                decimal(at + call.start_s),
                decimal(at + call.end_s),
                decimal(low),
                decimal(high),
                recording.base,
                path,
                decimal(call.start_s),
                f"{call.local:%Y/%m/%d %H:%M:%S}.{call.local.microsecond // 1000:03d}" if call.local else "",
                call.label,
                common,
                scientific,
                decimal(call.score),
                decimal(recording.duration_s),
                recording.site or "",
            )
        )
        number += 1


FORMAT = Format("raven", "selection tables of Raven", write, ("combined", "audio_root", "frequencies"))

"""Long recordings → ranges that are scored in parallel; where that does not pay, a recording stays whole."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import apache_beam as beam

from soundbeam.model.windows import WindowSpec
from soundbeam.transforms.counters import count
from soundbeam.transforms.decoding.ranges import split_into_ranges
from soundbeam.transforms.isolation.isolated_process import IsolatedProcess, IsolatedTask, TaskFailed
from soundbeam.transforms.records import Listed, Recording

# About how long a range is; a recording of up to twice this is not cut.
RANGE_S = 1800.0
# A recording that is a smaller share of all bytes than this is not cut: there is work enough for every worker without
# it, and what is not cut has its rows written as soon as it has ended.
SMALLEST_SHARE = 1 / 32
# Nothing whose sound takes so few bytes a second is looked into: no recorder writes so little.
_FEWEST_BYTES_A_S = 1000
_PATIENCE_S = 120.0


@dataclasses.dataclass
class SplitRecordings(beam.PTransform):
    """Recordings → recordings that stay whole, and `Range`s of those that are cut.

    Which ones are cut depends on the recordings alone (those of the listing, by ``Recording.total_bytes``), never on
    the number of workers; the rows do not depend on it.

    Args:
        spec: Which windows.
        segment_s: About how long a segment is, seconds.
        decoder: ``soundfile``; with another nothing is cut.
        range_s: About how long a range is, seconds.
        smallest_share: Of the bytes of all recordings; one that is less of them is not cut.
    """

    spec: WindowSpec
    segment_s: float = 60.0
    decoder: str = "soundfile"
    range_s: float = dataclasses.field(default_factory=lambda: RANGE_S)
    smallest_share: float = dataclasses.field(default_factory=lambda: SMALLEST_SHARE)

    def expand(self, recordings: beam.PCollection[Recording]) -> beam.PCollection:
        """Adds the steps to the graph."""
        least = round(2 * self.range_s * _FEWEST_BYTES_A_S)
        arguments = (self.spec, self.segment_s, self.range_s, self.decoder)
        ranges = recordings | "Split" >> beam.ParDo(_SplitRecordings(arguments, least, self.smallest_share))
        # Or one worker would have all ranges of a recording.
        return ranges | "SpreadRanges" >> beam.Reshuffle().with_output_types(Listed)


@beam.typehints.with_input_types(Recording)
@beam.typehints.with_output_types(Listed)
class _SplitRecordings(beam.DoFn):
    """Asks a process of its own: reading a header may crash what reads it."""

    def __init__(self, arguments: tuple[Any, ...], least: int, smallest_share: float):
        self._arguments, self._least, self._share = arguments, least, smallest_share

    def setup(self) -> None:
        self._process = IsolatedProcess()

    def start_bundle(self) -> None:
        self._process.forget()

    def process(self, recording: Recording) -> Iterator[Listed]:
        if recording.bytes < max(self._least, self._share * recording.total_bytes):
            yield recording
            return
        self._process.start(IsolatedTask(split_into_ranges, (recording, *self._arguments), _PATIENCE_S))
        try:
            parts = list(self._process.take())
        except TaskFailed:  # decoding will tell
            parts = []
        if len(parts) < 2:
            yield recording
            return
        count("recordings_cut")
        count("ranges", len(parts))
        yield from parts

    def teardown(self) -> None:
        self._process.close()

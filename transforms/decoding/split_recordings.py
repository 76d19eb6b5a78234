"""Splits long recordings into ranges that are scored in parallel; others stay whole, because splitting does not pay."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import apache_beam as beam

from soundbeam.model.windows import WindowSpec
from soundbeam.transforms.counters import count
from soundbeam.transforms.decoding.ranges import split_into_ranges
from soundbeam.transforms.isolation.isolated_process import IsolatedProcess, IsolatedTask, TaskFailed
from soundbeam.transforms.packs import spread
from soundbeam.transforms.records import Listed, Recording

# About how long a range is; a recording of up to twice this is not split.
RANGE_S = 1800.0
# A recording with a smaller share of all bytes is not split: there is enough work for every worker without that, and
# the rows of a whole recording are written as soon as it has been scored.
SMALLEST_SHARE = 1 / 32
# Files too small to be long at this many bytes per second are not opened: no recorder writes so little.
_FEWEST_BYTES_A_S = 1000
_PATIENCE_S = 120.0


@dataclasses.dataclass
class SplitRecordings(beam.PTransform):
    """Recordings → recordings that stay whole, and the `Range`s of those that are split.

    Which recordings are split depends only on what is listed (``Recording.total_bytes``), never on the number of
    workers. The tables do not depend on it.

    Args:
        spec: Which windows.
        segment_s: About how long a segment is, seconds.
        decoder: ``soundfile``; with another decoder nothing is split.
        range_s: About how long a range is, seconds.
        smallest_share: The share of all bytes below which a recording is not split.
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
        # Otherwise one worker would get all ranges of a recording.
        return spread(ranges, "SpreadRanges", Listed)


@beam.typehints.with_input_types(Recording)
@beam.typehints.with_output_types(Listed)
class _SplitRecordings(beam.DoFn):
    """Reads headers in another process, because a damaged one may crash it."""

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
        except TaskFailed:  # decoding will report it
            parts = []
        if len(parts) < 2:
            yield recording
            return
        count("recordings_cut")
        count("ranges", len(parts))
        yield from parts

    def finish_bundle(self) -> None:
        self._process.close()  # so that it goes on to decode, and no other need be started

    def teardown(self) -> None:
        self._process.close()

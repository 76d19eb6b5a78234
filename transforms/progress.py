"""A line now and then of how far a worker has come, logged where its runner shows logs."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Iterator
from typing import Any

import apache_beam as beam

from transforms.records import DecodeReport, RangeReport, SegmentScores

# The programs show this logger on stderr; a cluster puts it among its workers' logs.
LOGGER = logging.getLogger("soundbeam.progress")
EVERY_S = 10.0


@dataclasses.dataclass
class ReportProgress(beam.PTransform):
    """Passes `SegmentScores` and `DecodeReport` on and logs, every ten seconds a worker, what has gone by.

    Args:
        hop_s: Seconds of sound that a window adds.
        listed: How many recordings there are, PCollection[int] of one element.
    """

    hop_s: float
    listed: beam.PCollection[int]

    def expand(self, scores: beam.PCollection) -> beam.PCollection:
        """Adds the step to the graph."""
        return scores | "Report" >> beam.ParDo(_Report(self.hop_s), beam.pvalue.AsSingleton(self.listed))


class _Report(beam.DoFn):
    def __init__(self, hop_s: float):
        self._hop_s = hop_s

    def setup(self) -> None:
        self._start: float | None = None
        self._shown = 0.0
        self._recordings, self._seconds = 0, 0.0

    def process(self, scored: SegmentScores | DecodeReport | RangeReport, listed: int) -> Iterator[Any]:
        yield scored
        now = time.monotonic()
        if self._start is None:
            self._start = self._shown = now  # the first batch includes loading the model: not counted
            return
        if isinstance(scored, DecodeReport) or (isinstance(scored, RangeReport) and scored.part.index == 0):
            self._recordings += 1
        elif isinstance(scored, SegmentScores):
            self._seconds += len(scored.start_s) * self._hop_s
        if now - self._shown >= EVERY_S:
            self._shown = now
            LOGGER.info(
                "scanning: %d of %d recordings, %.2f h of sound, %.0f × real time",
                self._recordings,
                listed,
                self._seconds / 3600,
                self._seconds / (now - self._start),
            )

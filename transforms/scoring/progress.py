"""How far a scan has come, in a line now and then: files, hours of sound, speed, and the time that is left."""

from __future__ import annotations

import dataclasses
import logging
import os
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam

from soundbeam.transforms.records import DecodeReport, RangeReport, Recording, Scored

# The programs show this logger on stderr; a cluster puts it among its workers' logs.
LOGGER = logging.getLogger("soundbeam.progress")
# In a log: the first lines after so many seconds each, later ones after a tenth of the time so far.
EVERY_S, SELDOM_S = 10.0, 300.0
# No speed, and no time left, before so many seconds: it would jump.
_STEADY_S = 5.0


@dataclasses.dataclass
class Meter:
    """What has gone by, of what there is. The clock starts with the first segment that is scored, so that loading the
    model does not count; what came with it does not count for the speed either.

    Attributes:
        recordings: Files done; one that was cut into ranges counts by its ranges.
        bytes: Of these.
        sound_s: Seconds of sound scored.
        total_recordings: How many files there are; 0 where nobody knows.
        total_bytes: Of all files; 0 where a store does not tell sizes.
    """

    recordings: float = 0.0
    bytes: float = 0.0
    sound_s: float = 0.0
    total_recordings: int = 0
    total_bytes: int = 0
    _start: float | None = None
    _before: tuple[float, float] = (0.0, 0.0)

    def add(self, now: float, sound_s: float = 0.0, recording: Recording | None = None, share: float = 1.0) -> None:
        """Counts sound that was scored, or a share of a recording that ended, at ``now`` (seconds on some clock)."""
        self.sound_s += sound_s
        if recording is not None:
            self.recordings += share
            self.bytes += share * recording.bytes
            self.total_recordings, self.total_bytes = recording.total_recordings, recording.total_bytes
        if self._start is None and sound_s:
            self._start, self._before = now, (self.sound_s, self.done)

    @property
    def done(self) -> float:
        """Which part of all is done, 0 to 1: by bytes, or by files where sizes are not known."""
        if self.total_bytes:
            return min(1.0, self.bytes / self.total_bytes)
        return min(1.0, self.recordings / self.total_recordings) if self.total_recordings else 0.0

    def line(self, now: float, whole_scan: bool = True) -> str:
        """What a person reads; ``whole_scan``: whether this meter sees the whole scan, or one worker's part of it."""
        recordings = int(self.recordings + 1e-6)
        if whole_scan and self.total_recordings:
            text = f"scanning: {recordings:,} of {self.total_recordings:,} recordings ({int(100 * self.done)} %)"
        else:
            text = f"scanning{'' if whole_scan else ' (this worker)'}: {recordings:,} recordings"
        text += f", {self.sound_s / 3600:.2f} h of sound"
        spent = 0.0 if self._start is None else now - self._start
        if spent < _STEADY_S:
            return text
        sound_s, done = self.sound_s - self._before[0], self.done - self._before[1]
        text += f", {sound_s / spent:,.0f} × real time"
        if whole_scan and done > 0.01:
            text += f", about {duration(spent * (1 - self.done) / done)} left"
        return text


def duration(seconds: float) -> str:
    """A time in the two units that a person would say it in."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


class AddTotals(beam.PTransform):
    """Notes in each Recording how many of them there are, and how many bytes.

    Not a side input of the step that reports: Flink and Spark end a fused stage before a step with a side input, and
    a recording's segments and report must stay in one.
    """

    def expand(self, recordings: beam.PCollection[Recording]) -> beam.PCollection[Recording]:
        """Adds the steps to the graph."""
        sizes = recordings | "Sizes" >> beam.Map(lambda recording: (1, recording.bytes))
        totals = sizes | "AllSizes" >> beam.CombineGlobally(_sum).without_defaults()  # unused where there are none
        return recordings | "NoteListed" >> beam.Map(_with_totals, beam.pvalue.AsSingleton(totals))


def _sum(pairs: Iterable[tuple[int, int]]) -> tuple[int, int]:
    files = size = 0
    for f, b in pairs:
        files, size = files + f, size + b
    return files, size


def _with_totals(recording: Recording, totals: tuple[int, int]) -> Recording:
    return dataclasses.replace(recording, total_recordings=totals[0], total_bytes=totals[1])


@dataclasses.dataclass
class ReportProgress(beam.PTransform):
    """Passes `SegmentScores` and `DecodeReport` on and logs now and then what has gone by in this process.

    Args:
        hop_s: Seconds of sound that a window adds.
        every_s: A line each so many seconds; None: as suits a log.
    """

    hop_s: float
    every_s: float | None = None

    def expand(self, scores: beam.PCollection) -> beam.PCollection:
        """Adds the step to the graph."""
        return scores | "Report" >> beam.ParDo(_Report(self.hop_s, self.every_s))


class _Shared:
    """One meter for all threads of a process, and when its line was last shown."""

    def __init__(self) -> None:
        self.meter, self.lock = Meter(), threading.Lock()
        self.start = self.shown = time.monotonic()


# The newest scan's, by its token; of an older one in this process nothing is asked any more.
_shared: dict[str, _Shared] = {}
_shared_lock = threading.Lock()


class _Report(beam.DoFn):
    def __init__(self, hop_s: float, every_s: float | None):
        self._hop_s, self._every_s = hop_s, every_s
        self._token, self._driver = uuid.uuid4().hex, os.getpid()

    def setup(self) -> None:
        with _shared_lock:
            if self._token not in _shared:
                _shared.clear()
                _shared[self._token] = _Shared()
            self._progress = _shared[self._token]

    def process(self, scored: Scored) -> Iterator[Any]:
        yield scored
        now, shared = time.monotonic(), self._progress
        with shared.lock:
            if isinstance(scored, DecodeReport):
                shared.meter.add(now, recording=scored.recording)
            elif isinstance(scored, RangeReport):
                shared.meter.add(now, recording=scored.part.recording, share=1 / scored.part.ranges)
            else:
                shared.meter.add(now, sound_s=len(scored.start_s) * self._hop_s)
            spent = now - shared.start
            due = self._every_s or min(max(EVERY_S, spent / 10), SELDOM_S)
            if now - shared.shown < due or not int(shared.meter.recordings + shared.meter.sound_s / 60):
                return
            shared.shown = now
            line = shared.meter.line(now, whole_scan=os.getpid() == self._driver)
        LOGGER.info(line)

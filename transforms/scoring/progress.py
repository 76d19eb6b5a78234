"""Reports the progress of a scan, a line at intervals: files, hours of sound, speed, and the time left."""

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

from soundbeam.transforms.packs import packed, unpack
from soundbeam.transforms.records import DecodeReport, RangeReport, Recording, Scored

# The programs show this logger on stderr; a cluster puts it among its workers' logs.
LOGGER = logging.getLogger("soundbeam.progress")
# Seconds between two lines in a log: first the shorter time, then a tenth of the time so far, up to the longer one.
EVERY_S, SELDOM_S = 10.0, 300.0
# How many seconds pass before the speed and the time left are shown; before, they would fluctuate.
_STEADY_S = 5.0


@dataclasses.dataclass
class Meter:
    """Adds up what has been scanned. The clock starts with the first scored segment, so that loading the model does not
    count; that segment does not count for the speed either.

    Attributes:
        recordings: How many files are done; of one that was split into ranges, each range counts as its share.
        bytes: The size of these files.
        sound_s: How many seconds of sound were scored.
        total_recordings: How many files there are; 0 if unknown.
        total_bytes: The size of all files; 0 if a store does not report sizes.
    """

    recordings: float = 0.0
    bytes: float = 0.0
    sound_s: float = 0.0
    total_recordings: int = 0
    total_bytes: int = 0
    _start: float | None = None
    _before: tuple[float, float] = (0.0, 0.0)

    def add(self, now: float, sound_s: float = 0.0, recording: Recording | None = None, share: float = 1.0) -> None:
        """Adds scored sound, or a finished share of a recording, at the time ``now`` (seconds on some clock)."""
        self.sound_s += sound_s
        if recording is not None:
            self.recordings += share
            self.bytes += share * recording.bytes
            self.total_recordings, self.total_bytes = recording.total_recordings, recording.total_bytes
        if self._start is None and sound_s:
            self._start, self._before = now, (self.sound_s, self.done)

    @property
    def done(self) -> float:
        """The share that is done, 0 to 1: by bytes, or by files if sizes are unknown."""
        if self.total_bytes:
            return min(1.0, self.bytes / self.total_bytes)
        return min(1.0, self.recordings / self.total_recordings) if self.total_recordings else 0.0

    def line(self, now: float, whole_scan: bool = True) -> str:
        """The line to show; ``whole_scan`` says whether this meter sees the whole scan or only one worker's part."""
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
    """A duration in one or two units, as a person would say it."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


class AddTotals(beam.PTransform):
    """Adds to each Recording the number and total size of all recordings.

    The reporting step does not take them as a side input, because Flink and Spark end a fused stage before a step with
    one, and the segments and the report of a recording must stay in one stage.
    """

    def expand(self, recordings: beam.PCollection[Recording]) -> beam.PCollection[Recording]:
        """Adds the steps to the graph."""
        sizes = recordings | "Sizes" >> beam.Map(lambda recording: (1, recording.bytes))
        totals = (
            sizes | "AllSizes" >> beam.CombineGlobally(_sum).without_defaults()
        )  # not used if there are no recordings
        # What waits for a side input is held in memory by the local runner.
        packs = packed(recordings, "PackListed")
        note = beam.FlatMap(_with_totals, beam.pvalue.AsSingleton(totals)).with_output_types(Recording)
        return packs | "NoteListed" >> note


def _sum(pairs: Iterable[tuple[int, int]]) -> tuple[int, int]:
    files = size = 0
    for f, b in pairs:
        files, size = files + f, size + b
    return files, size


def _with_totals(data: bytes, totals: tuple[int, int]) -> Iterator[Recording]:
    for recording in unpack(data):
        yield dataclasses.replace(recording, total_recordings=totals[0], total_bytes=totals[1])


@dataclasses.dataclass
class ReportProgress(beam.PTransform):
    """Passes `SegmentScores` and `DecodeReport` on, and logs at intervals what this process has done.

    Args:
        hop_s: Seconds of sound that a window adds.
        every_s: Seconds between two lines; None for intervals that suit a log.
    """

    hop_s: float
    every_s: float | None = None

    def expand(self, scores: beam.PCollection) -> beam.PCollection:
        """Adds the step to the graph."""
        return scores | "Report" >> beam.ParDo(_Report(self.hop_s, self.every_s))


class _Shared:
    """The meter that all threads of a process share, and when its line was last shown."""

    def __init__(self) -> None:
        self.meter, self.lock = Meter(), threading.Lock()
        self.start = self.shown = time.monotonic()


# That of the newest scan in this process, by its token; older ones are no longer needed.
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

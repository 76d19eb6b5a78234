"""Recordings → segments and reports, decoded in processes beside each worker, ahead of scoring."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import numpy as np
from apache_beam.transforms.window import GlobalWindows

from soundbeam.model.windows import WindowSpec
from soundbeam.transforms.counters import count
from soundbeam.transforms.decoders import check_decoder
from soundbeam.transforms.decoding.blocks import decode_blocks
from soundbeam.transforms.decoding.excerpt import read_recording
from soundbeam.transforms.decoding.ranges import report_of
from soundbeam.transforms.decoding.recording import decode_listed, decode_recording
from soundbeam.transforms.isolation.isolated_process import MEMORY_BYTES, IsolatedTask, TaskFailed
from soundbeam.transforms.isolation.pool import Ended, Pool
from soundbeam.transforms.records import Channel, Decoded, DecodeReport, Listed, Range, RangeReport, Segment

__all__ = ["DecodeRecordings", "decode_blocks", "decode_recording", "patience_s", "read_recording"]

# How many recordings a decoding process is given before the worker waits for results.
RECORDINGS_PER_PROCESS = 8
# How many copies of its samples a segment may take in memory while it is assembled and sent.
_COPIES = 8


def patience_s(size: int) -> float:
    """How many seconds a worker waits for a file of ``size`` bytes to be decoded: far longer than it should take.

    Decoding runs at 20 MB a second and more; a store may be as slow as 200 kB a second.
    """
    return 60.0 + 5.0 * size / 1e6


def report_of_broken(part: Range, segments: list[Segment], failure: TaskFailed) -> DecodeReport | RangeReport:
    """The report of a recording or range whose decoding failed in its process, after it had yielded ``segments``."""
    report = RangeReport(
        part,
        windows=sum(len(s.offsets) for s in segments),
        segments=len(segments),
        last_s=float(segments[-1].end_s[-1]) if segments else None,
        problems=((failure.reason, failure.cause),),
    )
    return report_of([report]) if part.ranges == 1 else report


@dataclasses.dataclass
class DecodeRecordings(beam.PTransform):
    """Recording → its Segments, then its DecodeReport, in one output, so that they can be joined without a shuffle.

    A Range of a split recording yields its Segments, then its RangeReport.

    Whatever happens to a recording is in its report, and no recording can end the run: a decoder that crashes, hangs or
    uses up memory does so in a process of its own. This process also decodes while the worker scores.

    Args:
        spec: Which windows, at which rate.
        segment_s: About how long a segment is, seconds; this bounds memory.
        decoder: ``soundfile`` or ``tensorflow-io``.
        channel: ``mean``, the number of a channel from 1 on, or ``each``.
        isolated: Whether to decode in other processes; if not, the rows are the same as long as nothing crashes.
        processes: How many processes decode for each worker.

    Raises:
        SoundbeamError: There is no such decoder.
    """

    spec: WindowSpec
    segment_s: float = 60.0
    decoder: str = "soundfile"
    channel: Channel = "mean"
    isolated: bool = True
    processes: int = 1

    def __post_init__(self):
        check_decoder(self.decoder)

    def expand(self, recordings: beam.PCollection) -> beam.PCollection:
        """Recordings and ranges → segments and reports."""
        arguments = (self.spec, self.segment_s, self.decoder, self.channel)
        step = _DecodeAhead(arguments, self.processes) if self.isolated else _Decode(arguments)
        return recordings | "Decode" >> beam.ParDo(step)


@beam.typehints.with_input_types(Listed)
@beam.typehints.with_output_types(Decoded)
class _Decode(beam.DoFn):
    def __init__(self, arguments: tuple[Any, ...]):
        self._arguments = arguments

    def process(self, listed: Listed) -> Iterator[Any]:
        yield from decode_listed(listed, *self._arguments)


@beam.typehints.with_input_types(Listed)
@beam.typehints.with_output_types(Decoded)
class _DecodeAhead(beam.DoFn):
    """Gives recordings to the decoding processes and passes on their results."""

    def __init__(self, arguments: tuple[Any, ...], processes: int):
        self._arguments, self._processes = arguments, processes
        spec, segment_s = arguments[:2]
        # The same limit for all ordinary segments, so that a process kept from another step or scan can be used.
        self._memory = max(MEMORY_BYTES, MEMORY_BYTES // 2 + round(_COPIES * 4 * segment_s * spec.rate))

    def setup(self) -> None:
        self._pool = Pool(self._processes, self._memory)
        self._keys = itertools.count()

    def start_bundle(self) -> None:
        self._pool.forget()
        # Recordings and ranges that are not finished, and their segments so far, without samples.
        self._pending: dict[int, tuple[Range, list[Segment]]] = {}

    def process(self, listed: Listed) -> Iterator[Any]:
        part = listed if isinstance(listed, Range) else Range(listed)
        key = next(self._keys)
        self._pending[key] = part, []
        self._pool.start(key, IsolatedTask(decode_listed, (part, *self._arguments), patience_s(part.recording.bytes)))
        while self._pool.ready() or len(self._pending) > RECORDINGS_PER_PROCESS * self._processes:
            yield from self._take()

    def finish_bundle(self) -> Iterator[Any]:
        while self._pending:
            for result in self._take():
                yield GlobalWindows.windowed_value(result)

    def teardown(self) -> None:
        self._pool.close()

    def _take(self) -> Iterator[Decoded]:
        key, result = self._pool.take()
        part, segments = self._pending[key]
        if not isinstance(result, Ended):
            if isinstance(result, Segment):
                # Kept for the report, without the samples: even a view would keep them in memory.
                segments.append(dataclasses.replace(result, samples=np.zeros(0, np.float32)))
            yield result
            return
        del self._pending[key]
        for name, by in result.counts.items():
            count(name, by)
        if result.broken is not None:
            yield report_of_broken(part, segments, result.broken)

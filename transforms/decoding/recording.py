"""A recording → segments: decoded block by block to one channel at the classifier's rate, and split at windows.

Nothing here needs Beam or TensorFlow, so a process that only decodes starts fast.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Sequence

import numpy as np

from soundbeam.model.storage.content import content_hash
from soundbeam.model.storage.files import state_of
from soundbeam.model.windows import WindowSpec
from soundbeam.transforms.counters import count
from soundbeam.transforms.decoders import DecodeError
from soundbeam.transforms.decoding.blocks import DecodedSoFar, as_decode_error, decode_blocks
from soundbeam.transforms.decoding.ranges import report_of
from soundbeam.transforms.decoding.segments import split_into_segments
from soundbeam.transforms.records import Channel, Decoded, DecodeReport, Listed, Range, RangeReport, Recording, Segment

# Windows and stretches that were not recorded are compared in seconds, which are rounded.
_ROUNDING_S = 1e-6


def decode_recording(
    recording: Recording,
    spec: WindowSpec,
    segment_s: float = 60.0,
    decoder: str = "soundfile",
) -> Iterator[Segment | DecodeReport]:
    """Decodes a recording into segments, then reports how it went; never raises an exception.

    Args:
        recording: What to decode.
        spec: Which windows.
        segment_s: About how long a segment is, seconds.
        decoder: ``soundfile`` or ``tensorflow-io``.

    Yields:
        Segments, then exactly one DecodeReport: ``ok``; ``partial`` if something is missing or was repaired but there
        are windows; ``failed`` if there are no windows.
    """
    for result in decode_range(Range(recording), spec, segment_s, decoder):
        yield result if isinstance(result, Segment) else report_of([result])


def decode_range(
    part: Range,
    spec: WindowSpec,
    segment_s: float = 60.0,
    decoder: str = "soundfile",
    channel: Channel = "mean",
) -> Iterator[Segment | RangeReport]:
    """Decodes one range of a recording: the same segments as in the whole, then one RangeReport; never raises."""
    if channel != "each":
        yield from _decode_channel(part, spec, segment_s, decoder, None if channel == "mean" else channel)
        return
    reports: list[RangeReport] = []
    while not reports or len(reports) < (reports[0].channels or 1):
        for result in _decode_channel(part, spec, segment_s, decoder, len(reports) + 1):
            if isinstance(result, Segment):
                yield dataclasses.replace(result, channel=len(reports) + 1)
            else:
                reports.append(result)
    yield dataclasses.replace(
        reports[0],
        windows=sum(report.windows for report in reports),
        segments=sum(report.segments for report in reports),
        full=all(report.full for report in reports),
        problems=tuple(dict.fromkeys(problem for report in reports for problem in report.problems)),
        unusable=sum(report.unusable for report in reports),
        defects=tuple(dict.fromkeys(defect for report in reports for defect in report.defects)),
        channel=None,
    )


def _decode_channel(
    part: Range, spec: WindowSpec, segment_s: float, decoder: str, channel: int | None
) -> Iterator[Segment | RangeReport]:
    decoded, problems = DecodedSoFar(), list[DecodeError]()
    windows = segments = 0
    last_s, ended = None, False
    first, own = spec.needed_from(part.first), (spec.start(part.first), part.end and spec.start(part.end))

    def blocks() -> Iterator[np.ndarray]:
        # A break only ends the stream, so the last window before it is placed as at the end of any recording.
        nonlocal ended
        try:
            yield from decode_blocks(part.recording.uri, spec.rate, decoder, decoded, first, own, channel)
        except Exception as e:
            problems.append(as_decode_error(e))
        ended = True

    try:
        for segment in split_into_segments(blocks(), spec, segment_s, part.recording.uri, part.first, part.end):
            segment = without_gaps(segment, decoded.gaps, decoded.sample_rate)
            if not len(segment.offsets):
                continue
            windows, segments, last_s = windows + len(segment.offsets), segments + 1, float(segment.end_s[-1])
            yield dataclasses.replace(segment, of_range=True) if part.ranges > 1 else segment
    except Exception as e:
        problems.append(as_decode_error(e))
        ended = True
    count("segments", segments)
    count("windows", windows)
    until = decoded.frames if ended else decoded.bounds[1]
    count("audio_ms", round(1000 * max(0, until - decoded.bounds[0]) / (decoded.sample_rate or 1)))
    yield RangeReport(
        part,
        windows,
        segments,
        full=not ended,
        last_s=last_s,
        frames=decoded.frames,
        sample_rate=decoded.sample_rate,
        channels=decoded.channels,
        problems=tuple((p.message, p.cause) for p in problems),
        unusable=decoded.unusable + (decoded.unusable_beyond if ended else 0),
        defects=tuple(decoded.defects),
        sums=decoded.sums,
        channel=channel,
        gap_frames=sum(end - start for start, end in decoded.gaps),
        expansion=decoded.expansion,
        content=content_hash(part.recording.uri) if part.index == 0 and decoded.frames else "",
    )


def without_gaps(segment: Segment, gaps: Sequence[tuple[int, int]], sample_rate: int | None) -> Segment:
    """The segment without the windows that lie in stretches that were not recorded: there is nothing to listen to.

    Args:
        segment: A segment.
        gaps: The first frame and the end of each stretch, in order.
        sample_rate: Frames per second.
    """
    if not gaps or not sample_rate:
        return segment
    starts, ends = (np.asarray(gaps, np.float64) / sample_rate).T
    gap = np.maximum(0, np.searchsorted(starts, segment.start_s + _ROUNDING_S, "right") - 1)
    heard = ~((starts[gap] <= segment.start_s + _ROUNDING_S) & (ends[gap] >= segment.end_s - _ROUNDING_S))
    if heard.all():
        return segment
    return dataclasses.replace(
        segment, offsets=segment.offsets[heard], start_s=segment.start_s[heard], end_s=segment.end_s[heard]
    )


def decode_listed(
    listed: Listed,
    spec: WindowSpec,
    segment_s: float = 60.0,
    decoder: str = "soundfile",
    channel: Channel = "mean",
) -> Iterator[Decoded]:
    """Decodes a recording or range, checks whether the file is still the one that was listed, and counts the time.

    A file that was replaced, or is still being written, is ``partial`` (or ``failed``): its rows may mix two versions.
    Its row holds the listed version, so the next scan sees that the file has changed and scans it again.
    """
    part = listed if isinstance(listed, Range) else Range(listed)
    results = decode_range(part, spec, segment_s, decoder, channel)
    spent = 0.0
    while True:
        start = time.perf_counter()  # of decoding alone: later steps run between two results
        result = next(results, None)
        if isinstance(result, RangeReport):
            result = dataclasses.replace(result, changed=_changed(part.recording))
        spent += time.perf_counter() - start
        if result is None:
            break
        yield report_of([result]) if isinstance(result, RangeReport) and part.ranges == 1 else result
    count("decode_ms", round(1000 * spent))


def _changed(listed: Recording) -> bool:
    try:
        now = state_of(listed.uri)
    except Exception:  # It was deleted, or the store does not answer: as far as one can tell, what was listed was read.
        return False
    return bool(listed.version) and now != (listed.bytes, listed.version)

"""A recording → segments: decoded block by block to one channel at the classifier's rate, and split at windows.

Nothing here needs Beam or TensorFlow, so a process that only decodes starts fast.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import time
from collections.abc import Iterator

import numpy as np

from soundbeam.model.storage.files import state_of
from soundbeam.model.storage.stores import one_line
from soundbeam.model.windows import WindowSpec
from soundbeam.transforms.counters import count
from soundbeam.transforms.decoders import AudioStream, DecodeError, make_resampler, open_decoder, resampler_period
from soundbeam.transforms.decoding.ranges import report_of
from soundbeam.transforms.decoding.segments import split_into_segments
from soundbeam.transforms.isolation.own_faults import OwnFault, own_fault
from soundbeam.transforms.records import Decoded, DecodeReport, Listed, Range, RangeReport, Recording, Segment

# A rate outside this range means a damaged header. The lowest one bounds how much a block grows by resampling.
_RATES = (100, 20_000_000)
_MOST_OUTPUT = 1 << 20  # samples that resampling one piece of a block may yield
# A sample this large is not sound in any unit, and adding several up would overflow.
_ABSURD = 1e12
# A header may be wrong by a frame of the codec without anything being lost.
_MISSING_S = 0.1


@dataclasses.dataclass
class DecodedSoFar:
    """What is known about a recording so far; filled in while it is decoded.

    Attributes:
        sample_rate, channels: The file's own; None before it is open.
        frames: Frames from the recording's start to where decoding has come, at the file's rate.
        unusable: How many samples were not numbers, or absurdly large; they became 0.
        bounds: The frames between which those are counted; later ones are counted in ``unusable_beyond``.
        notes: What is wrong with the file although everything was decoded; one line each.
    """

    sample_rate: int | None = None
    channels: int | None = None
    frames: int = 0
    unusable: int = 0
    unusable_beyond: int = 0
    bounds: tuple[float, float] = (0, math.inf)
    notes: list[str] = dataclasses.field(default_factory=list)

    @property
    def duration_s(self) -> float | None:
        """How many seconds were decoded; None if none were."""
        return self.frames / self.sample_rate if self.frames and self.sample_rate else None

    def count_unusable(self, bad: np.ndarray) -> None:
        """Counts the bad samples, bool ``[frames, channels]``, of the block that ends at ``frames``."""
        at = self.frames - len(bad) + np.flatnonzero(bad.any(axis=1))
        each = bad.sum(axis=1)[at - (self.frames - len(bad))]
        self.unusable += int(each[(at >= self.bounds[0]) & (at < self.bounds[1])].sum())
        self.unusable_beyond += int(each[at >= self.bounds[1]].sum())


def decode_blocks(
    uri: str,
    rate: int,
    decoder: str = "soundfile",
    decoded: DecodedSoFar | None = None,
    first: int = 0,
    own_samples: tuple[int, int | None] = (0, None),
) -> Iterator[np.ndarray]:
    """Decodes a recording as a stream, in memory that does not grow with its length.

    Args:
        uri: The recording.
        rate: Samples per second of the result.
        decoder: ``soundfile`` or ``tensorflow-io``.
        decoded: Filled in on the way.
        first: The first sample to yield.
        own_samples: The first sample and the end of what the caller counts; unusable samples after it are counted
            separately.

    Yields:
        float32 ``[samples]`` of any lengths: the mean of all channels.

    Raises:
        DecodeError: The recording cannot be read, or breaks off; everything before the break has been yielded.
    """
    decoded = DecodedSoFar() if decoded is None else decoded
    with open_decoder(uri, decoder) as stream:
        at = seek_before(stream, first, rate, resampler_period(decoder, stream.sample_rate, rate)) if first else 0
        decoded.frames = at * stream.sample_rate // rate
        start, end = own_samples
        beyond = math.inf if end is None else end * stream.sample_rate // rate
        decoded.bounds = start * stream.sample_rate // rate, beyond
        for block in resampled(stream, rate, decoder, decoded):
            skip, at = max(0, first - at), at + len(block)
            if skip < len(block):
                yield block[skip:]
        if stream.promised and decoded.frames < stream.promised - _MISSING_S * stream.sample_rate:
            promised_s, decoded_s = stream.promised / stream.sample_rate, decoded.frames / stream.sample_rate
            message = (
                f"cut off or damaged: it holds {decoded_s:.1f} s of the {promised_s:.1f} s that its header promises"
            )
            raise DecodeError(message, "truncated")
        decoded.notes += stream.notes


def seek_before(stream: AudioStream, first: int, rate: int, period: int | None) -> int:
    """Moves a stream to shortly before a sample of the output; returns the index in the output of its first sample.

    Args:
        stream: A stream that has not been read yet.
        first: The sample.
        rate: Of the output.
        period: The period of the resampler, in frames, which lets it start in the right phase.
    """
    # Two seconds are far more than the length of the resampler's filter.
    frame = (first - 2 * rate) * stream.sample_rate // rate
    if period is None or frame < period or not stream.seek(frame := frame // period * period):
        return 0
    return frame * rate // stream.sample_rate


def resampled(stream: AudioStream, rate: int, decoder: str, decoded: DecodedSoFar) -> Iterator[np.ndarray]:
    """The rest of a stream as ``decode_blocks`` yields it."""
    decoded.sample_rate, decoded.channels = stream.sample_rate, stream.channels
    if not _RATES[0] <= stream.sample_rate <= _RATES[1]:
        raise DecodeError(f"its header says {stream.sample_rate} Hz, which no recording has; the header is damaged")
    resampler = None if stream.sample_rate == rate else make_resampler(decoder, stream.sample_rate, rate)
    piece = max(1, _MOST_OUTPUT * stream.sample_rate // rate)
    error = None
    try:
        for block in stream.blocks():
            decoded.frames += len(block)
            mono = _mono(block, decoded)
            if resampler is None:
                yield mono
                continue
            for at in range(0, len(mono), piece):
                yield resampler.feed(mono[at : at + piece])
    except DecodeError as e:
        message = f"decoding stopped at {decoded.duration_s:.1f} s: {e.message}" if decoded.frames else e.message
        error = DecodeError(message, e.cause)
        error.__cause__ = e
    if resampler is not None:
        yield resampler.finish()
    if error is not None:
        raise error


def _mono(block: np.ndarray, decoded: DecodedSoFar) -> np.ndarray:
    """The mean of the channels, float32 ``[frames]``; samples that are not numbers become 0 and are counted."""
    with np.errstate(over="ignore", invalid="ignore"):
        # Column by column: `block.mean(axis=1)`, with the same result, takes 30 times as long, as long as decoding WAV.
        mono = functools.reduce(np.add, block.T[1:], block[:, 0])
        if block.shape[1] > 1:
            mono /= np.float32(block.shape[1])
        if not len(mono) or (mono.min() > -_ABSURD and mono.max() < _ABSURD):  # false for NaN too
            return mono
        bad = ~(np.abs(block) < _ABSURD)
    decoded.count_unusable(bad)
    return np.where(bad, np.float32(0), block).mean(axis=1, dtype=np.float32)


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
) -> Iterator[Segment | RangeReport]:
    """Decodes one range of a recording: the same segments as in the whole, then one RangeReport; never raises."""
    decoded, problems = DecodedSoFar(), list[DecodeError]()
    windows = segments = 0
    last_s, ended = None, False
    first, own = spec.needed_from(part.first), (spec.start(part.first), part.end and spec.start(part.end))

    def blocks() -> Iterator[np.ndarray]:
        # A break only ends the stream, so the last window before it is placed as at the end of any recording.
        nonlocal ended
        try:
            yield from decode_blocks(part.recording.uri, spec.rate, decoder, decoded, first, own)
        except Exception as e:
            problems.append(as_decode_error(e))
        ended = True

    try:
        for segment in split_into_segments(blocks(), spec, segment_s, part.recording.uri, part.first, part.end):
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
        notes=tuple(decoded.notes),
    )


def decode_listed(
    listed: Listed,
    spec: WindowSpec,
    segment_s: float = 60.0,
    decoder: str = "soundfile",
) -> Iterator[Decoded]:
    """Decodes a recording or range, checks whether the file is still the one that was listed, and counts the time.

    A file that was replaced, or is still being written, is ``partial`` (or ``failed``): its rows may mix two versions.
    Its row holds the listed version, so the next scan sees that the file has changed and scans it again.
    """
    part = listed if isinstance(listed, Range) else Range(listed)
    results = decode_range(part, spec, segment_s, decoder)
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


def as_decode_error(e: Exception) -> DecodeError:
    """Turns any exception into one that a user understands."""
    if reason := own_fault(e):
        raise OwnFault(reason) from e
    if isinstance(e, DecodeError):
        return e
    if isinstance(e, MemoryError):
        return DecodeError("not enough memory to decode it", "memory")
    return DecodeError(f"unexpected {type(e).__name__}: {one_line(e)}", "unexpected")

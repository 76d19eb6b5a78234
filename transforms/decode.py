"""Decodes recordings: block by block, to one channel at the classifier's rate, cut into segments of whole windows."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Iterator
from typing import Any, Union

import apache_beam as beam
import numpy as np

from model.errors import SoundbeamError
from transforms.counters import count
from transforms.decoders import AudioStream, DecodeError, check_decoder, make_resampler, open_decoder
from transforms.decoders.locations import one_line
from transforms.records import DecodeReport, Recording, Segment
from transforms.windows import WindowSpec, cut

# Rates outside of this are a damaged header; the lowest bounds how much a block grows when it is resampled.
_RATES = (100, 20_000_000)
_MOST_OUTPUT = 1 << 20  # samples after resampling one piece of a block
# A sample this large is no sound, in whatever unit; the sum of some would overflow.
_ABSURD = 1e12
# A header may be off by a frame of its codec without anything being lost.
_MISSING_S = 0.1


@dataclasses.dataclass
class Decoded:
    """What is known of a recording by now; filled in while it is decoded.

    Attributes:
        sample_rate, channels: The file's own; None before it is open.
        frames: Decoded so far, at the file's rate.
        unusable: Samples that were no numbers, or absurd; they became 0.
        notes: What is wrong although everything was decoded; one line each.
    """

    sample_rate: int | None = None
    channels: int | None = None
    frames: int = 0
    unusable: int = 0
    notes: list[str] = dataclasses.field(default_factory=list)

    @property
    def duration_s(self) -> float | None:
        """Seconds decoded; None where there were none."""
        return self.frames / self.sample_rate if self.frames and self.sample_rate else None


def decode_blocks(
    uri: str,
    rate: int,
    decoder: str = "soundfile",
    storage_options: dict[str, Any] | None = None,
    decoded: Decoded | None = None,
) -> Iterator[np.ndarray]:
    """Decodes a recording as a stream, in memory that does not grow with its length.

    Args:
        uri: The recording.
        rate: Samples a second to yield.
        decoder: ``soundfile`` or ``tensorflow-io``.
        storage_options: For fsspec.
        decoded: Filled in on the way.

    Yields:
        float32 ``[samples]`` of any lengths: the mean of all channels.

    Raises:
        DecodeError: The recording cannot be read, or breaks; all that came before the break has been yielded.
    """
    decoded = Decoded() if decoded is None else decoded
    with open_decoder(uri, decoder, storage_options) as stream:
        yield from _resampled(stream, rate, decoder, decoded)
        if stream.promised and decoded.frames < stream.promised - _MISSING_S * stream.sample_rate:
            promised, found = stream.promised / stream.sample_rate, decoded.frames / stream.sample_rate
            message = f"cut off or damaged: it holds {found:.1f} s of the {promised:.1f} s that its header promises"
            raise DecodeError(message, "truncated")
        decoded.notes += stream.notes


def _resampled(stream: AudioStream, rate: int, decoder: str, decoded: Decoded) -> Iterator[np.ndarray]:
    decoded.sample_rate, decoded.channels = stream.sample_rate, stream.channels
    if not _RATES[0] <= stream.sample_rate <= _RATES[1]:
        raise DecodeError(f"its header says {stream.sample_rate} Hz, which no recording has; the header is damaged")
    resampler = None if stream.sample_rate == rate else make_resampler(decoder, stream.sample_rate, rate)
    piece = max(1, _MOST_OUTPUT * stream.sample_rate // rate)
    trouble = None
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
        said = f"decoding stopped at {decoded.duration_s:.1f} s: {e.message}" if decoded.frames else e.message
        trouble = DecodeError(said, e.cause)
        trouble.__cause__ = e
    if resampler is not None:
        yield resampler.finish()
    if trouble is not None:
        raise trouble


def _mono(block: np.ndarray, decoded: Decoded) -> np.ndarray:
    """Mean of the channels, float32 ``[frames]``; what is no number becomes 0 and is counted."""
    with np.errstate(over="ignore", invalid="ignore"):
        mono = block.mean(axis=1, dtype=np.float32) if block.shape[1] > 1 else block[:, 0]
        if np.abs(mono).max(initial=0.0) < _ABSURD:  # false for NaN too
            return mono
        bad = ~(np.abs(block) < _ABSURD)
    decoded.unusable += int(bad.sum())
    return np.where(bad, np.float32(0), block).mean(axis=1, dtype=np.float32)


def decode_recording(
    recording: Recording,
    spec: WindowSpec,
    segment_s: float = 60.0,
    decoder: str = "soundfile",
    storage_options: dict[str, Any] | None = None,
) -> Iterator[Segment | DecodeReport]:
    """Decodes a recording into segments, then says how it went; never raises.

    Args:
        recording: What to decode.
        spec: Which windows.
        segment_s: About how long a segment is, seconds.
        decoder: ``soundfile`` or ``tensorflow-io``.
        storage_options: For fsspec.

    Yields:
        Segments, then exactly one DecodeReport: ``ok``; ``partial`` when something is missing or was mended but there
        are windows; ``failed`` when there is no window.
    """
    decoded, problems = Decoded(), list[DecodeError]()
    windows = segments = 0

    def blocks() -> Iterator[np.ndarray]:
        # A break ends the stream and no more, so that the windows before it are cut as at any recording's end.
        try:
            yield from decode_blocks(recording.uri, spec.rate, decoder, storage_options, decoded)
        except Exception as e:
            problems.append(_as_decode_error(e))

    try:
        for segment in cut(blocks(), spec, segment_s, recording.uri):
            windows, segments = windows + len(segment.offsets), segments + 1
            yield segment
    except Exception as e:
        problems.append(_as_decode_error(e))
    if decoded.unusable:
        total = decoded.frames * (decoded.channels or 1)
        message = f"{decoded.unusable} of {total} samples are no numbers (NaN, infinite or absurd); they became silence"
        problems.append(DecodeError(message, "samples"))
    problems += [DecodeError(note, "truncated") for note in decoded.notes]
    if not windows and not problems:
        problems.append(DecodeError("there is no sound in it (0 samples after the header)", "truncated"))
    status = "ok" if not problems else "partial" if windows else "failed"
    count(f"decode_{status}")
    if problems:
        count(f"decode_{status}_{problems[0].cause}")
    count("segments", segments)
    count("windows", windows)
    count("audio_ms", round(1000 * (decoded.duration_s or 0)))
    yield DecodeReport(
        recording=recording,
        status=status,
        stage="" if status == "ok" else "decode",
        error="; ".join(p.message for p in problems),
        duration_s=decoded.duration_s,
        sample_rate=decoded.sample_rate,
        channels=decoded.channels,
        windows=windows,
        segments=segments,
    )


def _as_decode_error(e: Exception) -> DecodeError:
    if isinstance(e, DecodeError):
        return e
    if isinstance(e, MemoryError):
        return DecodeError("not enough memory to decode it", "memory")
    return DecodeError(f"unexpected {type(e).__name__}: {one_line(e)}", "unexpected")


def read_recording(
    uri: str,
    rate: int,
    start_s: float = 0.0,
    end_s: float | None = None,
    decoder: str = "soundfile",
    storage_options: dict[str, Any] | None = None,
) -> np.ndarray:
    """Reads a stretch of a recording into memory.

    Args:
        uri: The recording.
        rate: Samples a second to give.
        start_s: Where the stretch begins, seconds.
        end_s: Where it ends; None is the recording's end.
        decoder: ``soundfile`` or ``tensorflow-io``.
        storage_options: For fsspec.

    Returns:
        float32 ``[samples]``, mono: the samples from round(start_s × rate) to round(end_s × rate) of the whole
        recording at that rate, to 1e-5; fewer where it ends, or breaks, before.

    Raises:
        SoundbeamError: There is nothing there to read.
    """
    if start_s < 0 or (end_s is not None and end_s <= start_s):
        raise SoundbeamError(f"{uri}: the stretch from {start_s} to {end_s} s is empty; give a start before its end")
    first, end = round(start_s * rate), math.inf if end_s is None else round(end_s * rate)
    parts, decoded = list[np.ndarray](), Decoded()
    problem: DecodeError | None = None
    try:
        with open_decoder(uri, decoder, storage_options) as stream:
            at = _skip_to(stream, first, rate)
            for block in _resampled(stream, rate, decoder, decoded):
                lo, hi = max(0, first - at), min(len(block), end - at)
                if lo < hi:
                    parts.append(block[lo : int(hi)])
                at += len(block)
                if at >= end:
                    break
    except DecodeError as e:
        problem = e
    except (OSError, MemoryError) as e:
        problem = _as_decode_error(e)
    if not parts:
        reason = problem.message if problem else f"it has no sound after {start_s} s"
        raise SoundbeamError(f"{uri}: {reason}") from problem
    return np.concatenate(parts)


def _skip_to(stream: AudioStream, first: int, rate: int) -> int:
    """Moves a stream to shortly before a sample of the output; gives the output's index of its first sample."""
    common = math.gcd(stream.sample_rate, rate)
    period_in, period_out = stream.sample_rate // common, rate // common
    # Whole periods keep the resampler's phase; two seconds before are far more than its filter sees.
    periods = (first - 2 * rate) // period_out
    return periods * period_out if periods > 0 and stream.seek(periods * period_in) else 0


@dataclasses.dataclass
class DecodeRecordings(beam.PTransform):
    """Recording → its Segments, then its DecodeReport, in one output: what follows can join them without a shuffle.

    Whatever happens to a recording ends in its report; nothing it does can end the run.

    Args:
        spec: Which windows, at which rate.
        segment_s: About how long a segment is, seconds: what bounds memory.
        decoder: ``soundfile`` or ``tensorflow-io``.
        storage_options: For fsspec.

    Raises:
        SoundbeamError: There is no such decoder.
    """

    spec: WindowSpec
    segment_s: float = 60.0
    decoder: str = "soundfile"
    storage_options: dict[str, Any] | None = None

    def __post_init__(self):
        check_decoder(self.decoder)

    def expand(self, recordings: beam.PCollection[Recording]) -> beam.PCollection:
        """Recordings → segments and reports."""
        step = _Decode(self.spec, self.segment_s, self.decoder, self.storage_options)
        return recordings | "Decode" >> beam.ParDo(step)


@beam.typehints.with_input_types(Recording)
@beam.typehints.with_output_types(Union[Segment, DecodeReport])  # noqa: UP007  Beam reads it on Python 3.10 too
class _Decode(beam.DoFn):
    def __init__(self, *args: Any):
        self._args = args

    def process(self, recording: Recording) -> Iterator[Any]:
        results = decode_recording(recording, *self._args)
        spent = 0.0
        while True:
            start = time.perf_counter()  # of decoding alone: what follows runs while this step waits
            result = next(results, None)
            spent += time.perf_counter() - start
            if result is None:
                break
            yield result
        count("decode_ms", round(1000 * spent))

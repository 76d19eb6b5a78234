"""A recording → segments: decoded block by block to one channel at the classifier's rate, cut into whole windows.

Nothing here needs Beam or TensorFlow, so that a process that does nothing else starts fast.
"""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from model.files import one_line, state_of
from transforms.counters import count
from transforms.decoders import AudioStream, DecodeError, make_resampler, open_decoder
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
        yield from resampled(stream, rate, decoder, decoded)
        if stream.promised and decoded.frames < stream.promised - _MISSING_S * stream.sample_rate:
            promised, found = stream.promised / stream.sample_rate, decoded.frames / stream.sample_rate
            message = f"cut off or damaged: it holds {found:.1f} s of the {promised:.1f} s that its header promises"
            raise DecodeError(message, "truncated")
        decoded.notes += stream.notes


def resampled(stream: AudioStream, rate: int, decoder: str, decoded: Decoded) -> Iterator[np.ndarray]:
    """The rest of a stream as ``decode_blocks`` yields it."""
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
        # Column by column: `block.mean(axis=1)`, of the same value, takes 30 times as long, as long as decoding WAV.
        mono = functools.reduce(np.add, block.T[1:], block[:, 0])
        if block.shape[1] > 1:
            mono /= np.float32(block.shape[1])
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
            problems.append(as_decode_error(e))

    try:
        for segment in cut(blocks(), spec, segment_s, recording.uri):
            windows, segments = windows + len(segment.offsets), segments + 1
            yield segment
    except Exception as e:
        problems.append(as_decode_error(e))
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


def decode_listed(
    recording: Recording,
    spec: WindowSpec,
    segment_s: float = 60.0,
    decoder: str = "soundfile",
    storage_options: dict[str, Any] | None = None,
) -> Iterator[Segment | DecodeReport]:
    """``decode_recording``, and a look afterwards whether the file still is what was listed; counts its time.

    A file that was replaced, or is still being written, is ``partial`` (or ``failed``): its rows may mix two versions.
    The version in its row is the listed one, so that the next scan finds another and scans it again.
    """
    results = decode_recording(recording, spec, segment_s, decoder, storage_options)
    spent = 0.0
    while True:
        start = time.perf_counter()  # of decoding alone: what follows runs while this waits
        result = next(results, None)
        if isinstance(result, DecodeReport):
            result = _checked(result, storage_options)
        spent += time.perf_counter() - start
        if result is None:
            break
        yield result
    count("decode_ms", round(1000 * spent))


def _checked(report: DecodeReport, storage_options: dict[str, Any] | None) -> DecodeReport:
    listed = report.recording
    try:
        now = state_of(listed.uri, storage_options)
    except (
        Exception
    ):  # Gone, or a store that does not answer: what was read is what was listed, as far as one can tell.
        return report
    if not listed.version or now == (listed.bytes, listed.version):
        return report
    count("decode_changed")
    said = "the file changed while it was read (replaced, or still being written): the next scan tries it again"
    return dataclasses.replace(
        report,
        status="partial" if report.windows else "failed",
        stage="decode",
        error=f"{report.error}; {said}" if report.error else said,
    )


def as_decode_error(e: Exception) -> DecodeError:
    """Any exception in a user's words."""
    if isinstance(e, DecodeError):
        return e
    if isinstance(e, MemoryError):
        return DecodeError("not enough memory to decode it", "memory")
    return DecodeError(f"unexpected {type(e).__name__}: {one_line(e)}", "unexpected")

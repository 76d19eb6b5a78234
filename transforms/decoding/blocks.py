"""A recording → blocks of samples: of one channel, at the classifier's rate.

Nothing here needs Beam or TensorFlow, so a process that only decodes starts fast.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

import numpy as np

from soundbeam.model.storage.stores import one_line
from soundbeam.transforms.channels import ChannelSums, SeparatedBlock, sums_of
from soundbeam.transforms.decoders import AudioStream, DecodeError, make_resampler, open_decoder, resampler_period
from soundbeam.transforms.isolation.own_faults import OwnFault, own_fault

# A rate outside this range means a damaged header. The lowest one bounds how much a block grows by resampling.
_RATES = (100, 20_000_000)
_MOST_OUTPUT = 1 << 20  # samples that resampling one piece of a block may yield
# A sample this large is not sound in any unit, and adding several up would overflow.
_ABSURD = 1e12
_PLAIN = 1e6  # the means of smaller samples need no check
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
        defects: What is wrong with the file although everything was decoded; one line each.
        sums: Of the samples in the blocks that begin within the bounds.
        gaps, expansion: As in ``AudioStream``.
    """

    sample_rate: int | None = None
    channels: int | None = None
    frames: int = 0
    unusable: int = 0
    unusable_beyond: int = 0
    bounds: tuple[float, float] = (0, math.inf)
    defects: list[str] = dataclasses.field(default_factory=list)
    sums: ChannelSums = dataclasses.field(default_factory=ChannelSums)
    gaps: list[tuple[int, int]] = dataclasses.field(default_factory=list)
    expansion: int = 1

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
    channel: int | None = None,
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
        channel: The channel to decode, from 1 on; None for the mean of all.

    Yields:
        float32 ``[samples]`` of any lengths.

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
        for block in resampled(stream, rate, decoder, decoded, channel):
            skip, at = max(0, first - at), at + len(block)
            if skip < len(block):
                yield block[skip:]
        if stream.promised and decoded.frames < stream.promised - _MISSING_S * stream.sample_rate:
            promised_s, decoded_s = stream.promised / stream.sample_rate, decoded.frames / stream.sample_rate
            message = (
                f"cut off or damaged: it holds {decoded_s:.1f} s of the {promised_s:.1f} s that its header promises"
            )
            raise DecodeError(message, "truncated")
        decoded.defects += stream.defects


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


def resampled(
    stream: AudioStream, rate: int, decoder: str, decoded: DecodedSoFar, channel: int | None = None
) -> Iterator[np.ndarray]:
    """The rest of a stream as ``decode_blocks`` yields it."""
    decoded.sample_rate, decoded.channels, decoded.gaps = stream.sample_rate, stream.channels, stream.gaps
    decoded.expansion = stream.expansion
    if not _RATES[0] <= stream.sample_rate <= _RATES[1]:
        raise DecodeError(f"its header says {stream.sample_rate} Hz, which no recording has; the header is damaged")
    if channel is not None and channel > stream.channels:
        raise DecodeError(f"it has no channel {channel}, only {stream.channels}; scan it with --channel mean", "format")
    resampler = None if stream.sample_rate == rate else make_resampler(decoder, stream.sample_rate, rate)
    piece = max(1, _MOST_OUTPUT * stream.sample_rate // rate)
    error = None
    try:
        for block in stream.blocks():
            separated = SeparatedBlock.of(block)
            if decoded.bounds[0] <= decoded.frames < decoded.bounds[1]:
                decoded.sums += sums_of(separated)
            decoded.frames += len(block)
            mono = _mono(block, separated, channel, decoded)
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


def _mono(block: np.ndarray, separated: SeparatedBlock, channel: int | None, decoded: DecodedSoFar) -> np.ndarray:
    """One channel, or the mean of all, float32 ``[frames]``; samples that are not numbers become 0 and are counted."""
    mono = separated.mean() if channel is None else separated.channels[channel - 1]
    if separated.peak < _PLAIN:
        return mono
    with np.errstate(over="ignore", invalid="ignore"):
        if mono.min() > -_ABSURD and mono.max() < _ABSURD:  # false for NaN too
            return mono
        if channel is not None:
            block = block[:, channel - 1 : channel]
        bad = ~(np.abs(block) < _ABSURD)
    decoded.count_unusable(bad)
    return np.where(bad, np.float32(0), block).mean(axis=1, dtype=np.float32)


def as_decode_error(e: Exception) -> DecodeError:
    """Turns any exception into one that a user understands."""
    if reason := own_fault(e):
        raise OwnFault(reason) from e
    if isinstance(e, DecodeError):
        return e
    if isinstance(e, MemoryError):
        return DecodeError("not enough memory to decode it", "memory")
    return DecodeError(f"unexpected {type(e).__name__}: {one_line(e)}", "unexpected")

"""What the channels of a recording look like: silent, clipped, unlike each other, or cancelling each other out."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math

import numpy as np

# The kind of note that says that the mean of all channels is hardly anything.
CANCEL = "channels cancel"
# The magnitudes of full scale: the largest 16-bit samples are 32767 / 32768 and -1.
_FULL_SCALE = (0.9999, 1.0)
# A recording is clipped if at least this share of its samples is at full scale.
_CLIPPED_SHARE = 1e-3
# The offset from which on a channel is said not to lie around zero, in units of full scale and of its own level.
_OFFSET, _OFFSET_SHARE = 0.02, 0.1
# Channels whose powers differ by this many decibels: the louder one hides the other in their mean.
_UNLIKE_DB = 20.0
# A channel this many decibels below the loudest one is silent.
_SILENT_DB = 70.0
# The mean of n channels that have nothing in common has 1 / n of their power. With a fifth of that they cancel.
_CANCEL_SHARE = 0.2
# The squares of smaller samples can be added up in float32.
_SQUARED = 1e15


@dataclasses.dataclass(frozen=True)
class ChannelSums:
    """Sums over the samples of a recording, or a part of it. Those of the parts add up to those of the whole.

    Attributes:
        frames: How many frames were added up.
        samples: Sum of each channel's samples.
        powers: Sum of the squares of each channel's samples.
        mean_power: Sum of the squares of the mean of all channels.
        clipped: How many samples of each channel are at full scale.
    """

    frames: int = 0
    samples: tuple[float, ...] = ()
    powers: tuple[float, ...] = ()
    mean_power: float = 0.0
    clipped: tuple[int, ...] = ()

    def __add__(self, other: ChannelSums) -> ChannelSums:
        return ChannelSums(
            self.frames + other.frames,
            _added(self.samples, other.samples),
            _added(self.powers, other.powers),
            self.mean_power + other.mean_power,
            tuple(map(int, _added(self.clipped, other.clipped))),
        )


def _added(a: tuple[float, ...], b: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(x + y for x, y in itertools.zip_longest(a, b, fillvalue=0))


@dataclasses.dataclass(frozen=True)
class SeparatedBlock:
    """A block, channel by channel: NumPy is several times as fast with these as with the columns of the block.

    Attributes:
        channels: float32 ``[frames]`` each, in one piece.
        total: The sum of all channels, float32 ``[frames]``.
        peak: The largest magnitude of all samples; NaN if one of them is.
    """

    channels: list[np.ndarray]
    total: np.ndarray
    peak: float

    @classmethod
    def of(cls, block: np.ndarray) -> SeparatedBlock:
        """Separates float32 ``[frames, channels]``."""
        channels = [np.ascontiguousarray(block[:, i]) for i in range(block.shape[1])]
        with np.errstate(over="ignore", invalid="ignore"):
            peak = float(np.maximum(block.max(), -block.min())) if len(block) else 0.0
            return cls(channels, functools.reduce(np.add, channels), peak)

    def __len__(self) -> int:
        return len(self.total)

    def mean(self) -> np.ndarray:
        """The mean of the channels, float32 ``[frames]``."""
        return self.total / np.float32(len(self.channels)) if len(self.channels) > 1 else self.total


def sums_of(block: SeparatedBlock) -> ChannelSums:
    """The sums of a block; samples that are not usable numbers count as 0.

    Example:
        >>> sums_of(SeparatedBlock.of(np.array([[0.5, -0.5], [1.0, 0.0]], np.float32)))
        ChannelSums(frames=2, samples=(1.5, -0.5), powers=(1.25, 0.25), mean_power=0.25, clipped=(1, 0))
    """
    channels, total = block.channels, block.total
    if block.peak < _SQUARED:
        powers = [float(np.dot(channel, channel)) for channel in channels]
    else:  # also if the peak is NaN
        with np.errstate(over="ignore", invalid="ignore"):
            powers = [float(np.dot(channel, channel)) for channel in channels]
        if not all(map(math.isfinite, powers)):
            channels = [np.where(np.abs(channel) < 1e6, channel, np.float32(0)) for channel in channels]
            powers = [float(np.dot(channel, channel)) for channel in channels]
            total = functools.reduce(np.add, channels)
    return ChannelSums(
        len(block),
        tuple(float(channel.sum()) for channel in channels),
        tuple(powers),
        float(np.dot(total, total)) / len(channels) ** 2,
        (0,) * len(channels) if block.peak < _FULL_SCALE[0] else tuple(map(_clipped, channels)),
    )


def _clipped(channel: np.ndarray) -> int:
    """How many samples are at full scale."""
    magnitudes = np.abs(channel)
    return int(((magnitudes >= _FULL_SCALE[0]) & (magnitudes <= _FULL_SCALE[1])).sum())


def notes_of(sums: ChannelSums, channel: int | None = None) -> list[str]:
    """What a user should know about the channels: "kind: details", one for each kind; empty if all is well.

    Args:
        sums: Of a whole recording.
        channel: The channel that is scanned, from 1 on; None for the mean of all.
    """
    if not sums.frames:
        return []
    offsets = [total / sums.frames for total in sums.samples]
    varying = [max(0.0, power / sums.frames - offset**2) for power, offset in zip(sums.powers, offsets, strict=True)]
    loudest = max(varying)
    scanned = list(range(len(varying)) if channel is None else range(len(varying))[channel - 1 : channel])
    quietest = loudest * 10 ** (-_SILENT_DB / 10)
    silent = [i for i in scanned if varying[i] <= quietest or _is_constant(varying[i], offsets[i])]
    notes = []
    if silent == scanned:
        notes.append("silence: every sample is the same")
    elif silent:
        notes.append(f"silent channel: {_channels(silent)}")
    sounding = [varying[i] for i in scanned if i not in silent]
    if channel is None and len(sounding) > 1:
        mean_offset = sum(offsets) / len(offsets)
        mean = max(0.0, sums.mean_power / sums.frames - mean_offset**2)
        average = sum(varying) / len(varying)
        if mean <= _CANCEL_SHARE / len(varying) * average:
            below = f"{10 * math.log10(average / mean):.0f} dB below" if mean > 1e-6 * average else "silence beside"
            notes.append(f"{CANCEL}: their mean is {below} them; scan with --channel 1 or --channel each")
        ratio_db = 10 * math.log10(max(sounding) / min(sounding))
        if ratio_db >= _UNLIKE_DB:
            loud, quiet = (varying.index(f(sounding)) + 1 for f in (max, min))
            notes.append(
                f"unlike channels: channel {loud} is {ratio_db:.0f} dB louder than channel {quiet} and hides it in "
                "their mean; scan with --channel each"
            )
    clipped = [i for i in scanned if sums.clipped[i] >= _CLIPPED_SHARE * sums.frames]
    if clipped:
        share = max(sums.clipped[i] for i in clipped) / sums.frames
        notes.append(f"clipped: {_channels(clipped)}, {share:.1%} of the samples")
    least = [max(_OFFSET, _OFFSET_SHARE * math.sqrt(power / sums.frames)) for power in sums.powers]
    shifted = [i for i in scanned if abs(offsets[i]) >= least[i]]
    if shifted:
        notes.append(
            f"offset: {_channels(shifted)}, {max(abs(offsets[i]) for i in shifted):.0%} of full scale off zero"
        )
    return notes


def _is_constant(varying: float, offset: float) -> bool:
    """Whether a channel's variance is no more than rounding: all its samples are the same."""
    return varying <= 1e-6 * offset**2


def _channels(indices: list[int]) -> str:
    return f"channel{'s' if len(indices) > 1 else ''} {', '.join(str(i + 1) for i in indices)}"

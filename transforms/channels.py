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


def sums_of(block: np.ndarray) -> ChannelSums:
    """The sums of a block, float32 ``[frames, channels]``; samples that are not usable numbers count as 0.

    Example:
        >>> sums_of(np.array([[0.5, -0.5], [1.0, 0.0]], np.float32))
        ChannelSums(frames=2, samples=(1.5, -0.5), powers=(1.25, 0.25), mean_power=0.25, clipped=(1, 0))
    """
    # Channel by channel: a product of the whole block with itself takes ten times as long.
    columns = [np.ascontiguousarray(block[:, i]) for i in range(block.shape[1])]
    with np.errstate(over="ignore", invalid="ignore"):
        powers = [float(np.dot(column, column)) for column in columns]
    if not np.isfinite(powers).all():
        columns = [np.where(np.abs(column) < 1e6, column, np.float32(0)) for column in columns]
        powers = [float(np.dot(column, column)) for column in columns]
    total = functools.reduce(np.add, columns)
    return ChannelSums(
        len(block),
        tuple(float(column.sum()) for column in columns),
        tuple(powers),
        float(np.dot(total, total)) / len(columns) ** 2,
        tuple(map(_clipped, columns)),
    )


def _clipped(column: np.ndarray) -> int:
    """How many samples are at full scale."""
    if not len(column) or (column.max() < _FULL_SCALE[0] and column.min() > -_FULL_SCALE[0]):
        return 0
    magnitudes = np.abs(column)
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

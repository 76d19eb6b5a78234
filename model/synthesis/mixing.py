"""What every recipe of a soundscape is made with: clips in memory, fades, and levels over a background."""

from __future__ import annotations

import dataclasses

import numpy as np

_SILENCE = 1e-9  # mean square, −90 dB of full scale: quieter backgrounds count as this


@dataclasses.dataclass(frozen=True, eq=False)
class DecodedClip:
    """A labelled clip in memory.

    Attributes:
        waveform: float32 ``[samples]``.
        label: What is heard in it.
        source: The recording that it was cut from.
    """

    waveform: np.ndarray
    label: str
    source: str


def mix_at_snr(background: np.ndarray, event: np.ndarray, start: int, snr_db: float) -> np.ndarray:
    """Adds ``event`` to ``background`` so that it stands ``snr_db`` above it.

    The ratio is that of mean squares over all frequencies: of the whole event, to the background during the event (not
    to all of the background), including whatever was mixed into it before. Digital silence counts as −90 dB of full
    scale, so that a recording with a hole in it does not make an event vanish.

    Args:
        background: float32 ``[samples]``; not changed.
        event: float32 ``[event samples]``, at the same rate.
        start: The sample of the background where the event starts. What lies before sample 0 or behind the end is
            dropped.
        snr_db: Decibels.

    Returns:
        float32 ``[samples]``: the mix. Nothing is clipped or normalised.

    Raises:
        ValueError: No part of the event lies within the background.
    """
    first, last = max(0, start), min(len(background), start + len(event))
    if first >= last:
        raise ValueError(f"an event of {len(event)} samples from {start} on is outside {len(background)} samples")
    mixed = np.array(background, dtype=np.float32)
    power = float(np.mean(np.square(event, dtype=np.float64)))
    if power > 0:
        floor = max(_SILENCE, float(np.mean(np.square(background[first:last], dtype=np.float64))))
        gain = np.sqrt(floor / power * 10 ** (snr_db / 10))
        mixed[first:last] += (gain * event[first - start : last - start]).astype(np.float32)
    return mixed


def fade_ends(waveform: np.ndarray, fade: float, edge: float = 0.5) -> np.ndarray:
    """float32 ``[samples]``: the sound with a linear fade at both ends.

    Args:
        waveform: float32 ``[samples]``.
        fade: Length of each fade, in samples.
        edge: Where the first sample stands within the fade, in samples; 0 silences it.
    """
    position = np.arange(len(waveform), dtype=np.float32) + np.float32(edge)
    return (waveform * np.minimum(1.0, np.minimum(position, position[::-1]) / fade)).astype(np.float32)


def equal_power_ramp(samples: int) -> np.ndarray:
    """float32 ``[samples]``: the rising half of a cross-fade that keeps the power of two independent sounds."""
    return np.sqrt((np.arange(samples) + 0.5) / samples).astype(np.float32)

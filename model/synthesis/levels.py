"""Sound laid into sound at a signal-to-noise ratio."""

from __future__ import annotations

import numpy as np

_SILENCE = 1e-9  # mean square, −90 dB of full scale: quieter backgrounds count as this


def mix_at_snr(background: np.ndarray, event: np.ndarray, start: int, snr_db: float) -> np.ndarray:
    """Lays ``event`` over ``background`` so that it stands ``snr_db`` above it.

    The ratio is that of mean squares, over all frequencies: of the whole event, to the background over the event's
    extent (not over all of the background), whatever else was mixed into it before. Digital silence counts as
    −90 dB of full scale, so that a recording with a hole in it does not make an event vanish.

    Args:
        background: float32 ``[samples]``; left as it is.
        event: float32 ``[event samples]``, at the same rate.
        start: The sample of the background where the event starts; what lies before 0 or behind the end is cut off.
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

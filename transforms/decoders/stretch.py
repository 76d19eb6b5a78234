"""A stretch of one recording, read into memory."""

from __future__ import annotations

import math

import numpy as np

from model.errors import SoundbeamError
from transforms.decoders import DecodeError, open_decoder
from transforms.decoders.recording import Decoded, as_decode_error, resampled, seek_before


def read_recording(
    uri: str,
    rate: int,
    start_s: float = 0.0,
    end_s: float | None = None,
    decoder: str = "soundfile",
) -> np.ndarray:
    """Reads a stretch of a recording into memory.

    Args:
        uri: The recording.
        rate: Samples a second to give.
        start_s: Where the stretch begins, seconds.
        end_s: Where it ends; None is the recording's end.
        decoder: ``soundfile`` or ``tensorflow-io``.

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
        with open_decoder(uri, decoder) as stream:
            at = seek_before(stream, first, rate, stream.sample_rate // math.gcd(stream.sample_rate, rate))
            for block in resampled(stream, rate, decoder, decoded):
                lo, hi = max(0, first - at), min(len(block), end - at)
                if lo < hi:
                    parts.append(block[lo : int(hi)])
                at += len(block)
                if at >= end:
                    break
    except DecodeError as e:
        problem = e
    except (OSError, MemoryError) as e:
        problem = as_decode_error(e)
    if not parts:
        reason = problem.message if problem else f"it has no sound after {start_s} s"
        raise SoundbeamError(f"{uri}: {reason}") from problem
    return np.concatenate(parts)

"""A stretch of one recording, in pieces or read into memory."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from soundbeam.model.errors import SoundbeamError
from soundbeam.transforms.decoders import DecodeError, open_decoder
from soundbeam.transforms.decoding.recording import DecodedSoFar, as_decode_error, resampled, seek_before


def decode_excerpt(
    uri: str,
    rate: int,
    start_s: float = 0.0,
    end_s: float | None = None,
    decoder: str = "soundfile",
) -> Iterator[np.ndarray]:
    """A stretch of a recording, piece by piece, in memory that does not grow with its length.

    Args:
        uri: The recording.
        rate: Samples a second to give.
        start_s: Where the stretch begins, seconds.
        end_s: Where it ends; None is the recording's end.
        decoder: ``soundfile`` or ``tensorflow-io``.

    Yields:
        float32 ``[samples]`` of any lengths, mono, in all: the samples from round(start_s × rate) to
        round(end_s × rate) of the whole recording at that rate, to 1e-5; fewer where it ends, or breaks, before. Empty
        ones on the way to where the stretch begins.

    Raises:
        SoundbeamError: There is nothing there to read, or it breaks; what came before has been yielded.
    """
    if start_s < 0 or (end_s is not None and end_s <= start_s):
        raise SoundbeamError(f"{uri}: the stretch from {start_s} to {end_s} s is empty; give a start before its end")
    first, end = round(start_s * rate), math.inf if end_s is None else round(end_s * rate)
    any_samples, problem = False, None
    try:
        with open_decoder(uri, decoder) as stream:
            at = seek_before(stream, first, rate, stream.sample_rate // math.gcd(stream.sample_rate, rate))
            for block in resampled(stream, rate, decoder, DecodedSoFar()):
                lo, hi = max(0, first - at), min(len(block), end - at)
                any_samples |= lo < hi
                yield block[lo : int(hi)] if lo < hi else block[:0]
                at += len(block)
                if at >= end:
                    break
    except DecodeError as e:
        problem = e
    except (OSError, MemoryError) as e:
        problem = as_decode_error(e)
    if problem is not None or not any_samples:
        reason = problem.message if problem else f"it has no sound after {start_s} s"
        raise SoundbeamError(f"{uri}: {reason}") from problem


def read_recording(
    uri: str,
    rate: int,
    start_s: float = 0.0,
    end_s: float | None = None,
    decoder: str = "soundfile",
) -> np.ndarray:
    """Reads a stretch of a recording into memory.

    Returns:
        What ``decode_excerpt`` gives of it, as one float32 ``[samples]``; where it breaks, what came before.

    Raises:
        SoundbeamError: There is nothing there to read.
    """
    blocks = list[np.ndarray]()
    try:
        for block in decode_excerpt(uri, rate, start_s, end_s, decoder):
            blocks.append(block)
    except SoundbeamError:
        if not any(map(len, blocks)):
            raise
    return np.concatenate(blocks)

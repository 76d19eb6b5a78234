"""Decodes an excerpt of a recording, in pieces or as a whole."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from soundbeam.model.errors import SoundbeamError
from soundbeam.transforms.decoders import DecodeError, open_decoder
from soundbeam.transforms.decoding.blocks import DecodedSoFar, as_decode_error, resampled, seek_before


def decode_excerpt(
    uri: str,
    rate: int,
    start_s: float = 0.0,
    end_s: float | None = None,
    decoder: str = "soundfile",
    channel: int | None = None,
) -> Iterator[np.ndarray]:
    """Decodes an excerpt of a recording piece by piece, in memory that does not grow with its length.

    Args:
        uri: The recording.
        rate: Samples per second of the result.
        start_s: Where the excerpt starts, seconds.
        end_s: Where it ends; None is the end of the recording.
        decoder: ``soundfile`` or ``tensorflow-io``.
        channel: The channel to decode, from 1 on; None for the mean of all.

    Yields:
        float32 ``[samples]``, mono, of any lengths. Together they are the samples from round(start_s × rate) to
        round(end_s × rate) of the whole recording at that rate, to 1e-5; fewer if it ends or breaks off earlier. The
        pieces before the start of the excerpt are empty.

    Raises:
        SoundbeamError: There is nothing to read, or the recording breaks off; what came before has been yielded.
    """
    if start_s < 0 or (end_s is not None and end_s <= start_s):
        raise SoundbeamError(f"{uri}: the excerpt from {start_s} to {end_s} s is empty; give a start before its end")
    first, end = round(start_s * rate), math.inf if end_s is None else round(end_s * rate)
    any_samples, problem = False, None
    try:
        with open_decoder(uri, decoder) as stream:
            at = seek_before(stream, first, rate, stream.sample_rate // math.gcd(stream.sample_rate, rate))
            for block in resampled(stream, rate, decoder, DecodedSoFar(), channel):
                lo, hi = max(0, first - at), min(len(block), end - at)
                any_samples |= lo < hi
                yield block[lo : int(hi)] if lo < hi else block[:0]
                at += len(block)
                if at >= end:
                    break
    except (DecodeError, OSError, MemoryError) as e:
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
    """Reads an excerpt of a recording into memory.

    Returns:
        What ``decode_excerpt`` yields, as one float32 ``[samples]``; if the recording breaks off, what came before.

    Raises:
        SoundbeamError: There is nothing to read.
    """
    blocks = list[np.ndarray]()
    try:
        for block in decode_excerpt(uri, rate, start_s, end_s, decoder):
            blocks.append(block)
    except SoundbeamError:
        if not any(map(len, blocks)):
            raise
    return np.concatenate(blocks)

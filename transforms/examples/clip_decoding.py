"""Reads the sound of a clip."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np

from soundbeam.model.errors import SoundbeamError


def read_clip(clip, rate: int) -> np.ndarray:
    """A clip's waveform, float32 ``[samples]`` mono at ``rate``, read in another process.

    Raises:
        SoundbeamError: The clip cannot be read.
    """
    from soundbeam.transforms.decoding.clip_reader import read_excerpts
    from soundbeam.transforms.decoding.excerpt import Excerpt

    (sound,) = read_excerpts([Excerpt(clip.recording, clip.start_s, clip.end_s, clip.channel)], rate, 1)
    if isinstance(sound, str):
        raise SoundbeamError(sound)
    return sound


def stream_clip(clip, rate: int, samples: int) -> Iterator[tuple[int, np.ndarray]]:
    """Reads a clip chunk by chunk in another process, in memory that does not grow with its length.

    Args:
        clip: The clip.
        rate: Hz.
        samples: The length of a chunk, samples.

    Yields:
        The first sample of a chunk within the recording, and the chunk, float32 mono at ``rate``.

    Raises:
        DecodeError: The clip breaks off; what came before has been yielded.
    """
    from soundbeam.transforms.decoders import DecodeError
    from soundbeam.transforms.decoding.clip_reader import decode_isolated

    if clip.end_s is not None:  # a part of a long recording is read from where it starts
        first = round(clip.start_s * rate)
        for start, chunk in split_into_chunks([read_clip(clip, rate)], 0, math.inf, samples):
            yield first + start, chunk
        return
    problems = list[DecodeError]()

    def blocks() -> Iterator[np.ndarray]:
        try:
            yield from decode_isolated(clip.recording, rate)
        except DecodeError as e:
            problems.append(e)

    yield from split_into_chunks(blocks(), round(clip.start_s * rate), math.inf, samples)
    if problems:
        raise problems[0]


def split_into_chunks(
    blocks: Iterable[np.ndarray], first: int, end: float, samples: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Splits a stream into chunks of equal length. The last one is moved back to the end; nothing is padded.

    Args:
        blocks: float32 ``[samples]`` each, any lengths.
        first: The sample of the stream to start with.
        end: The sample to stop before; infinity for the end of the stream.
        samples: The length of a chunk. If the stream has fewer samples, they are one chunk.

    Yields:
        The first sample of a chunk within the stream, and the chunk.
    """
    buffer, start, fresh = np.zeros(0, np.float32), first, 0  # buffer begins at the stream's sample `start`
    at = 0
    for block in blocks:
        buffer = np.concatenate([buffer, block[max(0, first - at) : int(min(len(block), max(0, end - at)))]])
        at += len(block)
        while len(buffer) - fresh >= samples:
            yield start + fresh, buffer[fresh : fresh + samples]
            # This chunk is kept, because the last one may start within it.
            buffer, start, fresh = buffer[fresh:], start + fresh, samples
        if at >= end:
            break
    if len(buffer) > fresh:
        last = max(0, len(buffer) - samples)
        yield start + last, buffer[last:]

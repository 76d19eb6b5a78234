"""Reads the samples of a WAV directly from the file, as libsndfile would return them.

Libsndfile calls back for every 8 kB of a file object. For uncompressed sound that is most of the work.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from soundbeam.transforms.decoders.source import Source


def _from_16_bits(data: bytes) -> np.ndarray:
    samples = np.frombuffer(data, "<i2").astype(np.float32)
    samples *= np.float32(2**-15)
    return samples


def _from_24_bits(data: bytes) -> np.ndarray:
    # Every third byte begins a number of four, the lowest of which belongs to the sample before.
    numbers: np.ndarray = np.ndarray(len(data) // 3, "<i4", b"\0" + data, strides=(3,)).copy()
    numbers &= -0x100
    return _scaled(numbers)


def _from_32_bits(data: bytes) -> np.ndarray:
    return _scaled(np.frombuffer(data, "<i4"))


def _scaled(numbers: np.ndarray) -> np.ndarray:
    samples = numbers.astype(np.float32)
    samples *= np.float32(2**-31)
    return samples


def _from_floats(data: bytes) -> np.ndarray:
    return np.frombuffer(data, "<f4").astype(np.float32)


# Libsndfile's name of a kind of sample: how many bytes it has, and what makes floats of them.
_KINDS: dict[str, tuple[int, Callable[[bytes], np.ndarray]]] = {
    "PCM_16": (2, _from_16_bits),
    "PCM_24": (3, _from_24_bits),
    "PCM_32": (4, _from_32_bits),
    "FLOAT": (4, _from_floats),
}


class Samples:
    """Little-endian samples that are stored one after another in a file.

    Args:
        source: The bytes of the file.
        begin: The offset of the first frame.
        channels: How many samples a frame has.
        frames: How many frames there are at most.
        kind: Libsndfile's name of the kind of sample, e.g. ``PCM_16``.
    """

    def __init__(self, source: Source, begin: int, channels: int, frames: int, kind: str):
        self._source, self._begin, self._channels, self._frames = source, begin, channels, frames
        size, self._floats = _KINDS[kind]
        self._width = size * channels
        self.seek(0)

    def seek(self, frame: int) -> None:
        """Continues with that frame."""
        self._source.seek(self._begin + self._width * frame)
        self._left = max(0, self._frames - frame)

    def read(self, most: int) -> np.ndarray:
        """float32 ``[frames, channels]``, −1 to 1: the next ``most`` frames, fewer if the file ends or breaks off."""
        data = self._source.read(self._width * min(most, self._left))
        whole = len(data) - len(data) % self._width
        block = self._floats(data[:whole]).reshape(-1, self._channels)
        self._left -= len(block)
        return block


def samples_after(first: np.ndarray, source: Source, begin: int, frames: int, kind: str) -> Samples | None:
    """A reader of what follows the first block that libsndfile returned.

    Args:
        first: That block, float32 ``[frames, channels]``.
        source: The bytes of the file; libsndfile has read the block from it.
        begin: The offset of the first frame.
        frames: How many frames there are at most.
        kind: Libsndfile's name of the kind of sample.

    Returns:
        None for another kind of sample, and if the bytes of the block give other samples.
    """
    if kind not in _KINDS:
        return None
    here = source.pos
    reader = Samples(source, begin, first.shape[1], frames, kind)
    if np.array_equal(reader.read(len(first)), first):
        return reader
    source.seek(here)
    return None

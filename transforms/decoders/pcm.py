"""Reads 16-bit samples of a WAV directly from the file, as libsndfile would return them.

Libsndfile calls back for every 8 kB of a file object. For uncompressed sound that is most of the work.
"""

from __future__ import annotations

import numpy as np

from soundbeam.transforms.decoders.source import Source

_SCALE = np.float32(1 / 0x8000)


class Samples:
    """Little-endian 16-bit samples that are stored one after another in a file.

    Args:
        source: The bytes of the file.
        begin: The offset of the first frame.
        channels: How many samples a frame has.
        frames: How many frames there are at most.
    """

    def __init__(self, source: Source, begin: int, channels: int, frames: int):
        self._source, self._begin, self._channels, self._frames = source, begin, channels, frames
        self.seek(0)

    def seek(self, frame: int) -> None:
        """Continues with that frame."""
        self._source.seek(self._begin + 2 * self._channels * frame)
        self._left = max(0, self._frames - frame)

    def read(self, most: int) -> np.ndarray:
        """float32 ``[frames, channels]``, −1 to 1: the next ``most`` frames, fewer if the file ends or breaks off."""
        width = 2 * self._channels
        data = self._source.read(width * min(most, self._left))
        samples = np.frombuffer(data, "<i2", len(data) // width * self._channels).astype(np.float32)
        samples *= _SCALE
        block = samples.reshape(-1, self._channels)
        self._left -= len(block)
        return block


def samples_after(first: np.ndarray, source: Source, begin: int, frames: int) -> Samples | None:
    """A reader of what follows the first block that libsndfile returned; None if the bytes differ."""
    here = source.pos
    reader = Samples(source, begin, first.shape[1], frames)
    if np.array_equal(reader.read(len(first)), first):
        return reader
    source.seek(here)
    return None

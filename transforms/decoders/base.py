"""The contracts of decoders and resamplers."""

from __future__ import annotations

import abc
from collections.abc import Iterator

import numpy as np

from soundbeam.model.errors import DecodeError as DecodeError

# How many frames a block holds at most; fewer if there are very many channels.
BLOCK_FRAMES = 16384


class AudioStream(abc.ABC):
    """A recording that is decoded from its start to its end or to a break.

    Attributes:
        sample_rate: Frames per second, Hz.
        channels: Samples per frame.
        promised: How many frames the file claims to have; None if it does not say, or cannot be believed.
        defects: After the last block, what is wrong with the file although all was decoded; one line each.
        expansion: How many times slower than it was recorded the file plays; ``sample_rate`` is the true one.
        gaps: The first frame, and the frame after the last, of each stretch that was not recorded and is silence in the
            blocks; as far as they have been yielded.
    """

    sample_rate: int
    channels: int
    promised: int | None = None
    expansion: int = 1

    def __init__(self) -> None:
        self.defects: list[str] = []
        self.gaps: list[tuple[int, int]] = []

    @abc.abstractmethod
    def blocks(self) -> Iterator[np.ndarray]:
        """Yields float32 ``[frames, channels]``, full scale ±1, of at most ``BLOCK_FRAMES`` frames.

        Raises:
            DecodeError: The stream breaks off here; the blocks before are good.
        """

    def seek(self, frame: int) -> bool:
        """Makes ``blocks`` start at a frame and continue in the same pieces as from the start of the recording.

        Returns:
            False if that cannot be done exactly; then the blocks start at frame 0.
        """
        del frame
        return False

    def seekable_frames(self) -> int | None:
        """How many frames ``seek`` can reach; None if that is unknown, or seeking is slow or inexact."""
        return None

    @abc.abstractmethod
    def close(self) -> None:
        """Closes the file."""

    def __enter__(self) -> AudioStream:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class Resampler(abc.ABC):
    """Changes the sample rate of a mono stream. The output does not depend on how the input is divided."""

    @staticmethod
    def period(rate_in: int, rate_out: int) -> int | None:
        """A number of frames: a new resampler that is fed from a multiple of it returns, after two seconds, the same
        samples as one that was fed from the start, bit for bit. None if there is no such number."""
        del rate_in, rate_out
        return None

    @abc.abstractmethod
    def feed(self, samples: np.ndarray) -> np.ndarray:
        """Takes float32 ``[n]`` of any length and returns the output that is complete, float32 ``[m]``."""

    @abc.abstractmethod
    def finish(self) -> np.ndarray:
        """Returns the rest, float32 ``[m]``."""

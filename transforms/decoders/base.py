"""What a decoder is: a stream of blocks, and how it says that it cannot go on."""

from __future__ import annotations

import abc
from collections.abc import Iterator

import numpy as np

from soundbeam.model.errors import DecodeError as DecodeError

# Frames in a block, at most; fewer where there are very many channels.
BLOCK_FRAMES = 16384


class AudioStream(abc.ABC):
    """One recording being decoded, from its start to its end or to a break.

    Attributes:
        sample_rate: Frames a second, Hz.
        channels: Samples a frame.
        promised: How many frames the file says it has; None where it does not say, or cannot be believed.
        notes: After the last block: what is wrong although the blocks were decoded; one line each.
        gaps: First frame and frame after the last one of each stretch that was not recorded, and is silence in the
            blocks; as far as they have been yielded.
    """

    sample_rate: int
    channels: int
    promised: int | None = None

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.gaps: list[tuple[int, int]] = []

    @abc.abstractmethod
    def blocks(self) -> Iterator[np.ndarray]:
        """Yields float32 ``[frames, channels]``, full scale ±1, of at most ``BLOCK_FRAMES`` frames.

        Raises:
            DecodeError: The stream breaks here; all that came before is good.
        """

    def seek(self, frame: int) -> bool:
        """Makes ``blocks`` begin at a frame, and go on in the same pieces as from the start.

        Returns:
            False where that cannot be done exactly; then they begin at 0.
        """
        del frame
        return False

    def seekable_frames(self) -> int | None:
        """How many frames there are to ``seek`` in; None where seeking is not exact, or slow, or that is unknown."""
        return None

    @abc.abstractmethod
    def close(self) -> None:
        """Lets go of the file."""

    def __enter__(self) -> AudioStream:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class Resampler(abc.ABC):
    """Changes the sample rate of a mono stream; what comes out does not depend on how the input is cut."""

    @staticmethod
    def period(rate_in: int, rate_out: int) -> int | None:
        """A fresh one that is fed from a multiple of so many frames on gives, after two seconds, the same as one that
        was fed from the start, bit for bit; None where that is not so."""
        del rate_in, rate_out
        return None

    @abc.abstractmethod
    def feed(self, samples: np.ndarray) -> np.ndarray:
        """Takes float32 ``[n]`` of any length, gives float32 ``[m]``: what can be said by now."""

    @abc.abstractmethod
    def finish(self) -> np.ndarray:
        """Gives the rest, float32 ``[m]``."""

"""Recordings that a bat detector stored slowed down, so that they can be heard: at their true rate again."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from soundbeam.transforms.decoders.base import AudioStream


class ExpandedStream(AudioStream):
    """The same samples at the rate at which they were recorded: seconds and hertz are those of the animal.

    Args:
        stream: The recording as it is stored.
        expansion: How many times longer that is.
    """

    def __init__(self, stream: AudioStream, expansion: int):
        super().__init__()
        self._stream, self.expansion = stream, expansion
        self.sample_rate, self.channels = stream.sample_rate * expansion, stream.channels
        self.promised, self.defects, self.gaps = stream.promised, stream.defects, stream.gaps

    def blocks(self) -> Iterator[np.ndarray]:  # noqa: D102
        return self._stream.blocks()

    def seek(self, frame: int) -> bool:  # noqa: D102
        return self._stream.seek(frame)

    def seekable_frames(self) -> int | None:  # noqa: D102
        return self._stream.seekable_frames()

    def close(self) -> None:  # noqa: D102
        self._stream.close()

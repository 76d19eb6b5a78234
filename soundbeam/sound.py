"""Samples in memory, decoded as if they were in a file."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from soundbeam.model.errors import DecodeError, OptionError
from soundbeam.model.windows import WindowSpec
from soundbeam.transforms.decoders.base import BLOCK_FRAMES, AudioStream
from soundbeam.transforms.decoding.blocks import DecodedSoFar, resampled
from soundbeam.transforms.decoding.segments import split_into_segments
from soundbeam.transforms.records import DecodeReport, Recording, Segment, Stage, Status


class SampleStream(AudioStream):
    """Samples, as a decoder would yield them.

    Args:
        samples: Floats, full scale ±1, ``[frames, channels]``.
        rate: Frames per second.

    Example:
        >>> import numpy as np
        >>> [block.shape for block in SampleStream(np.zeros((100, 2)), 8000).blocks()]
        [(100, 2)]
    """

    def __init__(self, samples: np.ndarray, rate: int):
        super().__init__()
        self._samples, self.sample_rate, self.channels = samples, rate, samples.shape[1]

    def blocks(self) -> Iterator[np.ndarray]:
        """Yields float32 ``[frames, channels]``."""
        for at in range(0, len(self._samples), BLOCK_FRAMES):
            yield self._samples[at : at + BLOCK_FRAMES].astype(np.float32)

    def close(self) -> None:
        """There is nothing to close."""


def decode_samples(samples: np.ndarray, rate: int, spec: WindowSpec) -> Iterator[Segment | DecodeReport]:
    """Yields the segments of samples and a report, as ``decode_recording`` does for a file.

    Args:
        samples: Floats, full scale ±1, ``[n]`` or ``[n, channels]``.
        rate: Samples per second.
        spec: Which windows.

    Raises:
        OptionError: The samples are not floats of one or two dimensions.
        DecodeError: There are none, or no recording has this rate.

    Example:
        >>> import numpy as np
        >>> segment, report = decode_samples(np.zeros(16000), 8000, WindowSpec(8000, 1.0, 0.5))
        >>> len(segment.offsets), report.status
        (3, 'ok')
    """
    if samples.ndim not in (1, 2) or not np.issubdtype(samples.dtype, np.floating):
        raise OptionError(
            f"samples are {samples.dtype} of {samples.ndim} dimensions; give floats of full scale ±1, [n] or "
            "[n, channels]"
        )
    if not samples.size:
        raise DecodeError("there are no samples")
    decoded = DecodedSoFar()
    stream = SampleStream(samples.reshape(len(samples), -1), rate)
    windows = segments = 0
    for segment in split_into_segments(resampled(stream, spec.rate, "soundfile", decoded), spec):
        windows, segments = windows + len(segment.offsets), segments + 1
        yield segment
    error = f"{decoded.unusable} samples were not numbers and became 0" if decoded.unusable else ""
    status: Status = "partial" if error else "ok"
    stage: Stage = "decode" if error else ""
    yield DecodeReport(
        Recording("", samples.nbytes, ""), status, stage, error, decoded.duration_s, rate, stream.channels,
        windows, segments,
    )  # fmt: skip

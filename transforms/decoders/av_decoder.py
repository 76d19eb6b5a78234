"""M4A, AAC and WMA through PyAV, which brings FFmpeg: the extra ``[av]``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from soundbeam.transforms.decoders.base import BLOCK_FRAMES, AudioStream, DecodeError
from soundbeam.transforms.decoders.source import Source

# How much a length in a container may be wrong without anything lost: encoders pad, and players trim.
_TOLERANCE_S = 0.25


class AvStream(AudioStream):
    """A recording read by FFmpeg: the first audio stream of any container.

    Args:
        source: The bytes of the file; closed with the stream.
        extension: The extension of the name, e.g. ``.m4a``, for the message if PyAV is missing.

    Raises:
        DecodeError: PyAV is not installed, or the file holds no sound that FFmpeg reads.
    """

    def __init__(self, source: Source, extension: str = ""):
        super().__init__()
        try:
            import av
        except ImportError as e:
            source.close()
            what = {".m4a": "M4A", ".mp4": "MP4", ".aac": "AAC", ".wma": "WMA"}.get(extension, "this kind of file")
            raise DecodeError(f"{what} needs PyAV: pip install 'soundbeam[av]'", "extra") from e
        av.logging.set_level(None)
        self._av, self._source = av, source
        self._container: Any = None
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        try:
            self._container = self._av.open(self._source, metadata_errors="ignore")
            streams = self._container.streams.audio
        except (self._av.FFmpegError, ValueError) as e:
            self._source.check()
            raise DecodeError(f"not a sound file that FFmpeg reads ({_message(e)})", "format") from e
        self._source.check()
        if not streams:
            raise DecodeError("there is no sound in this file", "format")
        self._stream = streams[0]
        context = self._stream.codec_context
        self.sample_rate, self.channels = int(context.sample_rate or 0), int(context.channels or 0)
        if not self.sample_rate or not self.channels:
            raise DecodeError("its header names no sample rate or no channels")
        # Only these formats state a length; for a bare stream FFmpeg guesses it from the size.
        if self._stream.duration and {"mp4", "asf"} & set(self._container.format.name.split(",")):
            seconds = float(self._stream.duration * self._stream.time_base) - _TOLERANCE_S
            self.promised = max(0, round(seconds * self.sample_rate)) or None

    def blocks(self) -> Iterator[np.ndarray]:  # noqa: D102
        resampler = self._av.AudioResampler(format="flt")  # with the layout and rate of the frames
        try:
            for frame in self._container.decode(self._stream):
                if (frame.sample_rate, frame.layout.nb_channels) != (self.sample_rate, self.channels):
                    message = f"it goes on with {frame.sample_rate} Hz and {frame.layout.nb_channels} channels here"
                    raise DecodeError(message, "changed")
                for part in resampler.resample(frame):
                    samples = part.to_ndarray().reshape(-1, self.channels)
                    for at in range(0, len(samples), BLOCK_FRAMES):
                        yield np.ascontiguousarray(samples[at : at + BLOCK_FRAMES], np.float32)
        except (self._av.FFmpegError, ValueError) as e:
            self._source.check()
            raise DecodeError(f"the data are damaged or cut off here ({_message(e)})") from e
        self._source.check()

    def close(self) -> None:  # noqa: D102
        if self._container is not None:
            self._container.close()
        self._source.close()


def _message(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)

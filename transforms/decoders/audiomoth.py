"""AudioMoth's triggered recordings: each stretch that did not trigger is stored as one block that holds its length.

Source: the block's form is that of Open Acoustic Devices' AudioMoth-Utils (expander.js) and AudioMoth-Firmware-Basic.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

import numpy as np

from soundbeam.transforms.decoders.base import BLOCK_FRAMES, AudioStream, DecodeError
from soundbeam.transforms.decoders.source import Source

# Samples of a block, and of these how many are the bits of a length: +1 for 1 and -1 for 0, lowest first, then zeros.
BLOCK, _BITS = 256, 32
_ONE = np.float32(1 / 32768)  # the smallest step of 16 bits, full scale ±1
_HEAD_BYTES = 1 << 16
# As the recorder names them, maybe with a prefix of its own. Other names that end in a T say nothing.
_TRIGGERED_NAME = re.compile(r"(^|_)\d{8}_\d{6}(_\d{3})?T\.\w+$", re.IGNORECASE)
# Longer than the recorder's memory card and batteries last; a damaged length must not become years of silence.
_LONGEST_S = 31 * 86400.0
# The rates at which the recorder writes, Hz. A file of another one was converted, and so were its blocks.
_RATES = frozenset([8000, 16000, 32000, 48000, 96000, 192000, 250000, 256000, 384000])
_CONVERTED = (
    "an AudioMoth's triggered recording that was converted: where nothing triggered cannot be told, so times may be "
    "wrong; scan the recorder's own file"
)


def is_triggered(source: Source, uri: str) -> bool:
    """Whether a recording is one, by its comment, its name (``20240101_060000T.WAV``) or one of its first blocks."""
    head = source.read_at(0, _HEAD_BYTES)
    if b"AudioMoth" in head and re.search(rb"threshold|trigger", head, re.IGNORECASE):
        return True
    if _TRIGGERED_NAME.search(posixpath.basename(uri.partition("::")[0])):
        return True
    if head[:4] not in (b"RIFF", b"RF64"):
        return False
    samples = np.frombuffer(head[: len(head) // 2 * 2], "<i2").astype(np.float32) * _ONE
    return len(_find_blocks(samples)) > 0


class TriggeredStream(AudioStream):
    """A recording in which the stretches that did not trigger are expanded to silence of their length.

    Args:
        stream: The recording as it is stored.
        lossless: Whether the file holds the very samples that the recorder wrote.

    Attributes:
        gaps: First frame and frame after the last one of each stretch that did not trigger, as far as decoded.
    """

    def __init__(self, stream: AudioStream, lossless: bool = True):
        super().__init__()
        self._stream, self._lossless = stream, lossless
        self.sample_rate, self.channels = stream.sample_rate, stream.channels

    def blocks(self) -> Iterator[np.ndarray]:  # noqa: D102
        frame = stored = 0
        rest = np.zeros((0, self.channels), np.float32)
        error: DecodeError | None = None
        odd = ""
        source = self._stream.blocks()
        while True:
            try:
                block = next(source, None)
            except DecodeError as e:
                error, block = e, None
            ended = block is None
            if block is not None:
                stored += len(block)
                rest = np.concatenate([rest, block])
            starts = _find_blocks(rest[:, 0] if self.channels == 1 else rest[:0, 0])
            at = 0
            for start in starts:
                length = length_of(rest[start : start + BLOCK, 0])
                if start < at:
                    continue
                if length * BLOCK + frame > _LONGEST_S * self.sample_rate:
                    odd = odd or f"a stretch at {(frame + start - at) / self.sample_rate:.1f} s that did not trigger"
                    continue
                yield from _pieces(rest[at:start])
                frame += start - at
                self.gaps.append((frame, frame + length * BLOCK))
                frame += length * BLOCK
                yield from _silence(length * BLOCK)
                at = start + BLOCK
            # What may be the beginning of a block waits for its end.
            until = len(rest) if ended else max(at, len(rest) - BLOCK + 1)
            yield from _pieces(rest[at:until])
            frame += until - at
            rest = rest[until:]
            if ended:
                break
        if error is not None:
            raise error
        self.defects += self._stream.defects
        if odd and self.gaps:
            self.defects.append(f"{odd} has no credible length: times after it may be wrong")
        if not self.gaps and not (self._lossless and self.channels == 1 and self.sample_rate in _RATES):
            self.defects.append(_CONVERTED)
        promised = self._stream.promised
        if promised and stored < promised - 0.1 * self.sample_rate:
            missing = (promised - stored) / self.sample_rate
            raise DecodeError(
                f"cut off: {missing:.1f} s of what its header promises, and the stretches that they stand for, are "
                "missing",
                "truncated",
            )

    def close(self) -> None:  # noqa: D102
        self._stream.close()


def length_of(block: np.ndarray) -> int:
    """How many blocks a stretch has, by the block ``[256]`` that stands for it."""
    return int(sum(1 << i for i in np.flatnonzero(block[:_BITS] > 0).tolist()))


def _find_blocks(samples: np.ndarray) -> np.ndarray:
    """The first samples of all blocks in ``[samples]`` that stand for a stretch: 32 of ±1 and then nothing but 0."""
    if len(samples) < BLOCK:
        return np.zeros(0, int)
    zeros = np.concatenate([[0], np.cumsum(samples == 0)])
    behind = zeros[BLOCK:] - zeros[_BITS : _BITS + len(samples) - BLOCK + 1]
    candidates = np.flatnonzero(behind == BLOCK - _BITS)
    if not len(candidates):
        return candidates
    bits = np.abs(samples[candidates[:, None] + np.arange(_BITS)]) == _ONE
    candidates = candidates[bits.all(axis=1)]
    return candidates[samples[candidates[:, None] + np.arange(_BITS)].max(axis=1) > 0]  # a length of 0 is none


def _pieces(frames: np.ndarray) -> Iterator[np.ndarray]:
    for at in range(0, len(frames), BLOCK_FRAMES):
        yield frames[at : at + BLOCK_FRAMES]


def _silence(frames: int) -> Iterator[np.ndarray]:
    silence = np.zeros((BLOCK_FRAMES, 1), np.float32)
    for at in range(0, frames, BLOCK_FRAMES):
        yield silence[: frames - at]

"""Decodes excerpts of recordings, in pieces or as a whole; many of one recording in one pass."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from soundbeam.model.errors import SoundbeamError
from soundbeam.transforms.decoders import AudioStream, DecodeError, open_decoder
from soundbeam.transforms.decoding.blocks import DecodedSoFar, as_decode_error, resampled, seek_before

_KEPT = 1 << 24  # samples of the longest excerpt that is kept, for the next one may overlap it: 64 MB
_LEAP_S = 30.0
_SEEKS_FROM_S = 4.0  # an earlier start is never sought


class Excerpt(NamedTuple):
    """A part of a recording.

    Attributes:
        uri: The recording.
        start_s: Where the excerpt starts, seconds.
        end_s: Where it ends; None is the end of the recording.
        channel: The channel to decode, from 1 on; None for the mean of all.
    """

    uri: str
    start_s: float = 0.0
    end_s: float | None = None
    channel: int | None = None


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
    with contextlib.closing(ExcerptReader(rate, decoder)) as reader:
        yield from reader.read(uri, start_s, end_s, channel)


class ExcerptReader:
    """Decodes excerpts one after the other.

    Those of one channel of a recording, in order of their starts, take one pass over it. What lies far between two is
    passed over where the file can be entered anywhere.

    Args:
        rate: Samples per second of the result.
        decoder: ``soundfile`` or ``tensorflow-io``.
    """

    def __init__(self, rate: int, decoder: str = "soundfile"):
        self._rate, self._decoder = rate, decoder
        self._of: tuple[str, int | None] | None = None  # the recording and channel that are being decoded
        self._stream: AudioStream | None = None
        self._blocks: Iterator[np.ndarray] = iter(())
        self._kept = list[tuple[int, np.ndarray]]()  # the first sample and the samples of the last blocks
        self._at, self._leap = 0, 0.0  # the next sample to be decoded; how far decoding is faster than seeking

    def read(self, uri: str, start_s: float, end_s: float | None, channel: int | None = None) -> Iterator[np.ndarray]:
        """The pieces of an excerpt, as ``decode_excerpt`` yields them."""
        if start_s < 0 or (end_s is not None and end_s <= start_s):
            raise SoundbeamError(
                f"{uri}: the excerpt from {start_s} to {end_s} s is empty; give a start before its end"
            )
        first, end = round(start_s * self._rate), math.inf if end_s is None else round(end_s * self._rate)
        any_samples, problem = False, None
        try:
            if (uri, channel) != self._of or not self._reaches(first):
                self._open(uri, channel, first)
            known, fresh = [(at, block) for at, block in self._kept if at + len(block) > first], self._at
            keep = end - first <= _KEPT
            self._kept = known[:] if keep else []
            for at, block in itertools.chain(known, self._fresh()):
                if keep and at >= fresh and at + len(block) > first:
                    self._kept.append((at, block))
                lo, hi = max(0, first - at), min(len(block), end - at)
                any_samples |= lo < hi
                yield block[lo : int(hi)] if lo < hi else block[:0]
                if at + len(block) >= end:
                    break
        except (DecodeError, OSError, MemoryError) as e:
            problem = as_decode_error(e)
            self.close()
        if problem is not None or not any_samples:
            reason = problem.message if problem else f"it has no sound after {start_s} s"
            raise SoundbeamError(f"{uri}: {reason}") from problem

    def close(self) -> None:
        """Closes the recording that is open."""
        stream, self._stream = self._stream, None
        self._of, self._kept, self._blocks = None, [], iter(())
        if stream is not None:
            stream.close()

    def _reaches(self, first: int) -> bool:
        """Whether the present pass comes to a sample without decoding much that nobody asked for."""
        start = self._kept[0][0] if self._kept else self._at
        return start <= first <= self._at + self._leap

    def _open(self, uri: str, channel: int | None, first: int) -> None:
        self.close()
        self._stream = stream = open_decoder(uri, self._decoder)
        self._at = seek_before(
            stream, first, self._rate, stream.sample_rate // math.gcd(stream.sample_rate, self._rate)
        )
        # Of a file in which one cannot seek, another pass would start at its beginning.
        seeks = self._at > 0 or first < _SEEKS_FROM_S * self._rate
        self._leap = _LEAP_S * self._rate if seeks else math.inf
        self._blocks = resampled(stream, self._rate, self._decoder, DecodedSoFar(), channel)
        self._of = uri, channel

    def _fresh(self) -> Iterator[tuple[int, np.ndarray]]:
        for block in self._blocks:
            at, self._at = self._at, self._at + len(block)
            yield at, block


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

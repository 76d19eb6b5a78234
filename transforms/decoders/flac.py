"""Reads FLAC frames, to detect a sample rate that changes midway and to rebuild a lost header.

LibFLAC silently decodes on when the sample rate changes, so all later times would be wrong. It also needs a header,
although each frame describes itself. Format: RFC 9639, sections 8.2 (streaminfo) and 9.1 (frame header).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

_SYNC = re.compile(rb"\xff[\xf8\xf9]", re.DOTALL)
_RATES = (0, 88200, 176400, 192000, 8000, 16000, 22050, 24000, 32000, 44100, 48000, 96000)
_BITS = (0, 8, 12, None, 16, 20, 24, 32)
_LONGEST_HEADER = 16
_MOST_OVERHEAD = 1 << 10  # of a frame over its samples as they are
_MOST_TAGS = 1 << 12
_TAIL = 1 << 16
_GAVE_UP = 1 << 62
_TOTAL = 21  # the last 4 bits of this byte, and the next 4 bytes, hold the number of samples


def _crc8_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte << 1) ^ (0x107 if byte & 0x80 else 0)
        table.append(byte)
    return tuple(table)


_CRC8 = _crc8_table()


@dataclasses.dataclass(frozen=True)
class Frame:
    """One frame's header: ``number`` counts frames, or samples if the block size varies; 0 means "see streaminfo"."""

    number: int
    varies: bool
    samples: int
    rate: int
    channels: int
    bits: int


def parse_frame(data: bytes, at: int) -> Frame | None:
    """The frame header at an offset; None if there is none with a correct checksum."""
    h = data[at : at + _LONGEST_HEADER]
    if len(h) < 6 or h[0] != 0xFF or h[1] & 0xFE != 0xF8 or h[3] & 1:
        return None
    size_code, rate_code, channel_code, bits = h[2] >> 4, h[2] & 15, h[3] >> 4, _BITS[h[3] >> 1 & 7]
    if size_code == 0 or rate_code == 15 or channel_code > 10 or bits is None:
        return None
    ones = 8 - (h[4] ^ 0xFF).bit_length()  # the number is coded like UTF-8
    if ones == 1 or ones > 7:
        return None
    number, i = (h[4] & (0x7F >> ones) if ones else h[4]), 5
    for _ in range(ones - 1):
        if i >= len(h) or h[i] & 0xC0 != 0x80:
            return None
        number, i = number << 6 | h[i] & 0x3F, i + 1
    extra = {6: 1, 7: 2}.get(size_code, 0)
    samples = int.from_bytes(h[i : i + extra], "big") + 1
    if not extra:
        samples = 192 if size_code == 1 else 576 << (size_code - 2) if size_code < 6 else 256 << (size_code - 8)
    i += extra
    extra = {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    rate = int.from_bytes(h[i : i + extra], "big") * {12: 1000, 14: 10}.get(rate_code, 1)
    if not extra:
        rate = _RATES[rate_code]
    i += extra
    crc = 0
    for byte in h[:i]:
        crc = _CRC8[crc ^ byte]
    if i >= len(h) or crc != h[i]:
        return None
    return Frame(number, bool(h[1] & 1), samples, rate, channel_code + 1 if channel_code < 8 else 2, bits)


def promised(head: bytes) -> int | None:
    """The number of samples in the streaminfo of ``fLaC…``; None if that is "unknown" or missing."""
    if len(head) < _TOTAL + 5 or head[:4] != b"fLaC" or head[4] & 0x7F != 0:
        return None
    return int.from_bytes(head[_TOTAL : _TOTAL + 5], "big") & 0xFFFFFFFFF or None


def without_total(head: bytes) -> list[tuple[int, bytes]]:
    """A patch that makes the number of samples "unknown", because libsndfile would stop there, right or wrong."""
    return [(_TOTAL, bytes([head[_TOTAL] & 0xF0, 0, 0, 0, 0]))] if promised(head) else []


def end_of_stream(read_at: Callable[[int, int], bytes], size: int) -> int:
    """The byte behind the sound: tags (ID3v1, APEv2) and zeros at the end of a file of ``size`` bytes are left out."""
    end = size
    for _ in range(_MOST_TAGS):
        if end >= 128 and read_at(end - 128, 3) == b"TAG":
            end -= 128
            continue
        footer = read_at(end - 32, 32) if end >= 32 else b""
        length = int.from_bytes(footer[12:16], "little") + (32 if footer[23:24] >= b"\x80" else 0)  # and its header
        if footer[:8] == b"APETAGEX" and length <= end:
            end -= length
            continue
        tail = read_at(max(0, end - _TAIL), _TAIL)
        zeros = len(tail) - len(tail.rstrip(b"\0"))
        if zeros < 32:  # a frame's own last bytes
            break
        end -= zeros
    return end


def rebuild(data: bytes) -> tuple[bytes, int] | None:
    """Makes a new header for a stream without a valid one.

    Args:
        data: The first bytes of the file; the second frame must start within them.

    Returns:
        ``fLaC`` and a streaminfo, and the offset of the first frame; None if no two frames follow each other.
    """
    seen: list[tuple[int, Frame]] = []
    for match in _SYNC.finditer(data):
        frame = parse_frame(data, match.start())
        if frame is None or not frame.rate or not frame.bits:
            continue
        for at, start in seen:
            if frame == dataclasses.replace(start, number=_next(start), samples=frame.samples):
                packed = start.rate << 44 | (start.channels - 1) << 41 | (start.bits - 1) << 36
                body = b"\x00\x10\xff\xff" + bytes(6) + packed.to_bytes(8, "big") + bytes(16)
                return b"fLaC\x80\x00\x00\x22" + body, at
        seen.append((match.start(), frame))
    return None


def _next(frame: Frame) -> int:
    return frame.number + (frame.samples if frame.varies else 1)


class RateTracker:
    """Follows the frames of a stream as its bytes are read, and notices where the sample rate changes.

    A frame counts only if its checksum is correct and its number is the next one, so random bytes do not count.

    Args:
        rate: The sample rate of the first frames of the stream, if known; else 0.
        midway: Whether it starts within the stream; then a frame counts as the first if the next one follows it.

    Attributes:
        rate: The sample rate of the first frames, Hz; 0 if they leave it to the header.
        change: After how many samples a frame has another rate, and that rate; None until then.
        samples: How many samples the frames so far hold.
        last_end: The offset in the file by which the last of these frames has surely ended.
    """

    def __init__(self, rate: int = 0, midway: bool = False) -> None:
        self.rate = rate
        self.samples = 0
        self.last_end = 0
        self.change: tuple[int, int] | None = None
        self._expected: int | None = None if midway else 0
        self._seen: list[Frame] = []  # until the position in the stream is known
        self._offset: int | None = None
        self._rest = b""

    def __call__(self, offset: int, data: bytes) -> None:
        """Takes bytes as they are read. Bytes that were read before are skipped; after a gap it gives up."""
        if self.change is not None:
            return
        if self._offset is None:
            self._offset = offset
        if offset > self._offset:
            self._offset = _GAVE_UP
            return
        data = data[self._offset - offset :]
        self._offset += len(data)
        data = self._rest + data
        start = self._offset - len(data)
        for match in _SYNC.finditer(data, 0, max(0, len(data) - _LONGEST_HEADER)):
            frame = parse_frame(data, match.start())
            if frame is None or not self._is_next(frame):
                continue
            self.rate = self.rate or frame.rate
            if frame.rate and frame.rate != self.rate:
                self.change = self.samples, frame.rate
                return
            self.samples += frame.samples
            self.last_end = start + match.start() + frame.samples * frame.channels * 4 + _MOST_OVERHEAD
            self._expected = _next(frame)
        # One byte more than was left out above: a sync code of two bytes may begin there.
        self._rest = data[max(0, len(data) - _LONGEST_HEADER - 1) :]

    def look_ahead(self, read_at: Callable[[int, int], bytes], count: int) -> None:
        """Follows the frames in the next ``count`` bytes that have not been read yet."""
        if self._offset is not None and self._offset < _GAVE_UP:
            self(self._offset, read_at(self._offset, count))

    def _is_next(self, frame: Frame) -> bool:
        if self._expected is not None:
            return frame.number == self._expected
        for seen in self._seen:
            if frame.number == _next(seen) and (frame.varies, frame.channels) == (seen.varies, seen.channels):
                self.samples = frame.number * (1 if frame.varies else seen.samples)
                return True
        self._seen = [*self._seen[-8:], frame]
        return False

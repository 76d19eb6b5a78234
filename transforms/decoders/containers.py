"""The header of any container, and those of AIFF, AU and CAF.

Formats: Apple, Audio Interchange File Format 1.3 and AIFF-C; Sun's ``.snd``; Apple Core Audio Format 1.0.
"""

from __future__ import annotations

import struct

from soundbeam.transforms.decoders.headers import MOST_CHUNKS, Header, ReadAt, is_chunk, kind_of, measure
from soundbeam.transforms.decoders.mpeg import id3_size, mp3_header
from soundbeam.transforms.decoders.riff import rf64_header, w64_header, wav_header

_AU_WIDTHS = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}
# AIFF-C's names of sound whose frames all have the size that COMM says, and those of eight bits a sample.
_AIFF_LINEAR = (b"NONE", b"twos", b"sowt", b"raw ", b"in24", b"in32", b"fl32", b"FL32", b"fl64", b"FL64")
_AIFF_BYTES = (b"ulaw", b"ULAW", b"alaw", b"ALAW")


def read_header(read_at: ReadAt, size: int) -> Header:
    """Reads what the header of a file of ``size`` bytes says; ``read_at(offset, count)`` gives its bytes."""
    kind, tag = kind_of(read_at(0, 16)), id3_size(read_at)
    if tag:
        kind = kind_of(read_at(tag, 16)) or "mp3"
    if kind == "mp3":
        return mp3_header(read_at, size, tag)
    read = {"wav": wav_header, "rf64": rf64_header, "w64": w64_header, "aiff": _aiff, "au": _au, "caf": _caf}.get(kind)
    return read(read_at, size) if read is not None and not tag else Header(kind, skip=tag)


def _aiff(read_at: ReadAt, size: int) -> Header:
    """AIFF names its frames in COMM and its bytes in SSND; libsndfile goes by the frames, as far as they are there."""
    at, promised, width, rate, comm = 12, None, 0, 0, 0
    for _ in range(MOST_CHUNKS):
        head = read_at(at, 30)
        if len(head) < 8:
            break
        length = int.from_bytes(head[4:8], "big")
        if head[:4] == b"COMM" and len(head) >= 26:
            comm, coding = at, head[26:30] if length >= 22 else b"NONE"
            channels, frames, bits = struct.unpack(">HIH", head[8:16])
            width = channels * ((bits + 7) // 8 if coding in _AIFF_LINEAR else 1 if coding in _AIFF_BYTES else 0)
            rate, promised = round(_extended(head[16:26])), frames if width else None
        if head[:4] == b"SSND" and comm:
            offset = int.from_bytes(head[8:12], "big")
            start, named = at + 16 + offset, length - 8 - offset
            data = measure(read_at, size, start, named, 32, lambda o: is_chunk(read_at, o, size, "big"))
            if data.unset or promised in (0, 0xFFFFFFFF):
                return Header("aiff", None, patches=_aiff_patches(size, comm, at, data.held, width))
            note, end = data.note(width * rate), at + 8 + length
            # Another chunk behind the sound can make libsndfile refuse the file: it need not see it.
            return Header("aiff", promised, end=end if end <= size else None, note=note)
        at += 8 + length + (length & 1)
    return Header("aiff", promised or None)


def _aiff_patches(size: int, comm: int, ssnd: int, held: int, width: int) -> tuple[tuple[int, bytes], ...]:
    def field(value: int) -> bytes:
        return min(value, 0xFFFFFFFF).to_bytes(4, "big")

    frames = ((comm + 10, field(held // width)),) if width else ()
    return ((4, field(size - 8)), *frames, (ssnd + 4, field(held + 8)))


def _extended(data: bytes) -> float:
    """An 80-bit float."""
    exponent, mantissa = struct.unpack(">HQ", data)
    return float(mantissa) * 2.0 ** min(64, (exponent & 0x7FFF) - 16383 - 63)


def _au(read_at: ReadAt, size: int) -> Header:
    head = read_at(4, 20)
    if len(head) < 20:
        return Header("au")
    start, named, encoding, rate, channels = struct.unpack(">5I", head)
    width = _AU_WIDTHS.get(encoding, 0) * channels
    data = measure(read_at, size, start, named, 32)
    if data.unset:
        return Header("au", patches=((8, b"\xff" * 4),))
    return Header("au", named // width if width and start < size else None, note=data.note(width * rate))


def _caf(read_at: ReadAt, size: int) -> Header:
    """Core Audio: libsndfile refuses a data chunk that is cut off, so its length is made what there is of it."""
    at, per_packet, frames, rate = 8, 0, 0, 0.0
    for _ in range(MOST_CHUNKS):
        head = read_at(at, 12)
        if len(head) < 12:
            break
        length = int.from_bytes(head[4:], "big", signed=True)
        if head[:4] == b"desc":
            (rate,) = struct.unpack(">d", read_at(at + 12, 8).ljust(8, b"\0"))
            per_packet, frames = struct.unpack(">II", read_at(at + 28, 8).ljust(8, b"\0"))
        if head[:4] == b"data":
            start, named = at + 16, length - 4  # a number of edits stands before the sound
            unsigned = named & (1 << 64) - 1 if length < 0 else named
            data = measure(read_at, size, start, unsigned, 64, lambda o: is_chunk(read_at, o, size, "big", 8))
            promised = named // per_packet * frames if per_packet and named > 0 and not data.unset else None
            per_second = per_packet * rate / frames if frames else 0
            if data.unset or data.missing:
                return Header("caf", promised, patches=((at + 4, struct.pack(">q", data.held + 4)),))
            # Compressed sound is found by a table of its packets, whatever the length says.
            return Header("caf", promised, note=data.note(per_second) if per_packet else "")
        if length < 0:
            break
        at += 12 + length
    return Header("caf")

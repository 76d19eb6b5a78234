"""The headers of WAV and of its large forms: RIFF, RIFX, RF64, BW64 and Sony's Wave64.

Formats: Microsoft/IBM, Multimedia Programming Interface, 1991; EBU Tech 3306 (RF64); ITU-R BS.2088 (BW64).
"""

from __future__ import annotations

import struct
from typing import Literal

from soundbeam.transforms.decoders.headers import MOST_CHUNKS, SEARCH_BYTES, Header, Length, ReadAt, is_chunk, measure

# Format tags of sound whose frames stand one after the other, all of one size: PCM and float.
_LINEAR = (1, 3)
_EXTENSIBLE = 0xFFFE
_W64_CHUNK = bytes.fromhex("f3acd3118cd100c04f8edb8a")  # the end of all of Wave64's names


def wav_header(read_at: ReadAt, size: int) -> Header:
    """RIFF's and RIFX's."""
    order: Literal["little", "big"] = "big" if read_at(0, 4) == b"RIFX" else "little"
    at, fmt, fact = 12, b"", 0
    for _ in range(MOST_CHUNKS):
        head = read_at(at, 8)
        if len(head) < 8:
            break
        name, length = head[:4], int.from_bytes(head[4:], order)
        if name == b"fmt ":
            fmt = read_at(at + 8, min(length, 64))
        if name == b"fact":
            fact = at + 8
        if name == b"data":
            return _wav_data(read_at, size, fmt, fact, at + 8, length, order)
        at += 8 + length + (length & 1)
    return Header("wav")


def _wav_data(
    read_at: ReadAt, size: int, fmt: bytes, fact: int, start: int, named: int, order: Literal["little", "big"]
) -> Header:
    if len(fmt) < 16:
        return Header("wav")
    tag, align = int.from_bytes(fmt[:2], order), int.from_bytes(fmt[12:14], order)
    per_second = int.from_bytes(fmt[8:12], order)
    if tag == _EXTENSIBLE and len(fmt) >= 26:
        tag = int.from_bytes(fmt[24:26], order)
    length = measure(read_at, size, start, named, 32, lambda at: is_chunk(read_at, at, size, order))
    behind = length.held - named
    wrapped = behind >= 1 << 31 and behind % (1 << 32) < SEARCH_BYTES  # longer than 4 GiB: it kept the low 32 bits
    if tag not in _LINEAR or align == 0:
        # Compressed: how many frames there are is not to be had, writers' fact chunks differ.
        patches = _patched_length(size, start, length, fact, order) if length.unset and named == 0 else ()
        lost = f"cut off: {length.missing} of the {named} bytes of sound that its header promises are missing"
        return Header("wav", patches=patches, note=lost if length.missing else length.note(per_second))
    if (length.unset and named == 0) or (wrapped and order == "little"):
        if order == "big":
            return Header("wav", patches=_patched_length(size, start, length, fact, order))
        ds64 = struct.pack("<4sI3QI", b"ds64", 28, size, length.held, length.held // align, 0)
        chunk = b"fmt " + struct.pack("<I", len(fmt)) + fmt
        return Header("wav", None, b"RF64\xff\xff\xff\xffWAVE" + ds64 + chunk + b"data\xff\xff\xff\xff", start)
    return Header("wav", None if length.unset else named // align, note=length.note(per_second))


def _patched_length(
    size: int, start: int, length: Length, fact: int, order: Literal["little", "big"]
) -> tuple[tuple[int, bytes], ...]:
    """The length of the data made what there is of them, and that of the file."""

    def field(value: int) -> bytes:
        return min(value, 0xFFFFFFFF).to_bytes(4, order)

    frames = ((fact, field(0xFFFFFFFF)),) if fact else ()
    return ((4, field(size - 8)), (start - 4, field(length.held)), *frames)


def rf64_header(read_at: ReadAt, size: int) -> Header:
    """RF64's and BW64's: the lengths stand in a chunk ``ds64``, which comes first."""
    patches = ((0, b"RF64"),) if read_at(0, 4) == b"BW64" else ()
    if read_at(12, 4) != b"ds64":
        return Header("rf64", patches=patches)
    at, align, per_second = 20 + int.from_bytes(read_at(16, 4), "little"), 0, 0
    for _ in range(MOST_CHUNKS):
        head = read_at(at, 24)
        if len(head) < 8:
            break
        length = int.from_bytes(head[4:8], "little")
        if head[:4] == b"fmt ":
            tag = int.from_bytes(head[8:10], "little")
            if tag == _EXTENSIBLE:
                tag = int.from_bytes(read_at(at + 32, 2), "little")
            align = int.from_bytes(head[20:22], "little") if tag in _LINEAR else 0
            per_second = int.from_bytes(head[16:20], "little")
        if head[:4] == b"data":
            named = int.from_bytes(read_at(28, 8), "little") if length == 0xFFFFFFFF else length
            data = measure(read_at, size, at + 8, named, 64, lambda o: is_chunk(read_at, o, size, "little"))
            if data.unset:
                field = struct.pack("<3Q", size - 8, data.held, data.held // align if align else 0)
                return Header("rf64", patches=(*patches, (20, field), (at + 4, b"\xff" * 4)))
            return Header("rf64", named // align if align else None, patches=patches, note=data.note(per_second))
        at += 8 + length + (length & 1)
    return Header("rf64", patches=patches)


def w64_header(read_at: ReadAt, size: int) -> Header:
    """Wave64's: chunks by 16-byte names, their 8-byte lengths count the 24 bytes before the content too.

    libsndfile takes all that follows the header for sound, other chunks too, so the file is made to end in time.
    """

    def chunk_at(at: int) -> bool:
        return any(read_at(at + shift + 4, 12) == _W64_CHUNK for shift in range(8))

    at, align, per_second = 40, 0, 0
    for _ in range(MOST_CHUNKS):
        head = read_at(at, 40)
        length = int.from_bytes(head[16:24], "little")
        if head[:4] == b"data" and len(head) >= 24:
            data = measure(read_at, size, at + 24, length - 24, 64, chunk_at)
            end = None if data.unset or data.missing else at + length
            frames = None if data.unset or not align else (length - 24) // align
            return Header("w64", frames, end=end, note=data.note(per_second))
        if len(head) < 24 or length < 24:
            break
        if head[:4] == b"fmt ":
            align = int.from_bytes(head[36:38], "little") if head[24:26] in (b"\x01\0", b"\x03\0") else 0
            per_second = int.from_bytes(head[32:36], "little")
        at += (length + 7) & ~7
    return Header("w64")

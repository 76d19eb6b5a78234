"""Reads the header of a file: its kind, how many frames it promises, and how to repair it if it is wrong.

A recorder that fails, a copy that breaks off and a tool that joins files all leave a header that does not match the
file. What the header says is compared with what was decoded. What would make libsndfile stop early is repaired before
it reads.
"""

from __future__ import annotations

import dataclasses
import re
import struct
from collections.abc import Callable
from typing import Literal

ReadAt = Callable[[int, int], bytes]
# The kinds of files that are distinguished; "" is any other kind.
Kind = Literal[
    "wav", "rf64", "w64", "aiff", "au", "caf", "flac", "ogg", "mp3", "mp4", "asf", "adts", "matroska", ""
]  # fmt: skip
# The WAV format tags of PCM and float; others are compressed and state their frames elsewhere.
_WAV_LINEAR = (1, 3)
_AU_WIDTHS = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}
_CHUNK_ID = re.compile(rb"[\x20-\x7e]{4}\Z")
_MOST_CHUNKS = 64
_SEARCH = 1 << 16
_MP3_KBPS = {
    (3, 3): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (3, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (3, 1): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 3): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


@dataclasses.dataclass(frozen=True)
class Header:
    """What the header of a file says.

    Attributes:
        kind: The kind of the file.
        promised: How many frames there are, if the header states a credible number.
        prefix, skip, patches, endless: How to present the file (``Source.present``).
        note: What is wrong although everything that can be decoded will be; else "".
    """

    kind: Kind
    promised: int | None = None
    prefix: bytes = b""
    skip: int = 0
    patches: tuple[tuple[int, bytes], ...] = ()
    endless: bool = False
    note: str = ""


def kind_of(head: bytes) -> Kind:
    """The kind of a file, by its first 16 bytes."""
    if head[:4] in (b"RIFF", b"RIFX") and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    if head[4:8] == b"ftyp":
        return "mp4"
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return "adts"
    return "mp3" if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] & 6 else ""


_MAGIC: tuple[tuple[bytes, Kind], ...] = (
    (b"RF64", "rf64"),
    (b"riff", "w64"),
    (b".snd", "au"),
    (b"caff", "caf"),
    (b"fLaC", "flac"),
    (b"OggS", "ogg"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
    (b"\x1a\x45\xdf\xa3", "matroska"),
)


def id3_size(read_at: ReadAt) -> int:
    """How many bytes the ID3v2 tags in front of the sound take; 0 without a tag."""
    at = 0
    for _ in range(_MOST_CHUNKS):
        head = read_at(at, 10)
        if len(head) < 10 or head[:3] != b"ID3" or any(b & 0x80 for b in head[6:10]):
            break
        at += 10 + sum(b << 7 * (3 - i) for i, b in enumerate(head[6:10])) + (10 if head[5] & 0x10 else 0)
    return at


def read_header(read_at: ReadAt, size: int) -> Header:
    """Reads the header of a file of ``size`` bytes; ``read_at(offset, count)`` returns bytes of it."""
    kind, tag = kind_of(read_at(0, 16)), id3_size(read_at)
    if tag:
        kind = kind_of(read_at(tag, 16)) or "mp3"
    if kind == "wav" and read_at(0, 4) == b"RIFF":
        return _wav(read_at, size)
    if kind == "aiff":
        return Header(kind, _aiff_frames(read_at, size))
    if kind == "au":
        offset, length, encoding, _, channels = struct.unpack(">5I", read_at(4, 20).ljust(20, b"\0"))
        width = _AU_WIDTHS.get(encoding, 0) * channels
        return Header(kind, length // width if width and length != 0xFFFFFFFF and offset < size else None)
    if kind == "rf64":
        data = read_at(12, 28)
        return Header(kind, int.from_bytes(data[24:32], "little") or None if data[:4] == b"ds64" else None)
    if kind == "mp3":
        return _mp3(read_at, size, tag)
    if kind == "w64":
        return Header(kind, _w64_frames(read_at))
    if kind == "caf":
        return _caf(read_at, size)
    return Header(kind)


def _wav(read_at: ReadAt, size: int) -> Header:
    at, fmt = 12, b""
    for _ in range(_MOST_CHUNKS):
        head = read_at(at, 8)
        if len(head) < 8:
            break
        name, length = head[:4], int.from_bytes(head[4:], "little")
        if name == b"fmt ":
            fmt = read_at(at + 8, min(length, 64))
        if name == b"data":
            return _wav_data(read_at, size, fmt, at + 8, length)
        at += 8 + length + (length & 1)
    return Header("wav")


def _wav_data(read_at: ReadAt, size: int, fmt: bytes, start: int, length: int) -> Header:
    if len(fmt) < 16:
        return Header("wav")
    tag, align = int.from_bytes(fmt[:2], "little"), int.from_bytes(fmt[12:14], "little")
    if tag == 0xFFFE and len(fmt) >= 26:
        tag = int.from_bytes(fmt[24:26], "little")
    behind = size - (start + length)
    unknown = length >= 0x7FFFF000 and behind < 0  # what a recorder or a pipe writes before it knows the length
    if (
        tag not in _WAV_LINEAR or align == 0
    ):  # compressed: the number of frames is unknown, because writers fill the fact chunk differently
        missing = 0 if unknown else max(0, -behind)
        note = (
            f"cut off: {missing} of the {length} bytes of sound that its header promises are missing" if missing else ""
        )
        return Header("wav", note=note)
    unset = length == 0 and behind > 0 and not _is_chunk(read_at, start, size)
    wrapped = (
        behind >= 1 << 31 and behind % (1 << 32) < _SEARCH
    )  # longer than 4 GiB: the header holds the low 32 bits of the length
    if unset or wrapped:
        ds64 = struct.pack("<4sI3QI", b"ds64", 28, size, size - start, (size - start) // align, 0)
        chunk = b"fmt " + struct.pack("<I", len(fmt)) + fmt
        prefix = b"RF64\xff\xff\xff\xffWAVE" + ds64 + chunk + b"data\xff\xff\xff\xff"
        return Header("wav", None, prefix, start)
    if unknown:
        return Header("wav")
    end = start + length + (length & 1)
    unread = size - end if size - end > _SEARCH and not _is_chunk(read_at, end, size) else 0
    note = f"{unread} bytes behind the end that the header names were not decoded" if unread else ""
    return Header("wav", length // align, note=note)


def _is_chunk(read_at: ReadAt, at: int, size: int) -> bool:
    """Whether a RIFF chunk begins at an offset, or a byte before it (some writers do not pad)."""
    for offset in (at, at - 1):
        head = read_at(offset, 8)
        if _CHUNK_ID.match(head[:4]) and offset + 8 + int.from_bytes(head[4:], "little") <= size + 1:
            return True
    return False


def _aiff_frames(read_at: ReadAt, size: int) -> int | None:
    at = 12
    for _ in range(_MOST_CHUNKS):
        head = read_at(at, 14)
        if len(head) < 14:
            break
        if head[:4] == b"COMM":
            return int.from_bytes(head[10:14], "big") or None
        length = int.from_bytes(head[4:8], "big")
        at += 8 + length + (length & 1)
    return None


def _w64_frames(read_at: ReadAt) -> int | None:
    """Sony Wave64: chunks have names of 16 bytes and lengths of 8, which include the 24 bytes before the content."""
    at, align = 40, 0
    for _ in range(_MOST_CHUNKS):
        head = read_at(at, 40)
        length = int.from_bytes(head[16:24], "little")
        if len(head) < 24 or length < 24:
            break
        if head[:4] == b"fmt ":
            align = int.from_bytes(head[36:38], "little") if head[24:26] in (b"\x01\0", b"\x03\0") else 0
        if head[:4] == b"data":
            return (length - 24) // align if align else None
        at += (length + 7) & ~7
    return None


def _caf(read_at: ReadAt, size: int) -> Header:
    """Core Audio: libsndfile refuses a data chunk that is cut off, so its length is set to what the file holds."""
    at, per_packet, frames = 8, 0, 0
    for _ in range(_MOST_CHUNKS):
        head = read_at(at, 12)
        if len(head) < 12:
            break
        length = int.from_bytes(head[4:], "big", signed=True)
        if head[:4] == b"desc":
            per_packet, frames = struct.unpack(">II", read_at(at + 28, 8).ljust(8, b"\0"))
        if head[:4] == b"data":
            promised = (length - 4) // per_packet * frames if per_packet and length > 4 else None
            if at + 12 + length <= size:
                return Header("caf", promised)
            return Header("caf", promised, patches=((at + 4, struct.pack(">q", size - at - 12)),))
        if length < 0:
            break
        at += 12 + length
    return Header("caf")


def mp3_frame(head: bytes) -> tuple[int, int] | None:
    """The length of the MPEG audio frame with these first four bytes, and what frames of a stream share; or None."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer, code, rate_code = head[1] >> 3 & 3, head[1] >> 1 & 3, head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or layer == 0 or code in (0, 15) or rate_code == 3:
        return None
    kbps = _MP3_KBPS[(3, layer) if version == 3 else (2, 3 if layer == 3 else 2)][code]
    rate = (44100, 48000, 32000)[rate_code] >> {3: 0, 2: 1, 0: 2}[version]
    padding = head[2] >> 1 & 1
    if layer == 3:
        return (12000 * kbps // rate + padding) * 4, version << 4 | layer << 2 | rate_code
    per = 72 if layer == 1 and version != 3 else 144
    return per * 1000 * kbps // rate + padding, version << 4 | layer << 2 | rate_code


def find_mp3(read_at: ReadAt, at: int) -> int | None:
    """The first offset, from ``at`` on, where two MPEG audio frames follow each other, after tags if any; or None."""
    start = at + id3_size(lambda o, n: read_at(at + o, n))
    data = read_at(start, _SEARCH)
    for match in re.finditer(rb"\xff[\xe0-\xff]", data):
        i = match.start()
        frame = mp3_frame(data[i : i + 4])
        if frame is not None:
            following = mp3_frame(data[i + frame[0] : i + frame[0] + 4])
            if following is not None and following[1] == frame[1]:
                return start + i
    return None


def _mp3(read_at: ReadAt, size: int, tag: int) -> Header:
    """The Xing/Info frame of an MP3 holds its length; without one libmpg123 guesses it, often far too low."""
    data = read_at(tag, 256)
    if mp3_frame(data) is None:
        return Header("mp3", skip=tag, endless=True)
    side = {(3, False): 32, (3, True): 17, (2, False): 17, (2, True): 9}[
        3 if data[1] >> 3 & 1 else 2, data[3] >> 6 == 3
    ]
    at = 4 + side
    if data[at : at + 4] not in (b"Xing", b"Info") or not data[at + 7] & 1:
        return Header("mp3", skip=tag, endless=True)
    if not data[at + 7] & 2:
        return Header("mp3", skip=tag)
    # The number of bytes is corrected: libmpg123 does not use it here, but warns on stderr if it is wrong.
    return Header("mp3", skip=tag, patches=((tag + at + 12, struct.pack(">I", min(size - tag, 0xFFFFFFFF))),))

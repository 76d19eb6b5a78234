"""The chunks that recorders write into WAV files beside the sound.

Chunks are found by their headers; a length is only used to look whether another chunk begins there, and no
more than 64 KB of a chunk are read.

Sources: the GUANO specification (chunk ``guan``: lines "name: value"), EBU Tech 3285 (chunk ``bext``), Wildlife
Acoustics' WAMD (chunk ``wamd``: two bytes of id, four of length, content).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator

ReadAt = Callable[[int, int], bytes]
_MOST_CHUNKS = 64
_MOST_BYTES = 1 << 16
_CHUNK_ID = re.compile(rb"[\x20-\x7e]{4}\Z")
_UNKNOWN = 0xFFFFFFFF
_MOST_EXPANDED = 100  # detectors expand by 8 to 32


def wav_chunks(read_at: ReadAt, size: int) -> Iterator[tuple[bytes, bytes]]:
    """The chunks that tell of the recording: (id, content of at most 64 KB); those within ``LIST`` one by one."""
    head = read_at(0, 12)
    if head[:4] not in (b"RIFF", b"RF64", b"BW64") or head[8:] != b"WAVE":
        return
    at, real_data = 12, None
    for _ in range(_MOST_CHUNKS):
        head = read_at(at, 8)
        if len(head) < 8 or not _CHUNK_ID.match(head[:4]):
            return
        name, length = head[:4], int.from_bytes(head[4:], "little")
        if name == b"ds64":
            real_data = int.from_bytes(read_at(at + 16, 8), "little")
        elif name == b"data" and length == _UNKNOWN and real_data is not None:
            length = real_data
        elif name == b"LIST":
            yield from _within_list(read_at(at + 8, min(length, _MOST_BYTES)))
        elif name in (b"fmt ", b"guan", b"wamd", b"bext"):
            yield name, read_at(at + 8, min(length, _MOST_BYTES))
        end = at + 8 + length
        # Some writers do not pad a chunk of odd length, although they should.
        at = end + 1 if length & 1 and not _CHUNK_ID.match(read_at(end, 4)) else end
        if at >= size:
            return


def _within_list(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 4
    while at + 8 <= len(content) and content[:4] == b"INFO":
        length = int.from_bytes(content[at + 4 : at + 8], "little")
        yield content[at : at + 4], content[at + 8 : at + 8 + length]
        at += 8 + length + (length & 1)


def guano_fields(content: bytes) -> dict[str, str]:
    """The fields of a chunk ``guan``; of one that occurs twice, the first."""
    fields: dict[str, str] = {}
    for line in content.decode("utf-8", "replace").strip("\0").splitlines():
        name, colon, value = line.partition(":")
        if colon:
            fields.setdefault(name.strip(), value.strip())
    return fields


def wamd_fields(content: bytes) -> dict[int, str]:
    """The fields of a chunk ``wamd``, by their ids."""
    fields: dict[int, str] = {}
    at = 0
    while at + 6 <= len(content):
        kind, length = struct.unpack_from("<HI", content, at)
        fields.setdefault(kind, content[at + 6 : at + 6 + length].decode("utf-8", "replace").strip("\0 "))
        at += 6 + length
    return fields


def time_expansion(read_at: ReadAt, size: int) -> int:
    """By how much a recording was slowed down when it was stored, as GUANO says; 1 where nothing says so.

    Its ``TE`` counts only if ``Samplerate``, where it is given, is as many times the rate in the header: a program that
    writes the file anew at its true rate may leave the old ``TE`` in it.
    """
    rate = 0
    for name, content in wav_chunks(read_at, size):
        if name == b"fmt ":
            rate = int.from_bytes(content[4:8], "little")
        elif name == b"guan":
            fields = guano_fields(content)
            factor, true_rate = (_whole(fields.get(field, "")) for field in ("TE", "Samplerate"))
            if factor and 1 < factor <= _MOST_EXPANDED and (not true_rate or true_rate == factor * rate):
                return factor
    return 1


def _whole(text: str) -> int | None:
    try:
        return int(float(text))
    except (ValueError, OverflowError):
        return None

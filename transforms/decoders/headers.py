"""What a file's first bytes say: its kind, how many frames it promises, and how to mend a header that lies.

A recorder that dies, a copy that breaks off and a tool that joins files all leave a header that says something else
than the file holds. Every container that names a length is checked in the same way, by `Length`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Literal

ReadAt = Callable[[int, int], bytes]
# The kinds of files that are told apart; "other" are those that only FFmpeg reads, "" is unknown.
Kind = Literal[
    "wav", "rf64", "w64", "aiff", "au", "caf", "flac", "ogg", "mp3", "mp4", "asf", "adts", "matroska", "other", ""
]  # fmt: skip
MOST_CHUNKS = 64
SEARCH_BYTES = 1 << 16
_CHUNK_ID = re.compile(rb"[\x20-\x7e]{4}\Z")
# Fewer bytes than this behind the sound are padding, or a tag.
_PADDING = 1 << 10


@dataclasses.dataclass(frozen=True)
class Header:
    """What the first bytes say.

    Attributes:
        kind: The kind of the file.
        promised: Frames, where the header names them and they can be believed.
        prefix, skip, patches, endless, end: How to present the file (``Source.present``).
        note: What is wrong although all that can be decoded will be; else "".
    """

    kind: Kind
    promised: int | None = None
    prefix: bytes = b""
    skip: int = 0
    patches: tuple[tuple[int, bytes], ...] = ()
    endless: bool = False
    end: int | None = None
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Length:
    """How many bytes of sound a header names, compared with what the file holds.

    Attributes:
        named: The bytes that the header names.
        held: Bytes from the first byte of sound to the end of the file.
        unset: Whether the header was written before the length was known (0 or -1), so that sound is all that follows.
        unread: Bytes behind the named end that look like neither another chunk nor padding. They may be sound that was
            recorded after the last update of the header, or what the disk held before, so they are not decoded.
    """

    named: int
    held: int
    unset: bool
    unread: int

    @property
    def bytes(self) -> int:
        """Bytes of sound: what is named, or all that there is where that is not known, or is less."""
        return self.held if self.unset else min(self.named, self.held)

    @property
    def missing(self) -> int:
        """Bytes that are named and not there."""
        return 0 if self.unset else max(0, self.named - self.held)

    def note(self, per_second: float = 0) -> str:
        """What a user has to know of bytes that were left; "" where there are none.

        Args:
            per_second: Bytes in a second of sound, where that is known.
        """
        if not self.unread:
            return ""
        seconds = f" ({self.unread / per_second:.1f} s, if they are sound)" if per_second > 0 else ""
        return f"{self.unread} bytes{seconds} after the end that the header states were not decoded"


def measure(
    read_at: ReadAt, size: int, start: int, named: int, bits: int, chunk_at: Callable[[int], bool] = lambda at: False
) -> Length:
    """Compares a named length with the file.

    Args:
        read_at: Gives the file's bytes.
        size: The file's.
        start: Where the sound begins.
        named: Its bytes, as the header says.
        bits: Of the header's field: all of them set, or nearly, say "not known".
        chunk_at: Whether a chunk of the container begins at an offset.
    """
    held = max(0, size - start)
    behind = held - named
    # Recorders and pipes write the largest number, signed or not, or a round one near it, before they know better.
    largest = named >= (1 << bits - 1) - (1 << bits - 20) and behind < 0
    if largest or (named <= 0 and behind > 0 and not chunk_at(start)):
        return Length(max(0, named), held, True, 0)
    end = start + named + (named & 1)
    if behind <= _PADDING or chunk_at(end) or _is_zero(read_at, end, size):
        return Length(named, held, False, 0)
    return Length(named, held, False, size - end)


def is_chunk(read_at: ReadAt, at: int, size: int, order: Literal["little", "big"], length_bytes: int = 4) -> bool:
    """Whether a chunk (four characters and a length) begins at an offset, or a byte before it: not all writers pad."""
    for offset in (at, at - 1):
        head = read_at(offset, 4 + length_bytes)
        content = offset + len(head)
        if _CHUNK_ID.match(head[:4]) and content + int.from_bytes(head[4:], order) <= size + 1:
            return True
    return False


def _is_zero(read_at: ReadAt, at: int, size: int) -> bool:
    """Whether a stretch looks like zeros: a recorder that reserves space leaves them."""
    places = {at, max(at, size - SEARCH_BYTES), at + (size - at) // 2}
    return not any(any(read_at(place, min(SEARCH_BYTES, size - place))) for place in places)


def kind_of(head: bytes) -> Kind:
    """The kind of a file, by its first 16 bytes."""
    if head[:4] in (b"RIFF", b"RIFX") and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide"):
        return "mp4"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "other"
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return "adts"
    return "mp3" if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] & 6 else ""


_MAGIC: tuple[tuple[bytes, Kind], ...] = (
    (b"RF64", "rf64"),
    (b"BW64", "rf64"),
    (b"riff", "w64"),
    (b".snd", "au"),
    (b"caff", "caf"),
    (b"fLaC", "flac"),
    (b"OggS", "ogg"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
    (b"\x1a\x45\xdf\xa3", "matroska"),
    *((magic, "other") for magic in b"wvpk TTA1 MPCK MP+ #!AMR .RMF FLV\x01".split()),
    (b"MAC ", "other"),
    (b"DSD ", "other"),
)

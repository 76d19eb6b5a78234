"""MPEG audio frames (MP1, MP2, MP3): where they begin, how long they are, and what the first one says of the whole.

Format: ISO/IEC 11172-3, section 2.4; ID3v2: id3.org/id3v2.4.0-structure.
"""

from __future__ import annotations

import re
import struct

from soundbeam.transforms.decoders.headers import MOST_CHUNKS, SEARCH_BYTES, Header, ReadAt

_MP3_KBPS = {
    (3, 3): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (3, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (3, 1): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 3): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


def id3_size(read_at: ReadAt) -> int:
    """Bytes of the ID3v2 tags in front of the sound; 0 without one."""
    at = 0
    for _ in range(MOST_CHUNKS):
        head = read_at(at, 10)
        if len(head) < 10 or head[:3] != b"ID3" or any(b & 0x80 for b in head[6:10]):
            break
        at += 10 + sum(b << 7 * (3 - i) for i, b in enumerate(head[6:10])) + (10 if head[5] & 0x10 else 0)
    return at


def mp3_frame(head: bytes) -> tuple[int, int] | None:
    """Bytes of the MPEG audio frame that begins with these four, and what two frames of a stream share; or None."""
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
    """Where, from an offset on, two MPEG audio frames follow each other (or a tag and then they do); or None."""
    start = at + id3_size(lambda o, n: read_at(at + o, n))
    data = read_at(start, SEARCH_BYTES)
    for match in re.finditer(rb"\xff[\xe0-\xff]", data):
        i = match.start()
        frame = mp3_frame(data[i : i + 4])
        if frame is not None:
            following = mp3_frame(data[i + frame[0] : i + frame[0] + 4])
            if following is not None and following[1] == frame[1]:
                return start + i
    return None


def mp3_header(read_at: ReadAt, size: int, tag: int) -> Header:
    """An MP3's length stands in its Xing/Info frame; without one libmpg123 guesses from the size, often far too low."""
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
    # The number of bytes, made right: libmpg123 uses it for nothing here, and warns on stderr where it is wrong.
    return Header("mp3", skip=tag, patches=((tag + at + 12, struct.pack(">I", min(size - tag, 0xFFFFFFFF))),))

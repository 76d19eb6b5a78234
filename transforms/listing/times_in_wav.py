"""When a WAV file was recorded, by the chunks that recorders write beside the sound.

Chunks are found by their headers; a length is only used to look whether another chunk begins there, and no
more than 64 KB of a chunk are read.

Sources: AudioMoth firmware (comment ``ICMT`` in ``LIST``), the GUANO specification (chunk ``guan``), EBU Tech 3285
(chunk ``bext``), Wildlife Acoustics' WAMD (chunk ``wamd``: two bytes of id, four of length, content).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta, timezone

ReadAt = Callable[[int, int], bytes]
_MOST_CHUNKS = 64
_MOST_BYTES = 1 << 16
_CHUNK_ID = re.compile(rb"[\x20-\x7e]{4}\Z")
_UNKNOWN = 0xFFFFFFFF
_WAMD_START = 5

_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d+))?\s*(?:(Z)|([+-])(\d\d?):?(\d\d)?)?(?!\d)", re.ASCII
)
_AUDIOMOTH = re.compile(
    r"Recorded at (\d\d):(\d\d):(\d\d)(?:\.(\d+))? (\d\d)/(\d\d)/(\d{4})(?: \(UTC(?:([+-])(\d+)(?::(\d\d))?)?\))?",
    re.ASCII,
)
_GUANO = re.compile(r"^\s*Timestamp\s*:\s*(.*)$", re.MULTILINE)


def read_times(read_at: ReadAt, size: int) -> list[datetime]:
    """All recording times in a WAV file, the most precise first.

    Args:
        read_at: ``read_at(offset, count)`` returns bytes of the file, fewer at its end.
        size: The size of the file, bytes.

    Returns:
        First the times with an offset from UTC, aware; then those in an unknown time zone, naive. All are valid dates.
        Empty for a file that is not a WAV or holds no time.
    """
    stamps = (_time_of(name, content) for name, content in wav_chunks(read_at, size))
    times = [time for time in stamps if time is not None]
    return [t for t in times if t.tzinfo] + [t for t in times if not t.tzinfo]


def wav_chunks(read_at: ReadAt, size: int) -> Iterator[tuple[bytes, bytes]]:
    """The chunks that may hold a time: (id, content of at most 64 KB); those within ``LIST`` one by one."""
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
        elif name in (b"guan", b"wamd", b"bext"):
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


def _time_of(name: bytes, content: bytes) -> datetime | None:
    text = content.decode("utf-8", "replace")
    if name == b"ICMT":
        return audiomoth_time(text)
    if name == b"guan":
        stamp = _GUANO.search(text)
        return iso_time(stamp[1]) if stamp else None
    if name == b"wamd":
        return _wamd_time(content)
    if name == b"bext":
        return _bext_time(content)
    return None


def _wamd_time(content: bytes) -> datetime | None:
    at = 0
    while at + 6 <= len(content):
        kind, length = struct.unpack_from("<HI", content, at)
        if kind == _WAMD_START:
            return iso_time(content[at + 6 : at + 6 + length].decode("utf-8", "replace"))
        at += 6 + length
    return None


def _bext_time(content: bytes) -> datetime | None:
    """Description 256 bytes, originator 32, its reference 32, then the date, 10, and the local time, 8."""
    date = re.match(r"(\d{4})[-_:. ](\d\d)[-_:. ](\d\d)", content[320:330].decode("ascii", "replace"))
    clock = re.match(r"(\d\d)[-_:. ](\d\d)[-_:. ](\d\d)", content[330:338].decode("ascii", "replace"))
    return moment((*date.groups(), *clock.groups())) if date and clock else None


def audiomoth_time(comment: str) -> datetime | None:
    """The time in an AudioMoth's comment, aware: the oldest firmware names no time zone and means UTC."""
    match = _AUDIOMOTH.search(comment)
    if not match:
        return None
    hour, minute, second, fraction, day, month, year, sign, hours, minutes = match.groups()
    when = moment((year, month, day, hour, minute, second), fraction)
    return with_offset(when, sign or "+", int(hours or 0), int(minutes or 0))


def iso_time(text: str) -> datetime | None:
    """The first ISO 8601 date and time in a text; naive without an offset; None if there is no valid one."""
    match = _ISO.search(text)
    if not match:
        return None
    *date, fraction, utc, sign, hours, minutes = match.groups()
    when = moment(date, fraction)
    return with_offset(when, sign or "+", int(hours or 0), int(minutes or 0)) if utc or sign else when


def moment(parts: Iterable[str], fraction: str | None = None) -> datetime | None:
    """A naive time; None if there is no such time.

    Args:
        parts: The digits of year, month and day, and of hour, minute and second as far as they are known.
        fraction: The digits after the decimal point of the second.
    """
    try:
        when = datetime(*map(int, parts))  # type: ignore[arg-type]  # mypy does not count what map yields
    except ValueError:
        return None
    return when.replace(microsecond=int((fraction or "")[:6].ljust(6, "0")))


def with_offset(when: datetime | None, sign: str, hours: int, minutes: int) -> datetime | None:
    """The time with its offset from UTC; None if no clock on Earth has that offset."""
    if when is None or hours > 14 or minutes > 59:
        return None
    offset = timedelta(hours=hours, minutes=minutes)
    return when.replace(tzinfo=timezone(-offset if sign == "-" else offset))

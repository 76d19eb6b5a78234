"""What a WAV file says of when, where and by which recorder it was made, in the chunks that recorders write.

Sources: AudioMoth firmware (comment ``ICMT`` in ``LIST``), and those of `transforms.decoders.wav_chunks`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone

from soundbeam.transforms.decoders.wav_chunks import ReadAt, guano_fields, wamd_fields, wav_chunks

_WAMD_SERIAL, _WAMD_START, _WAMD_PLACE = 2, 5, 6

_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d+))?\s*(?:(Z)|([+-])(\d\d?):?(\d\d)?)?(?!\d)", re.ASCII
)
_AUDIOMOTH = re.compile(
    r"Recorded at (\d\d):(\d\d):(\d\d)(?:\.(\d+))? (\d\d)/(\d\d)/(\d{4})(?: \(UTC(?:([+-])(\d+)(?::(\d\d))?)?\))?",
    re.ASCII,
)


@dataclasses.dataclass(frozen=True)
class WavMetadata:
    """What a WAV file says of its recording.

    Attributes:
        times: All recording times, the most precise first: those with an offset from UTC, aware; then those in an
            unknown time zone, naive. All are valid dates.
        latitude, longitude: Degrees; None if it does not say.
        recorder: The recorder's serial number; None if it does not say.
    """

    times: tuple[datetime, ...] = ()
    latitude: float | None = None
    longitude: float | None = None
    recorder: str | None = None


_AUDIOMOTH_ID = re.compile(r"AudioMoth ([0-9A-F]{16})(?![0-9A-F])", re.ASCII)
_WAMD_GPS = re.compile(r"WGS\S*,\s*(\d+(?:\.\d*)?),\s*([NSns]),\s*(\d+(?:\.\d*)?),\s*([EWew])(?![A-Za-z])", re.ASCII)


def read_metadata(read_at: ReadAt, size: int) -> WavMetadata:
    """What a WAV file says of its recording; nothing for a file that is none.

    Args:
        read_at: ``read_at(offset, count)`` returns bytes of the file, fewer at its end.
        size: The size of the file, bytes.
    """
    chunks = list(wav_chunks(read_at, size))
    times = [time for name, content in chunks if (time := _time_of(name, content)) is not None]
    places = (place for name, content in chunks if (place := _place_of(name, content)) is not None)
    recorders = (recorder for name, content in chunks if (recorder := _recorder_of(name, content)))
    latitude, longitude = next(places, (None, None))
    return WavMetadata(
        (*(t for t in times if t.tzinfo), *(t for t in times if not t.tzinfo)),
        latitude,
        longitude,
        next(recorders, None),
    )


def _place_of(name: bytes, content: bytes) -> tuple[float, float] | None:
    """Latitude and longitude; None without, and for 0 0, which recorders write that found no satellite."""
    text = guano_fields(content).get("Loc Position", "") if name == b"guan" else ""
    numbers = re.findall(r"[+-]?\d+(?:\.\d*)?", text, re.ASCII)
    if name == b"wamd":
        found = _WAMD_GPS.match(wamd_fields(content).get(_WAMD_PLACE, ""))
        numbers = (
            [f"{'-' if found[2] in 'Ss' else ''}{found[1]}", f"{'-' if found[4] in 'Ww' else ''}{found[3]}"]
            if found
            else []
        )
    if len(numbers) != 2:
        return None
    latitude, longitude = map(float, numbers)
    return (latitude, longitude) if abs(latitude) <= 90 and abs(longitude) <= 180 and (latitude or longitude) else None


def _recorder_of(name: bytes, content: bytes) -> str:
    """The serial number in a chunk; "" without."""
    if name == b"guan":
        return guano_fields(content).get("Serial", "")
    if name == b"wamd":
        return wamd_fields(content).get(_WAMD_SERIAL, "")
    if name in (b"ICMT", b"IART"):
        found = _AUDIOMOTH_ID.search(content.decode("utf-8", "replace"))
        return found[1] if found else ""
    return ""


def _time_of(name: bytes, content: bytes) -> datetime | None:
    text = content.decode("utf-8", "replace")
    if name == b"ICMT":
        return audiomoth_time(text)
    if name == b"guan":
        return iso_time(guano_fields(content).get("Timestamp", ""))
    if name == b"wamd":
        return iso_time(wamd_fields(content).get(_WAMD_START, ""))
    if name == b"bext":
        return _bext_time(content)
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

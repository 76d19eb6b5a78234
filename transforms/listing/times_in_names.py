"""When and where a recording was made, by its name: the usual names that recorders give, and patterns of the user.

A pattern looks like the end of a recording's URI: ``*`` is anything within one folder's or file's name, ``?`` one
character of it, ``**`` anything, ``{site}`` is the site, and ``%Y %m %d %H %M %S`` and so on mean what they mean for
strptime. A pattern matches whole names, ignores case, and may omit the extension.
"""

from __future__ import annotations

import calendar
import dataclasses
import functools
import re
import zoneinfo
from datetime import datetime, timedelta, timezone, tzinfo

from soundbeam.model.errors import SoundbeamError
from soundbeam.transforms.listing.times_in_wav import iso_time, moment, with_offset

_DIRECTIVES = {
    "Y": r"(?P<Y>\d{4})",
    "y": r"(?P<y>\d\d)",
    "m": r"(?P<m>\d\d)",
    "d": r"(?P<d>\d\d)",
    "j": r"(?P<j>\d{3})",
    "H": r"(?P<H>\d\d)",
    "M": r"(?P<M>\d\d)",
    "S": r"(?P<S>\d\d)",
    "f": r"(?P<f>\d{1,9})",
    "z": r"(?P<z>Z|[+-]\d\d:?\d\d)",
    "s": r"(?P<s>\d{9,10})",
    "%": "%",
}
_EXTENSION = r"(?:\.[a-z0-9]{1,5})?\Z"
# Date and time, with or without separators; AM or PM; then what may be an offset from UTC.
_NAMED = re.compile(
    r"(?<!\d)((?:19|20)\d\d)([-_.]?)(\d\d)\2(\d\d)([Tt$.]|[_ -]{0,3}| at |-birdnet-(?:RTSP_\d+-)?)"
    r"(\d\d)([-_.:h]?)(\d\d)[-_.:m]?(\d\d)(?!\d)(?:\.(\d{1,6})(?!\d))?(?:[ _\xa0\u202f-]?([AaPp])[Mm](?![A-Za-z0-9]))?"
    r"(?:([Zz])(?![A-Za-z0-9])|([+-])(\d\d):?(00|15|30|45)(?![A-Za-z0-9]))?",
    re.ASCII,
)
# The offsets west of Greenwich, where a minus after other than an ISO time is taken for one.
_WEST = re.compile(r"(?:0[1-9]|1[0-2])00|0[239]30")
# Seconds since 1970 in hexadecimal, as AudioMoths before 2020 name files. In other years a name is none.
_HEX = re.compile(r"[0-9A-F]{8}\Z", re.ASCII)
_HEX_YEARS = (2015, 2030)


def from_name(uri: str) -> datetime | None:
    """The time in a recording's name, as recorders usually write it.

    ``20240131_053000``, with anything around it and with any or no separators (AudioMoth, Wildlife Acoustics, Swift);
    ``2024-01-31T05-30-00``; ``2024-01-31-birdnet-05:30:00`` (BirdNET-Pi); ``2024-01-31 at 05.30.00 PM`` (phones); any
    followed by ``Z`` or an offset, ``20240131T053000+1000`` (Frontier Labs); a whole name of eight hexadecimal digits
    (old AudioMoths). Of several times, the first valid one counts.

    Args:
        uri: The recording.

    Returns:
        An aware time if the name gives the offset, else a naive one; None if it gives no valid time.
    """
    stem = uri.rpartition("/")[2].rpartition(".")[0] or uri.rpartition("/")[2]
    for match in _NAMED.finditer(stem):
        *date, between, hour, clock, minute, second, fraction, half, utc, sign, hours, minutes = match.groups()
        if half and clock and 1 <= int(hour) <= 12:
            hour = str(int(hour) % 12 + (12 if half in "Pp" else 0))
        when = moment((date[0], date[2], date[3], hour, minute, second), fraction)
        # Unless it follows an ISO time, a minus may be a dash before some number.
        west = between in ("T", "t") or (between == "_" and _WEST.match(f"{hours}{minutes}"))
        if utc or (sign and (sign == "+" or west)):
            when = with_offset(when, sign or "+", int(hours or 0), int(minutes or 0))
        if when is not None:
            return when
    if _HEX.match(stem):
        when = datetime.fromtimestamp(int(stem, 16), timezone.utc)
        return when if _HEX_YEARS[0] <= when.year < _HEX_YEARS[1] else None
    return None


@functools.lru_cache
def compile_pattern(pattern: str, option: str) -> re.Pattern[str]:
    """The regular expression for a pattern.

    Args:
        pattern: A pattern, as the module describes it.
        option: ``--site`` or ``--recorded-at``, which decides what the pattern must contain.

    Raises:
        SoundbeamError: The pattern lacks what the option requires, or contains an unknown part.
    """
    parts, seen = [], list[str]()
    for token in re.findall(r"\*\*/?|\*|\?|\{[^}]*\}?|%.?|.", pattern.lstrip("/"), re.DOTALL):
        if token in ("**", "**/"):
            parts.append(".*" if token == "**" else "(?:.*/)?")
        elif token == "*":
            parts.append("[^/]*")
        elif token == "?":
            parts.append("[^/]")
        elif token == "{site}":
            parts.append("(?P<site>[^/]+?)")
            seen.append("site")
        elif token[0] == "{":
            raise SoundbeamError(f"{option} {pattern!r}: there is no {token}; the only name in braces is {{site}}")
        elif token[0] == "%" and token[1:] in _DIRECTIVES:
            parts.append(_DIRECTIVES[token[1:]])
            seen += token[1:].strip("%")
        elif token[0] == "%":
            directives = " ".join(f"%{name}" for name in _DIRECTIVES)
            raise SoundbeamError(f"{option} {pattern!r}: there is no {token}; there are {directives}")
        else:
            parts.append(re.escape(token))
    twice = {name for name in seen if seen.count(name) > 1}
    if twice:
        raise SoundbeamError(f"{option} {pattern!r}: {' and '.join(sorted(twice))} occurs twice")
    date = "s" in seen or ({"Y", "y"} & set(seen) and ({"m", "d"} <= set(seen) or "j" in seen))
    if option == "--site" and "site" not in seen:
        raise SoundbeamError(f"--site {pattern!r}: holds no {{site}}; write e.g. '{{site}}/*.wav' or '{{site}}_*.wav'")
    if option == "--recorded-at" and not date:
        raise SoundbeamError(f"--recorded-at {pattern!r}: holds no whole date; write e.g. '*_%Y%m%d_%H%M%S.wav'")
    return re.compile(f"(?:^|/){''.join(parts)}{_EXTENSION}", re.IGNORECASE | re.ASCII | re.DOTALL)


def from_pattern(uri: str, pattern: str) -> datetime | None:
    """The time that a pattern reads from a URI: aware with ``%z`` or ``%s``, else naive; None if it does not match."""
    match = compile_pattern(pattern, "--recorded-at").search(_path(uri))
    if not match:
        return None
    part = match.groupdict()
    if part.get("s"):
        return datetime.fromtimestamp(int(part["s"]), timezone.utc)
    # As POSIX reads %y: 69 to 99 are 1969 to 1999.
    year = int(part["Y"]) if part.get("Y") else int(part["y"]) + (1900 if int(part["y"]) > 68 else 2000)
    clock = [part.get(name) or "0" for name in "HMS"]
    if part.get("j"):
        when = moment((str(year), "1", "1", *clock), part.get("f"))
        day = int(part["j"])
        if when is None or not 1 <= day <= 365 + calendar.isleap(year):
            return None
        when += timedelta(days=day - 1)
    else:
        when = moment((str(year), part["m"], part["d"], *clock), part.get("f"))
    zone = part.get("z")
    if not zone:
        return when
    return with_offset(when, *(("+", 0, 0) if zone in "Zz" else (zone[0], int(zone[1:3]), int(zone[-2:]))))


def site_of(uri: str, pattern: str | None) -> str | None:
    """The site that a pattern reads from a URI; None without a pattern, or if it does not match."""
    match = compile_pattern(pattern, "--site").search(_path(uri)) if pattern else None
    return match["site"] if match else None


def _path(uri: str) -> str:
    """A URI without its scheme."""
    return uri.partition("://")[2] or uri


@functools.lru_cache
def zone_of(name: str) -> tzinfo:
    """The time zone of an IANA name such as ``Europe/Berlin``, or of a fixed offset such as ``+10:00``.

    Raises:
        SoundbeamError: There is no time zone of that name.
    """
    offset = re.fullmatch(r"([+-])(\d\d):?(\d\d)", name, re.ASCII)
    if offset and int(offset[2]) <= 14 and int(offset[3]) <= 59:
        shift = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
        return timezone(-shift if offset[1] == "-" else shift)
    if name == "UTC":
        return timezone.utc
    try:
        return zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError) as e:
        raise SoundbeamError(f"no time zone {name!r}; give one as Europe/Berlin, America/Lima or +10:00") from e


def to_utc(when: datetime | None, zone: tzinfo) -> datetime | None:
    """A time in UTC; a naive one is read as local time in ``zone``.

    When clocks are set back, one hour occurs twice; its times are taken for those of the first. When clocks are set
    forward, one hour is left out; a time within it is read by the clock before the change.
    """
    if when is None:
        return None
    try:
        return (when if when.tzinfo else when.replace(tzinfo=zone)).astimezone(timezone.utc)
    except (OverflowError, ValueError):  # the first and the last day of the calendar
        return None


def parse_date(text: str, zone: tzinfo) -> datetime:
    """Reads a date, or a date and time, with an offset or else as local time in ``zone``; returns it in UTC.

    Raises:
        SoundbeamError: The text is not a date.
    """
    day = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d))?", text, re.ASCII)
    when = moment(filter(None, day.groups())) if day else iso_time(text)
    when = to_utc(when, zone)
    if when is None:
        raise SoundbeamError(f"{text!r} is not a date; write 2024-01-31 or 2024-01-31T05:30:00+10:00")
    return when


@dataclasses.dataclass(frozen=True)
class Conventions:
    """Where times and sites are read from.

    Attributes:
        recorded_at: A pattern for the time in a recording's URI; None for the usual names only.
        timezone: The time zone of the recorders' clocks where their offset is unknown: an IANA name or ``+HH:MM``.
        site: A pattern for the site in a recording's URI.

    Raises:
        SoundbeamError: A pattern or the time zone is invalid.
    """

    recorded_at: str | None = None
    timezone: str = "UTC"
    site: str | None = None

    def __post_init__(self):
        zone_of(self.timezone)
        if self.recorded_at is not None:
            compile_pattern(self.recorded_at, "--recorded-at")
        if self.site is not None:
            compile_pattern(self.site, "--site")

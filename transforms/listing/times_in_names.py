"""When and where a recording was made, by its name: usual names of recorders, and patterns that the user writes.

A pattern looks like the end of a recording's URI: ``*`` is anything within one folder's or file's name, ``?`` one
character of it, ``**`` anything, ``{site}`` the site, and ``%Y %m %d %H %M %S`` and so on are strptime's parts of a
time. It matches whole names, upper or lower case, and may leave the extension out.
"""

from __future__ import annotations

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
# Date and time, with any separators or none; then what may be an offset from UTC.
_NAMED = re.compile(
    r"(?<!\d)((?:19|20)\d\d)([-_.]?)(\d\d)\2(\d\d)([T_$ .-]?)(\d\d)([-_.:h]?)(\d\d)[-_.:m]?(\d\d)(?!\d)"
    r"(?:\.(\d{1,6})(?!\d))?(?:(Z)(?![A-Za-z0-9])|([+-])(\d\d):?(00|15|30|45)(?!\d))?",
    re.ASCII,
)
# Seconds since 1970 in hexadecimal, as AudioMoths of before 2020 name files; in other years it is no such name.
_HEX = re.compile(r"[0-9A-F]{8}\Z", re.ASCII)
_HEX_YEARS = (2015, 2030)


def from_name(uri: str) -> datetime | None:
    """The time in a recording's name, as recorders usually write it.

    ``20240131_053000``, with anything around it and with any or no separators (AudioMoth, Wildlife Acoustics, Swift);
    ``2024-01-31T05-30-00``; either followed by ``Z`` or an offset, ``20240131T053000+1000`` (Frontier Labs); a whole
    name of eight hexadecimal digits (old AudioMoths). Of several, the first that exists.

    Args:
        uri: The recording.

    Returns:
        Aware where the name says the offset, else naive; None where it says no time, or one that does not exist.
    """
    stem = uri.rpartition("/")[2].rpartition(".")[0] or uri.rpartition("/")[2]
    for match in _NAMED.finditer(stem):
        year, _, month, day, between, hour, _, minute, second, fraction, utc, sign, hours, minutes = match.groups()
        when = moment((year, month, day, hour, minute, second), fraction)
        # A minus that does not follow an ISO time is a dash before some number.
        if utc or (sign and (sign == "+" or between == "T")):
            when = with_offset(when, sign or "+", int(hours or 0), int(minutes or 0))
        if when is not None:
            return when
    if _HEX.match(stem):
        when = datetime.fromtimestamp(int(stem, 16), timezone.utc)
        return when if _HEX_YEARS[0] <= when.year < _HEX_YEARS[1] else None
    return None


@functools.lru_cache
def compile_pattern(pattern: str, option: str) -> re.Pattern[str]:
    """The regular expression of a pattern.

    Args:
        pattern: As the module says.
        option: ``--site`` or ``--recorded-at``, which decides what it has to hold.

    Raises:
        SoundbeamError: It lacks that, or holds a part that there is not; one line.
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
        raise SoundbeamError(f"{option} {pattern!r}: {' and '.join(sorted(twice))} stands there twice")
    date = "s" in seen or ({"Y", "y"} & set(seen) and ({"m", "d"} <= set(seen) or "j" in seen))
    if option == "--site" and "site" not in seen:
        raise SoundbeamError(f"--site {pattern!r}: holds no {{site}}; write e.g. '{{site}}/*.wav' or '{{site}}_*.wav'")
    if option == "--recorded-at" and not date:
        raise SoundbeamError(f"--recorded-at {pattern!r}: holds no whole date; write e.g. '*_%Y%m%d_%H%M%S.wav'")
    return re.compile(f"(?:^|/){''.join(parts)}{_EXTENSION}", re.IGNORECASE | re.ASCII | re.DOTALL)


def from_pattern(uri: str, pattern: str) -> datetime | None:
    """The time that a pattern finds in a URI: aware with ``%z`` or ``%s``, else naive; None where it does not match."""
    match = compile_pattern(pattern, "--recorded-at").search(_path(uri))
    if not match:
        return None
    part = match.groupdict()
    if part.get("s"):
        return datetime.fromtimestamp(int(part["s"]), timezone.utc)
    # As POSIX reads %y: 69 to 99 are of the last century.
    year = int(part.get("Y") or 0) or int(part["y"]) + (1900 if int(part["y"]) > 68 else 2000)
    clock = [part.get(name) or "0" for name in "HMS"]
    if part.get("j"):
        when = moment((str(year), "1", "1", *clock), part.get("f"))
        day = int(part["j"])
        if when is None or not 1 <= day <= (datetime(year + 1, 1, 1) - datetime(year, 1, 1)).days:
            return None
        when += timedelta(days=day - 1)
    else:
        when = moment((str(year), part["m"], part["d"], *clock), part.get("f"))
    zone = part.get("z")
    if not zone:
        return when
    return with_offset(when, *(("+", 0, 0) if zone in "Zz" else (zone[0], int(zone[1:3]), int(zone[-2:]))))


def site_of(uri: str, pattern: str | None) -> str | None:
    """The site that a pattern finds in a URI; None without a pattern, or where it does not match."""
    match = compile_pattern(pattern, "--site").search(_path(uri)) if pattern else None
    return match["site"] if match else None


def _path(uri: str) -> str:
    """A URI without its scheme."""
    return uri.partition("://")[2] or uri


@functools.lru_cache
def zone_of(name: str) -> tzinfo:
    """The time zone of an IANA name such as ``Europe/Berlin``, or of a fixed offset such as ``+10:00``.

    Raises:
        SoundbeamError: There is none of that name.
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
    """A time in UTC; a naive one is of ``zone``'s clock.

    Where clocks are set back an hour exists twice: it is taken for the first. Where they are set forward an hour is
    left out: a time in it is read by the clock before the change.
    """
    if when is None:
        return None
    try:
        return (when if when.tzinfo else when.replace(tzinfo=zone)).astimezone(timezone.utc)
    except OverflowError:  # the first and the last day of the calendar
        return None


def parse_date(text: str, zone: tzinfo) -> datetime:
    """A date, or a date and time, with an offset or else by ``zone``'s clock; in UTC.

    Raises:
        SoundbeamError: It is none.
    """
    day = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d))?", text, re.ASCII)
    when = moment(filter(None, day.groups())) if day else iso_time(text)
    when = to_utc(when, zone)
    if when is None:
        raise SoundbeamError(f"{text!r} is no date; write 2024-01-31 or 2024-01-31T05:30:00+10:00")
    return when


@dataclasses.dataclass(frozen=True)
class Conventions:
    """How times and sites are told.

    Attributes:
        recorded_at: A pattern for the time in a recording's URI; None: usual names only.
        timezone: Of the recorders' clocks, where nothing says their offset: an IANA name, or ``+HH:MM``.
        site: A pattern for the site in a recording's URI.

    Raises:
        SoundbeamError: One of them is not understood.
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

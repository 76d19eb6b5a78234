"""The table of deployments: where each recorder was, and from when to when."""

from __future__ import annotations

import csv
import dataclasses
import functools
import hashlib
import io
import itertools
import json
import re
import unicodedata
from datetime import date, datetime, timedelta, timezone, tzinfo

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.storage.csv_table import TableRow, read_csv
from soundbeam.transforms.listing.times_in_names import parse_date, zone_of

_DEGREES = {"latitude": 90, "longitude": 180}
_OTHERS = ("start", "end", "timezone", "recorder")
_ALWAYS = datetime.min.replace(tzinfo=timezone.utc), datetime.max.replace(tzinfo=timezone.utc)
_SHOWN = 3  # sites in an error


@dataclasses.dataclass(frozen=True)
class Deployment:
    """A recorder at a place, from a time to a time.

    Attributes:
        site: Its name, as ``--site`` reads it from recordings' names.
        latitude, longitude: Degrees, north and east positive.
        start: When it began, UTC.
        end: When it ended, UTC: the first moment after it.
        timezone: The zone of the recorder's clock; "" where the table does not say it.
        recorder: Its serial number or another name of it; "" where the table does not say it.
        line: Its line in the table.
    """

    site: str
    latitude: float
    longitude: float
    start: datetime
    end: datetime
    timezone: str
    recorder: str = ""
    line: int = dataclasses.field(compare=False, default=0)


@dataclasses.dataclass(frozen=True)
class Deployments:
    """All deployments of a table.

    Attributes:
        rows: In the table's order; those of one site do not overlap in time, and have one time zone.
        everywhere: Whether recordings have no site, and those of the table's only one are meant for all of them.
    """

    rows: tuple[Deployment, ...]
    everywhere: bool = False

    @functools.cached_property
    def by_site(self) -> dict[str, list[Deployment]]:
        """Site → its deployments."""
        by_site: dict[str, list[Deployment]] = {}
        for row in self.rows:
            by_site.setdefault(row.site, []).append(row)
        return by_site

    def of_site(self, site: str | None) -> list[Deployment]:
        """The deployments of a recording's site; none of one that is not in the table."""
        if self.everywhere:
            return list(self.rows)
        return self.by_site.get(unicodedata.normalize("NFC", site), []) if site else []

    def at(self, site: str | None, when: datetime | None) -> Deployment | None:
        """The deployment of a site at a time; None if there is none, or the time is not known."""
        return next((row for row in self.of_site(site) if when and row.start <= when < row.end), None)

    def timezone_of(self, site: str | None) -> str:
        """The zone of the clock of a site's recorders; "" where the table does not say it."""
        return next((row.timezone for row in self.of_site(site)), "")

    @property
    def sha256(self) -> str:
        """Of what the table says: the same for its rows in another order."""
        rows = sorted(json.dumps(_values(row), default=str) for row in self.rows)
        return hashlib.sha256("\n".join(rows).encode()).hexdigest()

    def to_csv(self) -> str:
        """The table in the form that `read_deployments` reads; times are in UTC."""
        text = io.StringIO()
        table = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")  # a name may start with #
        table.writerow(("site", *_DEGREES, *_OTHERS))
        for row in self.rows:
            start, end = ("" if time in _ALWAYS else time.isoformat() for time in (row.start, row.end))
            table.writerow((row.site, row.latitude, row.longitude, start, end, row.timezone, row.recorder))
        return text.getvalue()


def _values(row: Deployment) -> tuple[object, ...]:
    """What a row says. Without a recorder it is what it was before there was that column: settings stay the same."""
    values = dataclasses.astuple(row)[:-1]
    return values if row.recorder else values[:-1]


def read_deployments(url: str, site_pattern: str | None, timezone: str) -> Deployments:
    """Reads a CSV ``site,latitude,longitude[,start][,end][,timezone][,recorder]``.

    `model.storage.csv_table` says in which forms.

    Args:
        url: A local path or any fsspec URL.
        site_pattern: That of ``--site``; None: recordings have no site, and the table must be of a single one.
        timezone: The zone of times in rows that give none.

    Raises:
        SoundbeamError: It is no such table, a value is no place, time or zone, times of one site overlap, or it has
            several sites and recordings have none.
    """
    rows, wrong = list[Deployment](), list[str]()
    for row in read_csv(url, ("site", *_DEGREES), _OTHERS, tuple(_DEGREES)):
        try:
            rows.append(_deployment(row, timezone))
        except (ValueError, SoundbeamError) as e:
            wrong.append(f"{url} line {row.line}: {e}")
    if wrong:
        more = len(wrong) - 1
        raise SoundbeamError(wrong[0] + (f"; and {more} more such {'row' if more == 1 else 'rows'}" if more else ""))
    if not rows:
        raise SoundbeamError(f"{url}: has no row; write one for each recorder and place")
    deployments = Deployments(tuple(rows), site_pattern is None)
    for of_site in deployments.by_site.values():
        _check_site(url, of_site)
    sites = list(deployments.by_site)
    if site_pattern is None and len(sites) > 1:
        named = ", ".join(sites[:_SHOWN]) + (", …" if len(sites) > _SHOWN else "")
        raise SoundbeamError(
            f"{url}: is of {len(sites)} sites ({named}); say with --site PATTERN which one a recording is of"
        )
    return deployments


def _deployment(row: TableRow, default_zone: str) -> Deployment:
    site = unicodedata.normalize("NFC", row.text("site"))
    if not site:
        raise ValueError("names no site")
    name = row.text("timezone")
    zone = zone_of(name or default_zone)
    start, end = _time(row, "start", zone), _time(row, "end", zone)
    if start >= end:
        raise ValueError(f"start {row.text('start')} is not before end {row.text('end')}")
    place = _degrees(row, "latitude"), _degrees(row, "longitude")
    return Deployment(site, *place, start, end, name, row.text("recorder"), row.line)


def _degrees(row: TableRow, column: str) -> float:
    text, most = row.text(column).replace(",", "."), _DEGREES[column]
    if not re.fullmatch(r"[+-]?[0-9]+\.?[0-9]*([eE][+-]?[0-9]+)?", text):
        raise ValueError(f"{column} {row.text(column)!r} is no number; write degrees with decimals, as -12.345")
    if not abs(float(text)) <= most:
        raise ValueError(f"{column} {text} is not between -{most} and {most} degrees")
    return float(text)


def _time(row: TableRow, column: str, zone: tzinfo) -> datetime:
    """A start or end, UTC. An empty one is always; a day without a time is its first moment, as an end its last."""
    text = row.text(column)
    if text in ("", "NA"):
        return _ALWAYS[column == "end"]
    try:
        when = parse_date(text, zone)
        if column == "end" and re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
            return parse_date((date.fromisoformat(text) + timedelta(days=1)).isoformat(), zone)
        return when
    except OverflowError:  # the last day of the calendar, for no end
        return _ALWAYS[1]
    except SoundbeamError as e:
        raise ValueError(f"{column} {e}") from None


def _check_site(url: str, rows: list[Deployment]) -> None:
    """Refuses deployments of one site that overlap, or whose recorders have clocks of different zones."""
    in_time = sorted(rows, key=lambda row: row.start)
    for one, other in itertools.pairwise(in_time):
        first, second = sorted((one.line, other.line))
        if other.start < one.end:
            raise SoundbeamError(
                f"{url} lines {first} and {second}: two deployments of {one.site!r} overlap in time; write when one "
                "ends (with the time of day if the next starts on that day), or name two sites"
            )
        if one.timezone != other.timezone:
            raise SoundbeamError(f"{url} lines {first} and {second}: {one.site!r} has two time zones; give it one")

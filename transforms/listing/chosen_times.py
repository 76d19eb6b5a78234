"""Which recordings a scan is about, by when they begin: from a date on, until a date, within some hours of the day."""

from __future__ import annotations

import dataclasses
import re
from datetime import date, datetime, time, timedelta, timezone, tzinfo

from soundbeam.model.errors import SoundbeamError
from soundbeam.transforms.listing.times_in_names import parse_date

# How far the times in metadata and in a name without an offset can differ: no two clocks on Earth are more than 26
# hours apart.
_CLOCKS_DIFFER = timedelta(hours=26)
_CLOCK = r"(\d\d?)(?::(\d\d))?"
# Why a recording is left out.
REASONS = SINCE, UNTIL, HOURS, NO_TIME = "since", "until", "hours", "no time"
# How the names of the numbers of such files begin.
NOT_CHOSEN = "not chosen: "


@dataclasses.dataclass(frozen=True)
class Hours:
    """Hours of the day by the local clock, over midnight where the end comes before the start.

    Attributes:
        start, end: The first moment, and the first one after it.

    Example:
        >>> night = Hours.parse("18-06")
        >>> [night.hold(datetime(2024, 1, 31, *clock)) for clock in [(18, 0), (5, 59), (6, 0), (12, 0)]]
        [True, True, False, False]
    """

    start: time
    end: time

    @classmethod
    def parse(cls, text: str) -> Hours:
        """Reads ``18-06`` or ``17:30-6:15``; ``24`` is midnight.

        Raises:
            SoundbeamError: The text is no such thing.
        """
        found = re.fullmatch(rf"{_CLOCK}-{_CLOCK}", text, re.ASCII)
        try:
            if found:
                start, end = (time(int(found[i]) % 24 if found[i] == "24" else int(found[i]), int(found[i + 1] or 0))
                              for i in (1, 3))  # fmt: skip
                if start != end:
                    return cls(start, end)
        except ValueError:
            pass
        raise SoundbeamError(f"{text!r} are no hours of the day; write 18-06, or 17:30-06:15")

    def hold(self, local: datetime) -> bool:
        """Whether a local time lies within them."""
        clock = local.time()
        if self.start < self.end:
            return self.start <= clock < self.end
        return clock >= self.start or clock < self.end


@dataclasses.dataclass(frozen=True)
class ChosenTimes:
    """When the recordings begin that are wanted.

    Attributes:
        since, until: From when on, and before when, UTC; None: no limit.
        hours: In which hours of the local day; None: in all.
    """

    since: datetime | None = None
    until: datetime | None = None
    hours: Hours | None = None

    def certainly_older(self, named: datetime | None) -> bool:
        """Whether the time in a name alone, without those in the metadata, shows that a recording is too old."""
        return self.since is not None and named is not None and named < self.since - _CLOCKS_DIFFER

    def why_not(self, when: datetime | None, modified: datetime | None, zone: tzinfo) -> str:
        """Why a recording is left out; "" if it is wanted.

        Args:
            when: When it begins, UTC; None if unknown: then the dates are those of ``modified``, and its hour is not
                one of ``hours``.
            modified: When the file was modified, UTC; None if unknown: then no date leaves it out.
            zone: The zone of its site.
        """
        about = when or modified
        if about is not None and self.since is not None and about < self.since:
            return SINCE
        if about is not None and self.until is not None and about >= self.until:
            return UNTIL
        if self.hours is None:
            return ""
        if when is None:
            return NO_TIME
        return "" if self.hours.hold(when.astimezone(zone)) else HOURS


ANY_TIME = ChosenTimes()


def parse_end(text: str, zone: tzinfo) -> datetime:
    """Reads a date that ends a stretch, as `parse_date`; a day without a time of day belongs to the stretch.

    Raises:
        SoundbeamError: The text is not a date.
    """
    when = parse_date(text, zone)
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        return when
    try:
        return parse_date((date.fromisoformat(text) + timedelta(days=1)).isoformat(), zone)
    except OverflowError:  # the last day of the calendar, for no end
        return datetime.max.replace(tzinfo=timezone.utc)

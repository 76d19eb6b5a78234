"""Local time: the clock of each site, and the nights, days and hours by it."""

from __future__ import annotations

import datetime
import functools
import os

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from soundbeam.pipelines import results
from soundbeam.pipelines.places import deployments_of
from soundbeam.transforms.listing.deployments import Deployments
from soundbeam.transforms.listing.times_in_names import zone_of

_LOCAL = pa.timestamp("us")
_DAY_US, _SECOND_US = 86_400_000_000, 1_000_000
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


class Clocks:
    """The time zone of each site.

    Args:
        timezone: That of the sites whose deployments name none, and of recordings without a site.
        deployments: Where and when recorders were; None: unknown.

    Raises:
        SoundbeamError: There is no such time zone.

    Example:
        >>> berlin = Clocks("Europe/Berlin")
        >>> noon = datetime.datetime(2024, 7, 1, 12, tzinfo=datetime.timezone.utc)
        >>> berlin.local(pa.array([noon], pa.timestamp("us", "UTC")), pa.nulls(1, pa.string()))[0].as_py()
        datetime.datetime(2024, 7, 1, 14, 0)
    """

    def __init__(self, timezone: str = "UTC", deployments: Deployments | None = None):
        zone_of(timezone)
        self._timezone, self._deployments = timezone, deployments

    @classmethod
    def of(cls, output: str | os.PathLike[str], deployments: Deployments | None = None) -> Clocks:
        """The clocks that a scan knew of, or those of a table of deployments that is given now.

        Raises:
            ResultsError: The output holds no run, or what it holds cannot be read.
        """
        newest = results.select_runs(results.open_output(output))[-1]
        return cls(newest.parameters.timezone, deployments or deployments_of(output))

    def timezone_of(self, site: str | None) -> str:
        """The name or offset of a site's time zone."""
        of_site = self._deployments.timezone_of(site) if self._deployments else ""
        return of_site or self._timezone

    def local(self, utc: pa.Array | pa.ChunkedArray, site: pa.Array | pa.ChunkedArray) -> pa.Array:
        """Local times, exact across every change of the clocks.

        Args:
            utc: timestamp, UTC.
            site: string, as long.

        Returns:
            timestamp('us') without a zone, as long; null where ``utc`` is.
        """
        times, zones = _combined(utc).cast(pa.timestamp("us", "UTC")), self.zones(site)
        known = times.is_valid().to_numpy(zero_copy_only=False)
        micros = times.cast(pa.int64()).fill_null(0).to_numpy().copy()
        for name in zones.unique().to_pylist():
            chosen = np.flatnonzero(known & pc.equal(zones, name).to_numpy(zero_copy_only=False))
            micros[chosen] += offsets(micros[chosen], zone_of(name))[0]
        return pa.array(micros, pa.int64(), mask=~known).cast(_LOCAL)

    def zones(self, site: pa.Array | pa.ChunkedArray) -> pa.Array:
        """The names of sites' time zones: string, as long as ``site``, without nulls."""
        sites = _combined(site).dictionary_encode()
        names = [self.timezone_of(name) for name in [*sites.dictionary.to_pylist(), None]]
        return pa.array(names, pa.string()).take(sites.indices.fill_null(len(names) - 1))

    def offset_at(self, utc: datetime.datetime, site: str | None) -> datetime.datetime:
        """The aware local time of one instant at a site."""
        return utc.astimezone(zone_of(self.timezone_of(site)))


def night_of(local: pa.Array | pa.ChunkedArray) -> pa.Array:
    """The night of local times, date32: from noon to noon, named by the date of its evening.

    Example:
        >>> dusk_and_dawn = [datetime.datetime(2024, 1, 31, 20), datetime.datetime(2024, 2, 1, 5)]
        >>> [str(night) for night in night_of(pa.array(dusk_and_dawn, pa.timestamp("us")))]
        ['2024-01-31', '2024-01-31']
    """
    micros = _combined(local).cast(_LOCAL).cast(pa.int64())
    return pc.subtract(micros, _DAY_US // 2).cast(_LOCAL).cast(pa.date32(), safe=False)


def day_of(local: pa.Array | pa.ChunkedArray) -> pa.Array:
    """The date of local times, date32."""
    return _combined(local).cast(_LOCAL).cast(pa.date32(), safe=False)


def hour_of(local: pa.Array | pa.ChunkedArray) -> pa.Array:
    """The hour of local times, int64, 0 to 23."""
    return pc.hour(_combined(local))


def _combined(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def offsets(micros: np.ndarray, zone: datetime.tzinfo) -> tuple[np.ndarray, np.ndarray]:
    """The offsets from UTC at instants, and until when they hold.

    They are looked up once for each year and its changes. Arrow's own conversion would need the system's time zones,
    which a container may lack.

    Args:
        micros: int64 ``[times]``: µs since 1970.
        zone: The time zone.

    Returns:
        int64 ``[times]`` each: offsets in µs, east positive; and the first instant, µs, from which another offset, or
        another year, may begin.
    """
    years = micros.astype("datetime64[us]").astype("datetime64[Y]").astype(np.int64)
    found, until = np.zeros_like(micros), np.zeros_like(micros)
    for year in np.unique(years):
        chosen = np.flatnonzero(years == year)
        starts, of_starts = _year(zone, int(year) + 1970)
        place = np.searchsorted(starts, micros[chosen], "right") - 1
        found[chosen], until[chosen] = of_starts[place], starts[place + 1]
    return found, until


@functools.lru_cache(maxsize=4096)
def _year(zone: datetime.tzinfo, year: int) -> tuple[np.ndarray, np.ndarray]:
    """When a year's offsets begin, µs, with the end of the year behind them; and the offsets, µs.

    An offset that a day begins and ends with holds in between; else the change is looked for, to the second.
    """
    first, end = (_micros(datetime.datetime(y, 1, 1, tzinfo=datetime.timezone.utc)) for y in (year, year + 1))
    starts, of_starts = [first], [_offset_at(first, zone)]
    for day in range(first, end, _DAY_US):
        low, high = day, day + _DAY_US
        if _offset_at(high, zone) == of_starts[-1]:
            continue
        while high - low > _SECOND_US:
            middle = (low + high) // 2 // _SECOND_US * _SECOND_US
            low, high = (middle, high) if _offset_at(middle, zone) == of_starts[-1] else (low, middle)
        if high < end:
            starts.append(high)
            of_starts.append(_offset_at(high, zone))
    return np.array([*starts, end], np.int64), np.array(of_starts, np.int64)


def _offset_at(micros: int, zone: datetime.tzinfo) -> int:
    when = (_EPOCH + datetime.timedelta(microseconds=micros)).astimezone(zone)
    return (when.utcoffset() or datetime.timedelta(0)) // datetime.timedelta(microseconds=1)


def _micros(when: datetime.datetime) -> int:
    return (when - _EPOCH) // datetime.timedelta(microseconds=1)

"""Local time: the clock of each site, and the nights, days and hours by it."""

from __future__ import annotations

import datetime
import os

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from soundbeam.pipelines import results
from soundbeam.pipelines.places import deployments_of
from soundbeam.transforms.listing.deployments import Deployments
from soundbeam.transforms.listing.times_in_names import zone_of

_LOCAL = pa.timestamp("us")
_DAY_US = 86_400_000_000
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
        times, sites = _combined(utc).cast(pa.timestamp("us", "UTC")), _combined(site).dictionary_encode()
        known = times.is_valid().to_numpy(zero_copy_only=False)
        micros = times.cast(pa.int64()).fill_null(0).to_numpy().copy()
        codes = sites.indices.fill_null(len(sites.dictionary)).to_numpy()
        zones = [self.timezone_of(name) for name in [*sites.dictionary.to_pylist(), None]]
        names = sorted(set(zones))
        zone_codes = np.array([names.index(zone) for zone in zones])[codes]
        for code, name in enumerate(names):
            chosen = np.flatnonzero(known & (zone_codes == code))
            micros[chosen] += _offsets(micros[chosen], zone_of(name))
        return pa.array(micros, pa.int64(), mask=~known).cast(_LOCAL)

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


def _offsets(micros: np.ndarray, zone: datetime.tzinfo) -> np.ndarray:
    """The offsets from UTC, µs, at instants, µs since 1970, int64 ``[times]``.

    Of most UTC days the offset at the beginning is the one at the end, and so holds in between: what is looked up one
    by one are the times on the few days on which clocks change. Arrow's own conversion needs the system's time zones,
    which a container may lack.
    """
    days, index = np.unique(micros // _DAY_US, return_inverse=True)
    at_start = _each_offset(days * _DAY_US, zone)
    at_end = _each_offset((days + 1) * _DAY_US, zone)
    offsets = at_start[index]
    changing = np.flatnonzero((at_start != at_end)[index])
    offsets[changing] = _each_offset(micros[changing], zone)
    return offsets


def _each_offset(micros: np.ndarray, zone: datetime.tzinfo) -> np.ndarray:
    """The same, looked up one by one."""
    aware = ((_EPOCH + datetime.timedelta(microseconds=int(at))).astimezone(zone) for at in micros)
    of_each = (when.utcoffset() or datetime.timedelta(0) for when in aware)
    return np.fromiter((offset // datetime.timedelta(microseconds=1) for offset in of_each), np.int64, len(micros))

"""What is odd about the times of recordings: gaps, overlaps, wrong clocks, and what lies outside its deployment."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import os
from collections.abc import Iterable, Iterator

import numpy as np

from soundbeam.pipelines.effort.recording_log import RecordingLog, Track, names_of, read_log
from soundbeam.pipelines.effort.schedule import gaps_of
from soundbeam.pipelines.local_time import Clocks
from soundbeam.pipelines.places import deployments_of
from soundbeam.transforms.listing.deployments import Deployments

_EXAMPLES, _SITES = 3, 5
_SECOND_US = 1_000_000
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
_KINDS = {
    "clock never set": "were made by a clock that was never set",
    "clock set back": "begin before one that bears a lower number: a clock was set back, or files were renamed",
    "same time": "begin when another of the same recorder does: copies, or two recorders under one site",
    "overlap": "begin before the one before has ended: two recorders under one site, or a clock that was set",
    "gap": "in which nothing was recorded although it usually was",
    "outside": "lie outside the deployments of their site",
    "no deployment": "are of sites that are not in the deployments",
    "no recording": "have no recording",
    "time unknown": "have no time that is known",
}
_NOUNS = {"gap": "times", "no recording": "deployments"}


@dataclasses.dataclass(frozen=True)
class Problem:
    """One kind of what is odd.

    Attributes:
        kind: As in the lines that `soundbeam effort` prints: ``gap``, ``overlap``, ``clock never set`` and so on.
        count: How many recordings, gaps or deployments are such.
        sites: Site → how many of them are there, the most first; of recordings without a site, their folder.
        examples: A few of them, in a line each.
    """

    kind: str
    count: int
    sites: dict[str, int]
    examples: tuple[str, ...]

    @property
    def line(self) -> str:
        """For people."""
        named = [f"{site} {n}" for site, n in list(self.sites.items())[:_SITES]]
        more = ", …" if len(self.sites) > _SITES else ""
        where = f" ({', '.join(named)}{more})" if named else ""
        counted = f"{self.count} {_NOUNS.get(self.kind, 'recordings')}{where}"
        return f"{self.kind}: {counted} {_KINDS[self.kind]}; e.g. {'; '.join(self.examples)}"


def problems(output: str | os.PathLike[str], deployments: Deployments | None = None) -> list[Problem]:
    """Looks through the times of all recordings; what takes memory is some 60 bytes of each.

    Args:
        output: The output folder of a scan or of `soundbeam embed`.
        deployments: Where and when recorders were; None: what the scan was told.

    Returns:
        One for each kind that there is.

    Raises:
        ResultsError: The output holds no run, or is damaged.
    """
    told = deployments or deployments_of(output)
    search = _Search(str(output), read_log(output), Clocks.of(output, told))
    known = search.log.known
    no_time = np.flatnonzero((search.log.at == _no_time()) & ~search.log.unset)
    found = [
        search.recordings("clock never set", np.flatnonzero(search.log.unset)),
        search.recordings("clock set back", search.set_back()),
        *search.order(),
        search.recordings("time unknown", no_time),
    ]
    if told is not None:
        site_of = np.array([track.site or "" for track in search.log.tracks], object)
        found += search.deployed(told, known, site_of)
    order = list(_KINDS)
    return sorted((p for p in found if p is not None), key=lambda p: order.index(p.kind))


def _no_time() -> int:
    return int(np.iinfo(np.int64).min)


class _Search:
    """One search.

    Args:
        output: The output folder.
        log: Its recordings.
        clocks: The sites' time zones.
    """

    def __init__(self, output: str, log: RecordingLog, clocks: Clocks):
        self._output, self.log, self._clocks = output, log, clocks

    def recordings(self, kind: str, which: np.ndarray) -> Problem | None:
        """The problem of these recordings (indices in the log)."""
        if not len(which):
            return None
        shown = which[:_EXAMPLES]
        names = names_of(self._output, self.log.row[shown].tolist())
        examples = tuple(f"{names[int(self.log.row[i])]}{self._time(int(i))}" for i in shown)
        return Problem(kind, len(which), self._by_site(self.log.track[which]), examples)

    def set_back(self) -> np.ndarray:
        """The recordings whose number is higher and whose time is earlier than that of the one before."""
        log = self.log
        rows = np.flatnonzero((log.series >= 0) & log.known)
        rows = rows[np.lexsort((log.number[rows], log.series[rows]))]
        same = log.series[rows[1:]] == log.series[rows[:-1]]
        return rows[1:][same & (log.at[rows[1:]] < log.at[rows[:-1]])]

    def order(self) -> Iterator[Problem | None]:
        """Same times, overlaps and gaps, of each track."""
        log = self.log
        rows = np.flatnonzero(log.known)
        rows = rows[np.lexsort((log.at[rows], log.track[rows]))]
        bounds = np.flatnonzero(np.diff(log.track[rows])) + 1
        equal, overlapping = [rows[:0]], [rows[:0]]
        gaps = list[tuple[Track, int, int]]()
        for of_track in np.split(rows, bounds):
            if not len(of_track):
                continue
            at, ends = log.at[of_track], np.maximum.accumulate(log.at[of_track] + log.length[of_track])
            same = np.diff(at) == 0
            equal.append(of_track[1:][same])
            overlapping.append(of_track[1:][(at[1:] < ends[:-1] - _SECOND_US) & ~same])
            track = log.tracks[int(log.track[of_track[0]])]
            gaps += [(track, *gap) for gap in gaps_of(at, log.length[of_track])]
        yield self.recordings("same time", np.concatenate(equal))
        yield self.recordings("overlap", np.concatenate(overlapping))
        if gaps:
            longest = sorted(gaps, key=lambda gap: gap[1] - gap[2])[:_EXAMPLES]
            sites = _counted(track.site or track.folder for track, _, _ in gaps)
            yield Problem("gap", len(gaps), sites, tuple(self._gap(*gap) for gap in longest))

    def deployed(self, deployments: Deployments, known: np.ndarray, site_of: np.ndarray) -> Iterator[Problem | None]:
        """What lies outside its deployment, has none, or is a deployment without a recording."""
        log, unused = self.log, []
        covered, has_rows = np.zeros(len(log.at), bool), np.zeros(len(log.at), bool)
        for track, site in enumerate(site_of):
            if rows := deployments.of_site(site or None):
                of_track = np.flatnonzero(log.track == track)
                has_rows[of_track] = True
                for row in rows:
                    start, end = _micros(row.start), _micros(row.end)
                    covered[of_track] |= (log.at[of_track] >= start) & (log.at[of_track] < end)
        for row in deployments.rows:
            tracks = [t for t, site in enumerate(site_of) if row in deployments.of_site(site or None)]
            at = log.at[known & np.isin(log.track, tracks)]
            if not ((at >= _micros(row.start)) & (at < _micros(row.end))).any():
                unused.append(row)
        yield self.recordings("outside", np.flatnonzero(known & has_rows & ~covered))
        yield self.recordings("no deployment", np.flatnonzero(~has_rows))
        if unused:
            lines = tuple(f"{row.site}{f' ({row.recorder})' if row.recorder else ''}" for row in unused[:_EXAMPLES])
            yield Problem("no recording", len(unused), _counted(row.site for row in unused), lines)

    def _by_site(self, tracks: np.ndarray) -> dict[str, int]:
        of_track = zip(*np.unique(tracks, return_counts=True), strict=True)
        sums: collections.Counter[str] = collections.Counter()
        for track, n in of_track:
            sums[self.log.tracks[int(track)].site or self.log.tracks[int(track)].folder] += int(n)
        return dict(sums.most_common())

    def _time(self, index: int) -> str:
        at = int(self.log.at[index])
        return "" if at == _no_time() else f" at {self._local(at, self.log.tracks[int(self.log.track[index])])}"

    def _gap(self, track: Track, start: int, end: int) -> str:
        hours = (end - start) / 3600 / _SECOND_US
        return f"{track.name} from {self._local(start, track)} to {self._local(end, track)} ({hours:.1f} h)"

    def _local(self, micros: int, track: Track) -> str:
        when = _EPOCH + datetime.timedelta(microseconds=micros)
        return f"{self._clocks.offset_at(when, track.site):%Y-%m-%d %H:%M:%S}"


def _counted(sites: Iterable[str]) -> dict[str, int]:
    return dict(collections.Counter(sites).most_common())


def _micros(when: datetime.datetime) -> int:
    return (when - _EPOCH) // datetime.timedelta(microseconds=1)

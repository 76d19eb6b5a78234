"""How many windows have which score, by site, night and hour: what a report weighs the verdicts with."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from soundbeam.model.classifier.calibration import sigmoid
from soundbeam.model.estimation import judged
from soundbeam.model.estimation.drawing import strata_of
from soundbeam.model.estimation.summits import find_summits
from soundbeam.pipelines.local_time import Clocks, hour_of, night_of
from soundbeam.pipelines.review.drawn_from import DrawnFrom
from soundbeam.pipelines.review.population import Population, Windows
from soundbeam.pipelines.review.samples import Sample

HOURS = 24  # and one more for windows of unknown time
_STEP = 0.25  # of log-odds
_END = 14.0
_MOST = 2_000_000  # lines that are not yet summed
# A site and a night, ISO date; None: unknown.
SiteNight = tuple[str | None, str | None]


@dataclasses.dataclass(frozen=True, eq=False)
class Lines:
    """Lines of a sparse histogram: a group (site's night, or hour), stratum and bin of the score; then sums."""

    group: np.ndarray
    stratum: np.ndarray
    bins: np.ndarray
    windows: np.ndarray
    summits: np.ndarray
    scores: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class ScoreCounts:
    """The histogram of a population, and where the drawn windows are in it.

    Attributes:
        edges: float32, the scores that divide the bins; strata consist of whole bins.
        strata: How many there are.
        site_nights: The groups of ``by_night``.
        by_night, by_hour: The counts; summits are windows with the highest score around, one a call.
        summit: Review id → whether the drawn window is a summit.
        night, hour: Review id → a row of ``site_nights``, and the hour, `HOURS` where it is not known.
        excluded: Current windows of recordings that the sample was not drawn from.
    """

    edges: np.ndarray
    strata: int
    site_nights: list[SiteNight]
    by_night: Lines
    by_hour: Lines
    summit: dict[str, bool]
    night: dict[str, int]
    hour: dict[str, int]
    excluded: int

    def lowest(self, bins: np.ndarray) -> np.ndarray:
        """The lowest score of bins, float64."""
        return np.concatenate([[0.0], self.edges.astype(np.float64)])[bins]

    def population(self, lines: Lines, group: np.ndarray, groups: int, summits: bool = False) -> judged.Population:
        """Windows, or those that are summits, by strata and bins, and by domains that consist of whole groups.

        Args:
            lines: ``by_night`` or ``by_hour``.
            group: int: the domain of each group.
            groups: How many domains there are.
            summits: Whether only summits are counted.
        """
        domain = group[lines.group]
        key = (domain * self.strata + lines.stratum) * (len(self.edges) + 1) + lines.bins
        keys, at = np.unique(key, return_inverse=True)
        windows = np.bincount(at, lines.windows)
        score = np.bincount(at, lines.scores) / np.maximum(windows, 1)
        counted = np.bincount(at, lines.summits) if summits else windows
        rest, _ = np.divmod(keys, len(self.edges) + 1)
        return judged.Population.of(rest % self.strata, score, counted, self.strata, rest // self.strata, groups)

    def over(self, lines: Lines, threshold: float, group: np.ndarray, groups: int) -> np.ndarray:
        """How many windows of each domain have at least this score, which must be an edge."""
        over = self.lowest(lines.bins) >= np.float32(threshold) - 1e-9
        return np.bincount(group[lines.group[over]], lines.windows[over], groups).astype(np.int64)


class _Sums:
    """Sums by keys, of which there may be many more than fit into memory one by one."""

    def __init__(self) -> None:
        self._keys: list[np.ndarray] = [np.empty(0, np.int64)]
        self._values: list[np.ndarray] = [np.empty((0, 3))]
        self._held = 0

    def add(self, keys: np.ndarray, values: np.ndarray) -> None:
        """Adds values ``[n, 3]``."""
        self._keys.append(keys)
        self._values.append(values)
        self._held += len(keys)
        if self._held > _MOST:
            self.sums()

    def sums(self) -> tuple[np.ndarray, np.ndarray]:
        """The distinct keys, ascending, and the sum of each."""
        keys, at = np.unique(np.concatenate(self._keys), return_inverse=True)
        values = np.concatenate(self._values)
        summed = np.stack([np.bincount(at, values[:, i], len(keys)) for i in range(3)], 1)
        self._keys, self._values, self._held = [keys], [summed], 0
        return keys, summed


def count_scores(
    population: Population, sample: Sample, threshold: float, apart_s: float, drawn: Sequence[pa.Table]
) -> ScoreCounts:
    """Reads the population once.

    Args:
        population: The windows of the label.
        sample: The draw, whose strata and runs count.
        threshold: Of the label; it is an edge of the bins.
        apart_s: How far apart two calls start at least.
        drawn: The rows of all samples of the label, which are to be found again.
    """
    info = sample.info
    by_hours = info.design == "diel"
    of_strata = np.array([s.low for s in info.strata[1:]], np.float32) if info.design == "scores" else np.empty(0)
    usual = sigmoid(np.arange(-_END, _END + _STEP / 2, _STEP)).astype(np.float32)
    edges = np.unique(np.concatenate([usual, of_strata.astype(np.float32), np.array([threshold], np.float32)]))
    strata = max(len(info.strata), 1)
    ids = _by_recording(drawn)
    clocks, begins = Clocks.of(population.output), population.recorded_at
    nights: dict[SiteNight, int] = {}
    night_sums, hour_sums = _Sums(), _Sums()
    summit, night, hour = dict[str, bool](), dict[str, int](), dict[str, int]()
    excluded = 0
    drawn_from = DrawnFrom(population, info)
    for windows in population.windows():
        order = np.lexsort((windows.start_us, windows.keys))
        tops = np.empty(len(order), bool)
        tops[order] = find_summits(
            windows.keys[order], windows.start_us[order], windows.score[order], round(apart_s * 1e6)
        )
        group, hours = _when(windows, clocks, begins, nights)
        counted = drawn_from.has(windows.rows)
        excluded += int(len(counted) - counted.sum())
        if by_hours:
            counted = counted & (hours < HOURS)
        bins = np.searchsorted(edges, windows.score, "right")
        stratum = hours if by_hours else strata_of(windows.score, of_strata)
        values = np.stack([np.ones(len(bins)), tops, windows.score.astype(np.float64)], 1)[counted]
        own = (stratum * (len(edges) + 1) + bins)[counted]
        size = (HOURS + strata) * (len(edges) + 1)
        for sums, groups in ((night_sums, group), (hour_sums, hours)):
            keys, at = np.unique(groups[counted] * size + own, return_inverse=True)
            sums.add(keys, np.stack([np.bincount(at, values[:, i], len(keys)) for i in range(3)], 1))
        for i, identity in _found(windows, ids):
            if not counted[i]:
                continue
            summit[identity], night[identity], hour[identity] = bool(tops[i]), int(group[i]), int(hours[i])
    size = (HOURS + strata) * (len(edges) + 1)
    return ScoreCounts(
        edges, strata, list(nights), _lines(night_sums, size, len(edges) + 1), _lines(hour_sums, size, len(edges) + 1),
        summit, night, hour, excluded,
    )  # fmt: skip


def _lines(sums: _Sums, size: int, bins: int) -> Lines:
    keys, values = sums.sums()
    group, own = np.divmod(keys, size)
    counts = values.astype(np.int64)
    return Lines(group, own // bins, own % bins, counts[:, 0], counts[:, 1], values[:, 2])


def _when(
    windows: Windows, clocks: Clocks, begins: dict[str, int], nights: dict[SiteNight, int]
) -> tuple[np.ndarray, np.ndarray]:
    """The site's night of each window, as a row of ``nights``, which grows, and its local hour."""
    unknown = np.iinfo(np.int64).min
    begin = np.array([begins.get(name, unknown) for name in windows.names], np.int64)[windows.recording]
    missing = begin == unknown
    utc = pa.array(np.where(missing, 0, begin) + windows.start_us, mask=missing).cast(pa.timestamp("us", "UTC"))
    local = clocks.local(utc, windows.rows["site"])
    hours = hour_of(local).fill_null(HOURS).to_numpy().astype(np.int64)
    evening = night_of(local).cast(pa.int32()).fill_null(np.iinfo(np.int32).min).to_numpy().astype(np.int64)
    site = windows.rows["site"].combine_chunks().dictionary_encode()
    sites = [*site.dictionary.to_pylist(), None]
    codes = site.indices.fill_null(len(sites) - 1).to_numpy().astype(np.int64)
    keys, at = np.unique(evening * len(sites) + codes, return_inverse=True)
    rows = np.empty(len(keys), np.int64)
    for i, key in enumerate(keys.tolist()):
        day, code = divmod(key, len(sites))
        name = None if day == np.iinfo(np.int32).min else str(np.datetime64(day, "D"))
        rows[i] = nights.setdefault((sites[code], name), len(nights))
    return rows[at.ravel()], hours


def _by_recording(drawn: Sequence[pa.Table]) -> dict[str, dict[tuple[int, int], str]]:
    """Recording → (start in µs, channel) → review id."""
    ids: dict[str, dict[tuple[int, int], str]] = {}
    for rows in drawn:
        columns = (rows[name].to_pylist() for name in ("recording", "start_s", "channel", "review_id"))
        for recording, start_s, channel, identity in zip(*columns, strict=True):
            ids.setdefault(recording, {})[round(start_s * 1e6), channel or 0] = identity
    return ids


def _found(windows: Windows, ids: dict[str, dict[tuple[int, int], str]]) -> list[tuple[int, str]]:
    """The drawn windows among these: position and review id."""
    wanted = np.array([name in ids for name in windows.names], bool)
    if not wanted.any():
        return []
    rows = np.flatnonzero(wanted[windows.recording])
    channels = windows.rows["channel"].fill_null(0).to_numpy()
    found = []
    for i in rows.tolist():
        identity = ids[windows.names[windows.recording[i]]].get((int(windows.start_us[i]), int(channels[i])))
        if identity is not None:
            found.append((i, identity))
    return found

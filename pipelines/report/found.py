"""What was found: calls by label, site and local hour, streamed from the tables ``counts`` and ``calls``."""

from __future__ import annotations

import collections
import dataclasses
import datetime
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from soundbeam.pipelines import results
from soundbeam.pipelines.channel_sums import over_channels
from soundbeam.pipelines.local_time import Clocks, day_of, hour_of, night_of
from soundbeam.pipelines.report.surveyed import days_of

_CELLS_AT_ONCE = 2_000_000  # before equal ones are added up
_CANDIDATES = 400  # for the clips of a label


@dataclasses.dataclass
class Tally:
    """The calls of one label at one site.

    Attributes:
        calls, low, high: How many, and the sums of the recordings' intervals.
        heard: Recordings with a call.
        counted: Recordings that were counted; of scans without rows for zeros, those with a call.
        unlikely: Calls that were left out as less expected there and then.
    """

    calls: int = 0
    low: int = 0
    high: int = 0
    heard: int = 0
    counted: int = 0
    unlikely: int = 0

    def add(self, other: Tally) -> None:
        """Counts another site or part in."""
        for field in dataclasses.fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))


Tallies = dict[str, dict[str | None, Tally]]


def tallies(output: str, unlikely: bool, by_channel: bool = False) -> Tallies:
    """Label → site → its calls, from the current rows of ``counts``, part by part.

    Args:
        output: The scan's output folder.
        unlikely: Whether calls were left out by ``--min-expected``.
        by_channel: Whether each channel was counted by itself: a recording then counts once all the same.
    """
    found: Tallies = {}
    of_calls = ["calls", "calls_low", "calls_high", *(["unlikely"] if unlikely else [])]
    columns, sums = ["label", "site", *of_calls], [*of_calls[:3], "heard", "counted", *of_calls[3:]]
    parts = results.stream(output, "counts", columns=["recording", *columns] if by_channel else columns)
    for part in over_channels(parts, of_calls) if by_channel else parts:
        known = pc.is_valid(part["calls"])
        rows = part.append_column("counted", pc.cast(known, pa.int64()))
        rows = rows.append_column("heard", pc.cast(pc.greater(pc.fill_null(part["calls"], 0), 0), pa.int64()))
        groups = rows.group_by(["label", "site"], use_threads=False).aggregate([(name, "sum") for name in sums])
        for row in groups.to_pylist():
            values = [row[f"{name}_sum"] or 0 for name in sums]
            found.setdefault(row["label"], {}).setdefault(row["site"], Tally()).add(Tally(*values))
    return found


def total(of_label: dict[str | None, Tally]) -> Tally:
    """A label's calls at all sites."""
    sum_of_all = Tally()
    for tally in of_label.values():
        sum_of_all.add(tally)
    return sum_of_all


@dataclasses.dataclass(frozen=True)
class Heard:
    """A call whose sound may be shown."""

    recording: str
    start_s: float
    end_s: float
    score: float
    local: datetime.datetime | None
    site: str | None
    channel: int | None


@dataclasses.dataclass(eq=False)
class Found:
    """When and where calls were.

    Attributes:
        drawn: The labels with pictures.
        sites: The sites that cells point to.
        cells: int64 ``[cells, 5]``: label (of ``drawn``), site, days since 1970, hour, calls; sorted.
        span: (label, site) → first and last local date.
        nights: int64 ``[pairs, 2]``: label (of ``all_labels``) and night, days since 1970, on which it was heard.
        all_labels: The labels that ``nights`` points to.
        surest, doubtful: Label → calls with the highest, and the lowest scores.
        undated: Calls of the drawn labels without a known time.
    """

    drawn: list[str]
    sites: list[str | None]
    all_labels: list[str]
    cells: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros((0, 5), np.int64))
    span: dict[tuple[str, str | None], tuple[datetime.date, datetime.date]] = dataclasses.field(default_factory=dict)
    nights: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros((0, 2), np.int64))
    surest: dict[str, list[Heard]] = dataclasses.field(default_factory=lambda: collections.defaultdict(list))
    doubtful: dict[str, list[Heard]] = dataclasses.field(default_factory=lambda: collections.defaultdict(list))
    undated: int = 0

    def of(self, label: str) -> np.ndarray:
        """A label's cells: site, day, hour, calls."""
        return self.cells[self.cells[:, 0] == self.drawn.index(label), 1:]


def found(output: str, labels: Sequence[str], drawn: Sequence[str], sites: list[str | None], clocks: Clocks) -> Found:
    """Reads the current rows of ``calls``, part by part.

    Args:
        output: The scan's output folder.
        labels: Those that the report is about.
        drawn: Those of them with pictures.
        sites: All sites.
        clocks: Their clocks.
    """
    result = Found(list(drawn), sites, list(labels))
    names, drawn_names = pa.array(labels, pa.string()), pa.array(drawn, pa.string())
    site_names = pa.array([site or "" for site in sites], pa.string())
    pending, size = [result.cells], 0
    for part in results.stream(output, "calls"):
        rows = part.filter(pc.is_in(part["label"], value_set=names))
        if not len(rows):
            continue
        local = clocks.local(rows["started_at"], rows["site"])
        rows = rows.append_column("local", local)
        _add_clips(result, rows.filter(pc.is_in(rows["label"], value_set=drawn_names)))
        dated = rows.filter(pc.is_valid(rows["local"]))
        of_drawn = pc.is_in(dated["label"], value_set=drawn_names)
        result.undated += pc.sum(pc.is_in(rows["label"], value_set=drawn_names)).as_py() - (
            pc.sum(of_drawn).as_py() or 0
        )
        if not len(dated):
            continue
        _add_spans(result, dated)
        label = pc.index_in(dated["label"], value_set=names).to_numpy().astype(np.int64)
        nights = np.stack([label, days_of(night_of(dated["local"]))], axis=1)
        result.nights = np.unique(np.concatenate([result.nights, nights]), axis=0)
        chosen = dated.filter(of_drawn)
        if len(chosen):
            columns = [
                pc.index_in(chosen["label"], value_set=drawn_names).to_numpy().astype(np.int64),
                pc.index_in(pc.fill_null(chosen["site"], ""), value_set=site_names).to_numpy().astype(np.int64),
                days_of(day_of(chosen["local"])),
                hour_of(chosen["local"]).to_numpy(zero_copy_only=False),
                np.ones(len(chosen), np.int64),
            ]
            pending.append(np.stack(columns, axis=1))
            size += len(chosen)
            if size > _CELLS_AT_ONCE:
                pending, size = [_added_up(pending)], 0
    result.cells = _added_up(pending)
    return result


def _added_up(cells: list[np.ndarray]) -> np.ndarray:
    """Cells of which each label, site, day and hour has one."""
    every = np.concatenate(cells)
    if not len(every):
        return every
    low = every[:, :4].min(axis=0)
    sizes = every[:, :4].max(axis=0) - low + 1
    key = np.ravel_multi_index(tuple((every[:, :4] - low).T), tuple(sizes.tolist()))
    keys, place = np.unique(key, return_inverse=True)
    numbers = np.bincount(place, every[:, 4]).astype(np.int64)
    return np.column_stack([*(np.stack(np.unravel_index(keys, tuple(sizes.tolist())), axis=1) + low).T, numbers])


def _add_spans(result: Found, dated: pa.Table) -> None:
    spans = dated.group_by(["label", "site"], use_threads=False).aggregate([("local", "min"), ("local", "max")])
    for row in spans.to_pylist():
        key = row["label"], row["site"]
        first, last = row["local_min"].date(), row["local_max"].date()
        if key in result.span:
            first, last = min(first, result.span[key][0]), max(last, result.span[key][1])
        result.span[key] = first, last


def _add_clips(result: Found, rows: pa.Table) -> None:
    """Keeps the calls with the highest and the lowest scores of each label."""
    scores = rows["score"].to_numpy()
    labels = pc.index_in(rows["label"], value_set=pa.array(result.drawn, pa.string())).to_numpy()
    for i in np.unique(labels).tolist():
        of_label = np.flatnonzero(labels == i)
        order = of_label[np.argsort(scores[of_label], kind="stable")]
        best, worst = (
            [_heard(row) for row in rows.take(pa.array(chosen)).to_pylist()]
            for chosen in (order[::-1][:_CANDIDATES], order[:_CANDIDATES])
        )
        name = result.drawn[i]
        by_place = sorted([*result.surest[name], *best], key=lambda call: (call.recording, call.start_s))
        result.surest[name] = sorted(by_place, key=lambda call: -call.score)[:_CANDIDATES]
        by_place = sorted([*result.doubtful[name], *worst], key=lambda call: (call.recording, call.start_s))
        result.doubtful[name] = sorted(by_place, key=lambda call: call.score)[:_CANDIDATES]


def _heard(row: dict[str, Any]) -> Heard:
    return Heard(
        row["recording"], row["start_s"], row["end_s"], row["score"], row["local"], row["site"], row.get("channel")
    )

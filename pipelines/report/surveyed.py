"""What was listened to: recordings, hours, dates and failures, streamed from the tables."""

from __future__ import annotations

import collections
import dataclasses
import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from soundbeam.pipelines import results
from soundbeam.pipelines.effort.listened import effort
from soundbeam.pipelines.local_time import Clocks
from soundbeam.transforms.listing.deployments import Deployments
from soundbeam.transforms.records import LISTENED

_REASONS = 10_000  # that are told apart; of more, the rest is one
_COLUMNS = ["status", "stage", "error", "duration_s", "listened_s", "recorded_at", "sample_rate", "notes", "site"]
OTHER_REASONS = "other reasons"


@dataclasses.dataclass(eq=False)
class Listened:
    """What a scan listened to.

    Attributes:
        statuses: Status → number of files.
        hours: Site (None: unknown) → hours listened.
        recordings: Site → number of recordings that were listened to, whole or in part.
        failed: Site → number of recordings that failed.
        reasons: (status, stage, reason) → number of files that failed, were scanned in part or skipped.
        undated: Number of recordings, and hours, without a known time.
        first, last: Local time at which the first recording begins and the last one ends; None: no time is known.
        sample_rates: Hz → number of recordings.
        notes: Kind of note → number of recordings.
    """

    statuses: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    hours: dict[str | None, float] = dataclasses.field(default_factory=dict)
    recordings: collections.Counter[str | None] = dataclasses.field(default_factory=collections.Counter)
    failed: collections.Counter[str | None] = dataclasses.field(default_factory=collections.Counter)
    reasons: collections.Counter[tuple[str, str, str]] = dataclasses.field(default_factory=collections.Counter)
    undated: tuple[int, float] = (0, 0.0)
    first: datetime.datetime | None = None
    last: datetime.datetime | None = None
    sample_rates: collections.Counter[int] = dataclasses.field(default_factory=collections.Counter)
    notes: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)

    @property
    def total_hours(self) -> float:
        """Hours listened at all sites."""
        return sum(self.hours.values())

    @property
    def sites(self) -> list[str]:
        """The names of the sites, in order of the alphabet; without those of which none is known."""
        return sorted({site for site in (*self.hours, *self.failed) if site is not None})

    def add(self, part: pa.Table, clocks: Clocks) -> None:
        """Counts some rows of the table ``recordings`` in."""
        for row in pc.value_counts(part["status"]).to_pylist():
            self.statuses[row["values"]] += row["counts"]
        seconds = pc.fill_null(pc.coalesce(part["listened_s"], part["duration_s"]), 0.0)
        heard = pc.is_in(part["status"], value_set=pa.array(LISTENED))
        used = pa.table({"site": part["site"], "seconds": seconds, "heard": pc.cast(heard, pa.int64())}).append_column(
            "failed", pc.cast(pc.equal(part["status"], "failed"), pa.int64())
        )
        sums = [("seconds", "sum"), ("heard", "sum"), ("failed", "sum")]
        for row in used.group_by("site", use_threads=False).aggregate(sums).to_pylist():
            if row["heard_sum"] or row["failed_sum"]:
                site = row["site"]
                self.hours[site] = self.hours.get(site, 0.0) + row["seconds_sum"] / 3600
                self.recordings[site] += row["heard_sum"]
                self.failed[site] += row["failed_sum"]
        self._add_reasons(part.filter(pc.not_equal(part["status"], "ok")))
        self._add_times(part.filter(heard), seconds.filter(heard), clocks)
        for row in pc.value_counts(pc.drop_null(part["sample_rate"])).to_pylist():
            self.sample_rates[row["values"]] += row["counts"]
        for note in pc.drop_null(part["notes"]).to_pylist():
            self.notes.update({one.partition(":")[0] for one in note.split("; ") if ":" in one})

    def _add_reasons(self, bad: pa.Table) -> None:
        keys = bad.group_by(["status", "stage", "error"], use_threads=False).aggregate([([], "count_all")]).to_pylist()
        for row in keys:
            key = (row["status"], row["stage"] or "", row["error"] or "")
            if key not in self.reasons and len(self.reasons) >= _REASONS:
                key = (row["status"], "", OTHER_REASONS)
            self.reasons[key] += row["count_all"]

    def _add_times(self, heard: pa.Table, seconds: pa.ChunkedArray, clocks: Clocks) -> None:
        undated = pc.is_null(heard["recorded_at"])
        files, hours = self.undated
        hours += (pc.sum(seconds.filter(undated)).as_py() or 0.0) / 3600
        self.undated = files + (pc.sum(undated).as_py() or 0), hours
        local = clocks.local(heard["recorded_at"], heard["site"])
        micros = pc.cast(pc.multiply(seconds, 1e6), pa.int64(), safe=False).cast(pa.duration("us"))
        # By the clock of its beginning: what matters is to the day.
        ends = pc.add(local, micros.combine_chunks())
        bounds = pc.min(local).as_py(), pc.max(ends).as_py()
        if bounds[0] is not None:
            self.first = min(filter(None, (self.first, bounds[0])))
            self.last = max(filter(None, (self.last, bounds[1])))


def listened(output: str, clocks: Clocks) -> Listened:
    """Reads the current rows of ``recordings``, part by part."""
    found = Listened()
    for part in results.stream(output, "recordings", columns=_COLUMNS):
        if len(part):
            found.add(part, clocks)
    return found


@dataclasses.dataclass(frozen=True, eq=False)
class EffortCells:
    """Hours listened by site, local date and local hour.

    Attributes:
        sites: The sites that ``site`` points to; None is of recordings without one.
        site: int64 ``[cells]``.
        day: int64 ``[cells]``: days since 1970.
        hour: int64 ``[cells]``.
        hours: float64 ``[cells]``.
        failed: int64 ``[cells]``: recordings that failed.
    """

    sites: list[str | None]
    site: np.ndarray
    day: np.ndarray
    hour: np.ndarray
    hours: np.ndarray
    failed: np.ndarray


def days_of(dates: Any) -> np.ndarray:
    """date32 → days since 1970, int64."""
    return pc.cast(pc.cast(dates, pa.int32()), pa.int64()).to_numpy(zero_copy_only=False)


def effort_cells(output: str, deployments: Deployments | None, heard: Listened) -> EffortCells:
    """Hours by site, local date and local hour, of recordings whose time is known."""
    sites: list[str | None] = [*heard.sites, *([None] if None in (*heard.hours, *heard.failed) else [])]
    rows = effort(output, ("site", "day", "hour"), deployments)
    rows = rows.filter(pc.is_valid(rows["day"]))
    names = pa.array([site or "" for site in sites], pa.string())
    place = pc.index_in(pc.fill_null(rows["site"], ""), value_set=names).combine_chunks()
    return EffortCells(
        sites,
        place.to_numpy(zero_copy_only=False).astype(np.int64),
        days_of(rows["day"]),
        rows["hour"].to_numpy().astype(np.int64),
        pc.fill_null(rows["hours"], 0.0).to_numpy(),
        rows["failed"].to_numpy().astype(np.int64),
    )

"""How long was listened: the hours of a scan's recordings by site, day, night, week and hour of local time."""

from __future__ import annotations

import datetime
import itertools
import os
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from soundbeam.model.errors import OptionError
from soundbeam.pipelines import results
from soundbeam.pipelines.local_time import Clocks, day_of, hour_of, night_of, offsets
from soundbeam.transforms.listing.deployments import Deployments
from soundbeam.transforms.listing.times_in_names import zone_of
from soundbeam.transforms.records import LISTENED

GROUPS = {"site": pa.string(), "day": pa.date32(), "night": pa.date32(), "week": pa.date32(), "hour": pa.int64()}
COLUMNS = ("recording", "status", "recorded_at", "duration_s", "listened_s", "site")
_SECOND_US = 1_000_000
_HOUR_US = 3600 * _SECOND_US
_DAY_US = 24 * _HOUR_US
_MOST_PIECES = 500_000  # of recordings that are looked at together
_STATUSES = (*LISTENED, "failed")
_SUMS = ("seconds", "recordings", *_STATUSES, "failed_s", "unknown")


def effort(
    output: str | os.PathLike[str],
    by: Sequence[str] = ("site", "night"),
    deployments: Deployments | None = None,
    clocks: Clocks | None = None,
) -> pa.Table:
    """The hours that were listened, by groups of site and local time.

    A recording that spans the end of an hour, day or night is divided there, however the clock changes meanwhile. Of a
    recorder with a trigger, it is not known when within a recording it stored sound; it is taken to be spread evenly.

    Args:
        output: The output folder of a scan or of `soundbeam embed`.
        by: Some of site, day, night (from noon to noon, named by its evening), week (named by its Monday), and hour
            (0 to 23); none: one row for all.
        deployments: Whose time zones count; None: those that the scan was told.
        clocks: The same, where it is already known.

    Returns:
        The groups in order, null where the site or time is unknown; then ``hours`` (float64: what was decoded),
        ``recordings``, ``ok``, ``partial``, ``failed`` (int64: each recording once, where it begins), and
        ``failed_hours`` (float64: of failed files; null where the length of one is unknown). Groups in which nothing
        was recorded have no row.

    Raises:
        OptionError: There is no such group.
        ResultsError: The output holds no run, or is damaged.
    """
    check_groups(by)
    clocks = clocks or Clocks.of(output, deployments)
    sums = _sums_of([], by)
    for rows in results.stream(output, "recordings", columns=COLUMNS):
        for part in _in_parts(rows, by):
            sums = _sums_of([sums, _pieces_of(part, by, clocks)], by)
    unknown = pc.greater(sums["unknown"], 0)
    table = sums.select([*by, "recordings", *_STATUSES])
    table = table.add_column(len(by), "hours", pc.divide(sums["seconds"], 3600.0))
    failed_hours = pc.divide(sums["failed_s"], 3600.0)
    table = table.append_column("failed_hours", pc.if_else(unknown, pa.scalar(None, pa.float64()), failed_hours))
    return table.sort_by([(name, "ascending") for name in by]) if by else table


def check_groups(by: Sequence[str]) -> None:
    """Checks the names of groups.

    Raises:
        OptionError: There is no such group, or one is named twice.
    """
    if isinstance(by, str):
        raise OptionError(f"by {by!r}: give a list, as [{by!r}]")
    for name in by:
        if name not in GROUPS:
            raise OptionError(f"by {name!r}: there are {', '.join(GROUPS)}")
        if list(by).count(name) > 1:
            raise OptionError(f"by {name!r}: it is named twice")


def pieces(
    start_us: np.ndarray, length_us: np.ndarray, zone: datetime.tzinfo, step_us: int, phase_us: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cuts stretches of time at local times, and where the clock changes.

    Args:
        start_us: int64 ``[stretches]``: µs since 1970, UTC.
        length_us: int64 ``[stretches]``: µs, at least 0.
        zone: The time zone.
        step_us: What lies between two local times of a cut: an hour, half a day, or a day.
        phase_us: The local time of a cut.

    Returns:
        int64 ``[pieces]`` each: the stretch; the local time at which the piece begins, µs; its length, µs. The first
        piece of each stretch comes first; one without a length has one piece.
    """
    rows, at, left = np.arange(len(start_us)), start_us.astype(np.int64), length_us.astype(np.int64)
    found = []
    while len(rows):
        offset, until = offsets(at, zone)
        local = at + offset
        taken = np.minimum(left, np.minimum(step_us - (local - phase_us) % step_us, until - at))
        found.append((rows, local, taken))
        rest = left > taken
        rows, at, left = rows[rest], (at + taken)[rest], (left - taken)[rest]
    if not found:
        return (np.zeros(0, np.int64),) * 3
    rows, local, taken = (np.concatenate(column) for column in zip(*found, strict=True))
    return rows, local, taken


def _step(by: Sequence[str]) -> tuple[int | None, int]:
    """How far apart the cuts are, and the local time of one; None: there is none."""
    days, nights = "day" in by or "week" in by, "night" in by
    if "hour" in by:
        return _HOUR_US, 0
    if days and nights:
        return _DAY_US // 2, 0
    return (_DAY_US, _DAY_US // 2 if nights else 0) if days or nights else (None, 0)


def _in_parts(rows: pa.Table, by: Sequence[str]) -> Iterator[pa.Table]:
    """Parts of so few recordings that their pieces need little memory."""
    step, _ = _step(by)
    if not len(rows):
        return
    durations = rows["duration_s"].fill_null(0.0).to_numpy()
    of_each = 1 + (durations * _SECOND_US / step if step else np.zeros(len(rows)))
    part = (np.cumsum(of_each) // _MOST_PIECES).astype(np.int64)
    bounds = [0, *(np.flatnonzero(np.diff(part)) + 1).tolist(), len(rows)]
    for first, end in itertools.pairwise(bounds):
        yield rows.slice(first, end - first)


def _pieces_of(rows: pa.Table, by: Sequence[str], clocks: Clocks) -> pa.Table:
    """Their pieces with the columns of ``by``, and what is to be summed."""
    rows = rows.filter(pc.is_in(rows["status"], value_set=pa.array(_STATUSES))).combine_chunks()
    status = rows["status"].combine_chunks()
    failed = pc.equal(status, "failed").to_numpy(zero_copy_only=False)
    durations = rows["duration_s"].fill_null(0.0).to_numpy()
    unknown = failed & rows["duration_s"].is_null().to_numpy()
    listened = np.where(failed, 0.0, pc.coalesce(rows["listened_s"], rows["duration_s"]).fill_null(0.0).to_numpy())
    index, local, share = _cut(rows, durations, by, clocks)
    begins = np.zeros(len(index), bool)
    begins[np.unique(index, return_index=True)[1]] = True
    columns = {name: _group(name, rows, index, local) for name in by}
    columns["seconds"] = pa.array(listened[index] * share)
    columns["recordings"] = pa.array(begins.astype(np.int64))
    for name in _STATUSES:
        is_such = pc.equal(status, name).to_numpy(zero_copy_only=False)[index]
        columns[name] = pa.array((is_such & begins).astype(np.int64))
    columns["failed_s"] = pa.array(np.where(failed, durations, 0.0)[index] * share)
    columns["unknown"] = pa.array((unknown[index] & begins).astype(np.int64))
    return pa.table(columns)


def _cut(
    rows: pa.Table, durations: np.ndarray, by: Sequence[str], clocks: Clocks
) -> tuple[np.ndarray, pa.Array, np.ndarray]:
    """The pieces of recordings: the row of each, where it begins by the local clock, and its share of the recording."""
    step, phase = _step(by)
    times = rows["recorded_at"].cast(pa.timestamp("us", "UTC"))
    known = times.is_valid().to_numpy()
    if step is None or not known.any():
        return np.arange(len(rows)), pa.nulls(len(rows), pa.timestamp("us")), np.ones(len(rows))
    micros = times.cast(pa.int64()).fill_null(0).to_numpy()
    lengths = np.rint(durations * _SECOND_US).astype(np.int64)
    zones = clocks.zones(rows["site"])
    unknown_rows = np.flatnonzero(~known)
    cut = [(unknown_rows, np.zeros(len(unknown_rows), np.int64), lengths[unknown_rows])]
    for name in zones.unique().to_pylist():
        chosen = np.flatnonzero(known & pc.equal(zones, name).to_numpy(zero_copy_only=False))
        index, local, taken = pieces(micros[chosen], lengths[chosen], zone_of(name), step, phase)
        cut.append((chosen[index], local, taken))
    index, local, taken = (np.concatenate(column) for column in zip(*cut, strict=True))
    share = np.where(lengths[index] > 0, taken / np.maximum(lengths[index], 1), 1.0)
    return index, pa.array(local, mask=~known[index]).cast(pa.timestamp("us")), share


def _group(name: str, rows: pa.Table, index: np.ndarray, local: pa.Array) -> pa.Array:
    if name == "site":
        return rows["site"].combine_chunks().take(pa.array(index))
    if name == "week":
        days = day_of(local).cast(pa.int32())
        since_monday = np.mod(days.fill_null(0).to_numpy() + 3, 7)  # 1 January 1970 was a Thursday
        return pc.subtract(days, pa.array(since_monday, pa.int32())).cast(pa.date32())
    return {"day": day_of, "night": night_of, "hour": hour_of}[name](local)


def _sums_of(tables: Sequence[pa.Table], by: Sequence[str]) -> pa.Table:
    """The sums of tables, a row for each group; without groups one row."""
    types = {"seconds": pa.float64(), "failed_s": pa.float64()}
    schema = pa.schema({**{name: GROUPS[name] for name in by}, **{n: types.get(n, pa.int64()) for n in _SUMS}})
    rows = pa.concat_tables([table.select(schema.names).cast(schema) for table in tables] or [schema.empty_table()])
    grouped = rows.group_by(list(by), use_threads=False).aggregate([(name, "sum") for name in _SUMS])
    grouped = grouped.select([*by, *(f"{name}_sum" for name in _SUMS)])
    return grouped.rename_columns(schema.names).cast(schema)

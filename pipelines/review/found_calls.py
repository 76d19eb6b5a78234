"""The calls that a scan found, by site, night and hour, and how long they are."""

from __future__ import annotations

import collections
import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from soundbeam.pipelines import results
from soundbeam.pipelines.local_time import Clocks, hour_of, night_of
from soundbeam.pipelines.review.drawn_from import DrawnFrom
from soundbeam.pipelines.review.population import Population
from soundbeam.pipelines.review.samples import SampleInfo


@dataclasses.dataclass(frozen=True)
class FoundCalls:
    """Numbers of calls; names are "" where they are not known.

    Attributes:
        by_site, by_night, by_hour: Name → calls.
        calls: How many there are.
        median_s: Half of them are at most so long; 0 without calls.
    """

    by_site: dict[str, int]
    by_night: dict[str, int]
    by_hour: dict[str, int]
    calls: int
    median_s: float


def count_calls_found(population: Population, info: SampleInfo) -> FoundCalls:
    """Reads the label's current calls in the recordings that a sample was drawn from."""
    columns = ["recording", "label", "start_s", "end_s", "site", "started_at", "run"]
    clocks, drawn_from = Clocks.of(population.output), DrawnFrom(population, info)
    by_site, by_night, by_hour = (collections.Counter[str]() for _ in range(3))
    lengths = [np.empty(0, np.float32)]
    fingerprint = population.parameters.fingerprint
    for part in results.stream(population.output, "calls", classifier=fingerprint, columns=columns):
        rows = part.filter(pc.equal(part["label"], population.label))
        rows = rows.filter(pa.array(drawn_from.has(rows), pa.bool_()))
        if population.sites:
            rows = rows.filter(pc.is_in(rows["site"], value_set=pa.array(population.sites, pa.string())))
        if not len(rows):
            continue
        local = clocks.local(rows["started_at"], rows["site"])
        for counter, names in ((by_site, rows["site"]), (by_night, night_of(local)), (by_hour, hour_of(local))):
            for item in pc.value_counts(names.cast(pa.string())).to_pylist():
                counter[item["values"] or ""] += item["counts"]
        lengths.append(pc.subtract(rows["end_s"], rows["start_s"]).to_numpy().astype(np.float32))
    every = np.concatenate(lengths)
    return FoundCalls(
        dict(by_site), dict(by_night), dict(by_hour), len(every), float(np.median(every)) if len(every) else 0.0
    )

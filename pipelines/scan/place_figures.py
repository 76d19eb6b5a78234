"""What a scan with deployments tells: of which recordings the place was not known, and which calls were left out."""

from __future__ import annotations

import collections
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from soundbeam.pipelines.scan.job import ScanResult
from soundbeam.transforms.records import LISTENED

_NO_SITE, _NO_DEPLOYMENT, _OTHER_TIME, _NO_TIME = "no site", "no deployment", "another time", "no time"
_WHICH = "several recorders"
_WORDS = {
    _NO_SITE: "--site matches nothing of their names",
    _NO_DEPLOYMENT: "their sites are not in --deployments",
    _OTHER_TIME: "made when their sites had no deployment",
    _NO_TIME: "their time is not known",
    _WHICH: "their sites had several recorders then, and the files do not name one of them",
}
_SHOWN = 5  # sites in a line


def place_figures(result: ScanResult, recordings: pa.Table, counts: pa.Table) -> dict[str, Any]:
    """``unlikely`` and ``unplaced``, as `soundbeam.scanning.ScanSummary` has them; nothing without deployments."""
    deployments = result.deployments
    if result.info is None or deployments is None or "counts" not in result.info.parameters.tables:
        return {}
    unplaced: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    scanned = recordings.filter(pc.is_in(recordings["status"], value_set=pa.array(LISTENED)))
    columns = (scanned[name].to_pylist() for name in ("site", "recorded_at", "latitude"))
    for site, when, latitude in zip(*columns, strict=True):
        if when is not None and latitude is not None:
            continue
        if not deployments.everywhere and site is None:
            why = _NO_SITE
        elif not deployments.of_site(site):
            why = _NO_DEPLOYMENT
        else:
            there = when is not None and any(row.start <= when < row.end for row in deployments.of_site(site))
            why = _NO_TIME if when is None else _WHICH if there else _OTHER_TIME
        unplaced[why][site or ""] += 1
    left_out: dict[str, int] = {}
    if "unlikely" in counts.column_names:
        sums = counts.group_by("label", use_threads=False).aggregate([("unlikely", "sum")]).to_pylist()
        left_out = {row["label"]: row["unlikely_sum"] for row in sums if row["unlikely_sum"]}
    by_number = sorted(left_out.items(), key=lambda item: (-item[1], item[0]))
    return {
        "unlikely": dict(by_number),
        "unplaced": {why: dict(sorted(unplaced[why].items())) for why in _WORDS if why in unplaced},
        "min_expected": result.info.parameters.min_expected,
        "expects": bool(result.info.parameters.geo),
    }


def place_lines(figures: dict[str, Any]) -> Iterator[str]:
    """The same for people."""
    if figures.get("expects") is False:
        yield "no column expected in calls: the classifier has no network for place and season"
    if (least := figures.get("min_expected")) is not None:
        left_out = figures["unlikely"]
        most = [f"{label} {n}" for label, n in list(left_out.items())[:_SHOWN]]
        named = f" ({', '.join(most)}{', …' if len(left_out) > _SHOWN else ''})" if most else ""
        yield (
            f"{sum(left_out.values())} calls of {len(left_out)} labels were left out, which are expected less than "
            f"{least:g} there and then{named}"
        )
    for why, sites in figures.get("unplaced", {}).items():
        names = [site for site in sites if site]
        named = f": {', '.join(names[:_SHOWN])}{', …' if len(names) > _SHOWN else ''}" if names else ""
        many = f" ({len(names)} sites)" if len(names) > 1 else ""
        yield f"nothing is known to be expected in {sum(sites.values())} recordings: {_WORDS[why]}{many}{named}"

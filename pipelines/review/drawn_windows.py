"""The windows that were drawn for review, in the order of looking, and their recordings as the scans saw them."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa

from soundbeam.model.errors import SoundbeamError
from soundbeam.pipelines import results
from soundbeam.pipelines.review.samples import SAMPLES, Sample
from soundbeam.pipelines.review.site_nights import SiteNight, site_nights
from soundbeam.pipelines.review.window_sounds import Source

Row = dict[str, Any]


def drawn_windows(samples: Sequence[Sample], label: str | None) -> dict[str, Row]:
    """Review id → row of each window, by draw and by rank; those of one label, or all."""
    windows: dict[str, Row] = {}
    for sample in samples:
        for row in sorted(sample.rows.to_pylist(), key=lambda row: row["rank"]):
            if label in (None, row["label"]):
                windows.setdefault(row["review_id"], row)
    return windows


def sources_of(output: str, windows: Iterable[Row]) -> dict[tuple[str, str], Source]:
    """(Run, recording) → the recording as the run saw it from which the window was drawn."""
    by_run: dict[str, set[str]] = collections.defaultdict(set)
    for row in windows:
        by_run[row["run"]].add(row["recording"])
    columns = ["recording", "sample_rate", "bytes", "version", "content"]
    sources = {}
    for run, uris in by_run.items():
        try:
            known = results.read(output, "recordings", run, columns=columns, recordings=uris)
        except SoundbeamError:  # the run was removed since
            known = results.read(output, "recordings", columns=columns, recordings=uris)
        for row in known.to_pylist():
            facts = row["bytes"] or 0, row["version"] or "", row["content"] or ""
            sources[run, row["recording"]] = Source(row["recording"], row["sample_rate"], *facts)
    return sources


def notices_of(output: str, samples: Iterable[Sample], windows: dict[str, Row]) -> list[str]:
    """What a reviewer should know of windows that the newest scan no longer stands behind; one line each."""
    newest = results.latest_run(output).parameters.fingerprint
    shown = {row["label"] for row in windows.values()}
    others = {sample.info.classifier[:12] for sample in samples if sample.info.label in shown} - {newest[:12]}
    if others:
        names = ", ".join(sorted(others))
        return [f"Windows were drawn from the scores of another classifier ({names}) than the newest scan's"]
    uris = {row["recording"] for row in windows.values()}
    current = results.read(output, "recordings", columns=["recording", "run"], recordings=uris).to_pylist()
    runs = {row["recording"]: row["run"] for row in current}
    superseded = sum(runs.get(row["recording"]) != row["run"] for row in windows.values())
    if superseded:
        which = f"{superseded} of {len(windows)} windows"
        return [f"{which} are of recordings that were scanned again or deleted since the draw"]
    return []


def presence_nights(output: str, windows: dict[str, Row]) -> dict[str, dict[str, SiteNight]]:
    """Label → review id → site and night, of the windows that were drawn to tell presence."""
    rows = [row for row in windows.values() if row["design"] == "presence"]
    if not rows:
        return {}
    by_label: dict[str, dict[str, SiteNight]] = collections.defaultdict(dict)
    for row, night in zip(rows, site_nights(output, pa.Table.from_pylist(rows, SAMPLES)), strict=True):
        by_label[row["label"]][row["review_id"]] = night
    return by_label

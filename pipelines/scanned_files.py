"""The recordings of an output as its scans saw them."""

from __future__ import annotations

import collections
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from soundbeam.model.errors import SoundbeamError
from soundbeam.pipelines import results
from soundbeam.transforms.scanned_file import ScannedFile

_COLUMNS = ["recording", "sample_rate", "bytes", "version", "content"]


def scanned_files(output: str, recordings: Collection[str], run: str | None = None) -> dict[str, ScannedFile]:
    """URI → the recording as a run saw it, or by default the run whose rows are current; none of unknown ones.

    Raises:
        ResultsError: There is no such run.
    """
    rows = results.read(output, "recordings", run, columns=_COLUMNS, recordings=recordings).to_pylist()
    return {
        row["recording"]: ScannedFile(
            row["recording"], row["sample_rate"], row["bytes"] or 0, row["version"] or "", row["content"] or ""
        )
        for row in rows
    }


def files_of_windows(output: str, windows: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], ScannedFile]:
    """(Run, recording) of windows → the recording as that run saw it, from which a window was drawn."""
    by_run: dict[str, set[str]] = collections.defaultdict(set)
    for row in windows:
        by_run[row["run"]].add(row["recording"])
    files = {}
    for run, uris in by_run.items():
        try:
            known = scanned_files(output, uris, run)
        except SoundbeamError:  # the run was removed since
            known = scanned_files(output, uris)
        files.update({(run, uri): file for uri, file in known.items()})
    return files

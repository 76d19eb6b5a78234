"""Finds the window of a sample that a verdict from elsewhere is about."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from soundbeam.model.errors import SoundbeamError
from soundbeam.pipelines.recording_names import RecordingNames
from soundbeam.pipelines.review.samples import Sample
from soundbeam.pipelines.review.verdict_tables import Judgement


class SampleWindows:
    """The windows of some samples.

    Args:
        samples: The samples.
        label: Only windows of this label; None: of all.
    """

    def __init__(self, samples: Sequence[Sample], label: str | None):
        self._by_id: dict[str, dict[str, Any]] = {}
        for sample in samples:
            rows = sample.rows.to_pylist()
            self._by_id |= {row["review_id"]: row for row in rows if label in (None, row["label"])}
        self._by_recording = defaultdict(list)
        self._by_stem = defaultdict(set)
        for row in self._by_id.values():
            self._by_recording[row["recording"]].append(row)
            self._by_stem[posixpath.splitext(posixpath.basename(row["recording"]))[0]].add(row["recording"])
        self._names = RecordingNames(self._by_recording)

    def find(self, told: Judgement) -> dict[str, Any]:
        """The row of the sample that a verdict is about.

        Raises:
            SoundbeamError: There is none, or several may be meant; the message is the reason.
        """
        if told.review_id in self._by_id:
            return self._by_id[told.review_id]
        if not told.recording or told.start_s is None:
            raise SoundbeamError(f"no window {told.review_id!r}" if told.review_id else "it tells no window")
        rows = self._by_recording[self._recording(told.recording)]
        of_label = [row for row in rows if told.label and is_label(told.label, row["label"])]
        # A folder or a column that names no label of the samples says nothing on which one it is.
        known = any(is_label(told.label, row["label"]) for row in self._by_id.values()) if told.label else False
        near = sorted(
            (apart, row["label"], row["review_id"])
            for row in (of_label if known else rows)
            if (apart := _apart(told, row)) <= (row["end_s"] - row["start_s"]) / 2
        )
        if not near:
            raise SoundbeamError(f"no window of a sample is near {told.start_s:g} s in {told.recording}")
        if len({label for _, label, _ in near}) > 1:
            raise SoundbeamError(f"windows of several labels are at {told.start_s:g} s; name one with --label")
        return self._by_id[near[0][2]]

    def _recording(self, name: str) -> str:
        """The recording that a name means: a URI or path, of another machine too, or a name without its ending."""
        parts = [part for part in name.replace("\\", "/").split("/") if part]
        for tail in [name, *("/".join(parts[k:]) for k in range(1, len(parts)))]:
            if found := self._names.find(tail):
                return found
        stems = self._by_stem.get(parts[-1] if parts else "", set())
        if len(stems) > 1:
            raise SoundbeamError(f"{name} may be {' or '.join(sorted(stems)[:2])}")
        if not stems:
            raise SoundbeamError(f"no window of a sample is of a recording {name}")
        return next(iter(stems))


def _apart(told: Judgement, row: dict[str, Any]) -> float:
    """Seconds between the middles of a stretch and a window; between their starts if the stretch has no end."""
    if told.end_s is None:
        return abs((told.start_s or 0.0) - row["start_s"])
    return abs(((told.start_s or 0.0) + told.end_s) - (row["start_s"] + row["end_s"])) / 2


def is_label(text: str, label: str) -> bool:
    """Whether a text names a label: as it is, or by its scientific or common name (``Scientific_Common``)."""
    return text.strip().casefold() in {label.casefold(), *(part.casefold() for part in label.split("_", 1))}

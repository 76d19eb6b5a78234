"""What people said of calls: the verdicts of reviews on the windows of each call."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from datetime import datetime
from typing import Any

import pyarrow as pa

from soundbeam.pipelines.review.store import ReviewStore

# A call that several windows of different verdicts lie in is one that is confirmed: one of them holds the sound.
_STRONGEST = ("yes", "no", "other", "unsure")
# How much of the shorter of call and window both must share. A window with half of a call may well be one without the
# sound by its verdict, and the call still right.
_SHARED = {"yes": 0.5, "no": 0.75, "other": 0.75, "unsure": 0.75}


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What people agreed on.

    Attributes:
        verdict: ``yes``, ``no``, ``other`` or ``unsure``.
        reviewer: Who; of several people all of them.
        reviewed_at: When, UTC.
    """

    verdict: str
    reviewer: str
    reviewed_at: datetime


class Verdicts:
    """The verdicts on an output's windows.

    Args:
        output: The scan's output folder.
    """

    def __init__(self, output: str):
        self._by_place: dict[tuple[str, str, int | None], list[dict[str, Any]]] = defaultdict(list)
        for row in ReviewStore(output).consensus().to_pylist():
            if row["verdict"] is not None:
                self._by_place[row["recording"], row["label"], row["channel"]].append(row)

    def __bool__(self) -> bool:
        return bool(self._by_place)

    def of_recordings(self) -> pa.Array:
        """The recordings with a verdict."""
        return pa.array(sorted({recording for recording, _, _ in self._by_place}), pa.string())

    def on(self, recording: str, label: str, channel: int | None, start_s: float, end_s: float) -> Verdict | None:
        """The verdict on a call: of the windows that lie over it, at least three quarters of the shorter of the two.

        To confirm a call, half is enough.

        Returns:
            None if there is no such window, or its reviewers disagree.
        """
        found = {}
        for row in self._by_place.get((recording, label, channel), ()):
            shared = min(end_s, row["end_s"]) - max(start_s, row["start_s"])
            shorter = min(end_s - start_s, row["end_s"] - row["start_s"])
            if shared > 0 and shared >= _SHARED[row["verdict"]] * shorter:
                found[row["verdict"]] = Verdict(row["verdict"], row["reviewer"], row["reviewed_at"])
        return next((found[verdict] for verdict in _STRONGEST if verdict in found), None)

"""The records of labelled clips, which travel between steps as those in `records` do."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Clip:
    """A labelled audio file, or a labelled part of one.

    Attributes:
        recording: The file's full URI.
        label: What is heard in it.
        source: The recording that it was taken from. Clips of one source go to the same split.
        start_s: Where the clip starts within the file, seconds.
        end_s: Where it ends; None is the end of the file.
        false_alarm: Whether a detector took it for what it is not.
        channel: The channel in which it was heard, from 1 on; None for the mean of all.
    """

    recording: str
    label: str
    source: str
    start_s: float = 0.0
    end_s: float | None = None
    false_alarm: bool = False
    channel: int | None = None


@dataclasses.dataclass(frozen=True)
class Reject:
    """A clip that yields no example.

    Attributes:
        recording: The file's URI.
        reason: Why it does not, in one line.
    """

    recording: str
    reason: str

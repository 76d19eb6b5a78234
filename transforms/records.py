"""The records that travel between the steps; every step may import this module, none another step."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Final, Literal, Union

import numpy as np

from soundbeam.model.classifier.calls import Call
from soundbeam.model.errors import DecodeCause

# How a file ended: scanned whole; scanned up to a break, or with something missing; not one window scored; left alone.
Status = Literal["ok", "partial", "failed", "skipped"]
# The stage that set a status other than ``ok``; "" with ``ok``.
Stage = Literal["", "list", "decode", "score", "deleted"]
# The stage of a file that was scanned before and is gone.
DELETED: Final = "deleted"
# Why a task in a process of its own was not finished: the process crashed, did not come to an end or took too much
# memory, or the task raised an exception.
FailureCause = Literal["crash", "hang", "memory", "unexpected"]
# What is wrong with a recording: a message in a user's words, and its cause in one word for the counters; ``samples``
# when some samples were not numbers.
Problem = tuple[str, Union[DecodeCause, FailureCause, Literal["samples"]]]  # noqa: UP007


@dataclasses.dataclass(frozen=True)
class Recording:
    """One audio file, as listed.

    Attributes:
        uri: Its full URI (``file:///…``, ``s3://…``): its identity.
        bytes: Its size.
        version: The store's etag, else its modification time (ISO 8601, UTC), else "".
        modified: Its modification time, UTC; None where the store has none.
        recorded_at: When its first sample was recorded, UTC; None where that is not known, or not yet.
        site: Where it was recorded, by the user's pattern; None where that says nothing.
        total_recordings: How many recordings are listed with it, for progress; 0 where that is not known.
        total_bytes: The sum of their sizes.
    """

    uri: str
    bytes: int
    version: str
    modified: datetime | None = None
    recorded_at: datetime | None = None
    site: str | None = None
    total_recordings: int = 0
    total_bytes: int = 0


@dataclasses.dataclass(frozen=True)
class Unscannable:
    """A listed file that is not decoded at all.

    Attributes:
        recording: The file.
        status: ``skipped`` (hidden, not audio) or ``failed`` (empty, unreadable).
        stage: The step that said so, e.g. ``list``.
        error: One line: what is wrong and what to do.
    """

    recording: Recording
    status: Status
    stage: Stage
    error: str


@dataclasses.dataclass(frozen=True)
class Range:
    """A stretch of a recording that is decoded by itself: whole segments of its windows.

    Attributes:
        recording: The recording.
        index: 0, 1, 2 … within the recording.
        ranges: How many ranges the recording has.
        first: Its first window.
        end: The first window after it; None: it goes to the end of the recording, wherever that is.
    """

    recording: Recording
    index: int = 0
    ranges: int = 1
    first: int = 0
    end: int | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Segment:
    """A stretch of one recording that holds whole windows: what is decoded, and scored, at once.

    Segments of one recording overlap by window − hop, so that no window is ever cut in two. Windows are given by
    their first sample within ``samples``; all are ``window_samples`` long.

    Attributes:
        uri: The recording.
        index: 0, 1, 2 … within the recording.
        samples: float32 ``[samples]``, mono, at the classifier's rate.
        offsets: int64 ``[windows]``: first sample of each window, counted from the start of ``samples``.
        start_s: float64 ``[windows]``: the windows' starts, seconds from the start of the recording.
        end_s: float64 ``[windows]``: their ends; only a recording shorter than a window has an end before
            start + window, and there ``samples`` is padded with zeros to one window.
        of_range: Whether the recording is split into ranges.
    """

    uri: str
    index: int
    samples: np.ndarray
    offsets: np.ndarray
    start_s: np.ndarray
    end_s: np.ndarray
    of_range: bool = False


@dataclasses.dataclass(frozen=True)
class DecodeReport:
    """How the decoding of one recording ended; emitted once for each recording, after its last segment.

    Attributes:
        recording: The file.
        status: ``ok``; ``partial`` (windows up to a break); ``failed`` (no window).
        stage: ``decode`` unless ok, then "".
        error: One line, "" when ok.
        duration_s: Seconds really decoded, at the file's own rate; None when nothing was.
        sample_rate: The file's own rate, Hz; None when unknown.
        channels: The file's own channels; None when unknown.
        windows: How many windows the segments hold.
        segments: How many segments were emitted.
    """

    recording: Recording
    status: Status
    stage: Stage
    error: str
    duration_s: float | None
    sample_rate: int | None
    channels: int | None
    windows: int
    segments: int


@dataclasses.dataclass(frozen=True)
class RangeReport:
    """How the decoding of one range of a recording ended; the reports of all its ranges make a `DecodeReport`.

    Attributes:
        part: The range.
        windows, segments: How many the range gave.
        full: Whether it has all of its windows; else the recording ended in it, or broke.
        last_s: The end of its last window; None without one.
        frames: Frames from the recording's start to where decoding of this range stopped.
        sample_rate, channels: The file's own; None when unknown.
        problems: (message, cause) each, of what ended it before its time.
        unusable: Samples in it that were no numbers; those in the ranges beside it aside.
        notes: What is wrong although everything was decoded.
        changed: Whether the file is another one than was listed.
    """

    part: Range
    windows: int = 0
    segments: int = 0
    full: bool = False
    last_s: float | None = None
    frames: int = 0
    sample_rate: int | None = None
    channels: int | None = None
    problems: tuple[Problem, ...] = ()
    unusable: int = 0
    notes: tuple[str, ...] = ()
    changed: bool = False


@dataclasses.dataclass(frozen=True, eq=False)
class SegmentScores:
    """The scores of one segment's windows: all that remains of it after scoring.

    Attributes:
        uri: The recording.
        index: The segment's index.
        start_s: float64 ``[windows]``.
        end_s: float64 ``[windows]``.
        scores: float32 ``[windows, labels]``; None when scoring failed.
        error: One line when scoring failed, else "".
        of_range: Whether the recording is split into ranges.
    """

    uri: str
    index: int
    start_s: np.ndarray
    end_s: np.ndarray
    scores: np.ndarray | None
    error: str = ""
    of_range: bool = False


@dataclasses.dataclass(frozen=True)
class Clip:
    """A labelled stretch of an audio file.

    Attributes:
        recording: The file's full URI.
        label: What is heard in it.
        source: The recording it was cut from: splits go by it.
        start_s: Where the stretch starts within the file, seconds.
        end_s: Where it ends; None for the file's end.
    """

    recording: str
    label: str
    source: str
    start_s: float = 0.0
    end_s: float | None = None


@dataclasses.dataclass(frozen=True)
class Reject:
    """A clip that gives no example.

    Attributes:
        recording: The file's URI.
        reason: One line.
    """

    recording: str
    reason: str


@dataclasses.dataclass(frozen=True, eq=False)
class RecordingResult:
    """All that the tables say of one listed file.

    Attributes:
        report: How it ended.
        start_s: float64 ``[windows]``, ascending.
        end_s: float64 ``[windows]``.
        scores: float32 ``[windows, labels]``.
        calls: For each label, in time order; empty for a recording without windows.
        intervals: For each label the least and the greatest number of calls that there may be; empty likewise.
    """

    report: DecodeReport
    start_s: np.ndarray
    end_s: np.ndarray
    scores: np.ndarray
    calls: dict[str, list[Call]]
    intervals: dict[str, tuple[int, int]] = dataclasses.field(default_factory=dict)


# What goes from listing to decoding, on to scoring, and from there. Beam reads these at run time, on Python 3.10 too.
Listed = Union[Recording, Range]  # noqa: UP007
Decoded = Union[Segment, DecodeReport, RangeReport]  # noqa: UP007
Scored = Union[SegmentScores, DecodeReport, RangeReport]  # noqa: UP007

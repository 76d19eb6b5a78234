"""The records that travel between steps. Every step may import this module, and no step may import another step."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Final, Literal, Union

import numpy as np

from soundbeam.model.classifier.calls import Call
from soundbeam.model.errors import DecodeCause
from soundbeam.transforms.channels import ChannelSums
from soundbeam.transforms.kept_scores import KeptScores

# How the scan of a file ended: all of it was scanned; something is missing or broke off; no window was scored; it was
# not scanned.
Status = Literal["ok", "partial", "failed", "skipped"]
# The statuses of recordings that were listened to, all or in part.
LISTENED: Final = ("ok", "partial")
# The stage that set a status other than ``ok``; "" for ``ok``. ``read``: its bytes could not be had, for a reason that
# lies in the place (a disk, a store, rights, a package that is missing) and not in the file.
Stage = Literal["", "list", "read", "decode", "score", "deleted"]
# The stage of a file that was scanned before and no longer exists.
DELETED: Final = "deleted"
# How the error of a row begins whose file is listed under another name now; its stage is ``deleted`` too.
RENAMED: Final = "the same file as"
# Which channel of a recording is scanned: the mean of all, one of them (counted from 1), or each by itself.
Channel = Union[int, Literal["mean", "each"]]  # noqa: UP007
# The error of a row of that stage that only supersedes the row of a folder, list or pattern.
LISTED_AGAIN: Final = "it could not be listed before; now it can"
# Why a task in another process was not finished: the process crashed, hung or used too much memory, or the task raised
# an exception.
FailureCause = Literal["crash", "hang", "memory", "unexpected"]
# What is wrong with a recording: a message in a user's words, and its cause in one word for the counters; ``samples``
# when some samples were not numbers.
Problem = tuple[str, Union[DecodeCause, FailureCause, Literal["samples"]]]  # noqa: UP007


@dataclasses.dataclass(frozen=True)
class Recording:
    """An audio file, as it was listed.

    Attributes:
        uri: Its full URI (``file:///…``, ``s3://…``), which identifies it.
        bytes: Its size in bytes.
        version: The store's etag, or its modification time (ISO 8601, UTC), or "" where the store has neither.
        modified: Its modification time, UTC; None where the store has none.
        recorded_at: When its first sample was recorded, UTC; None if that is not known, or not known yet.
        site: Where it was recorded, by the user's pattern; None if the pattern does not match.
        latitude, longitude, recorder: Where that is, degrees, and the recorder's serial number; None if unknown.
        total_recordings, total_bytes: How many this scan lists, for the progress report; 0 if unknown.
    """

    uri: str
    bytes: int
    version: str
    modified: datetime | None = None
    recorded_at: datetime | None = None
    site: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    recorder: str | None = None
    total_recordings: int = 0
    total_bytes: int = 0


@dataclasses.dataclass(frozen=True)
class Unscannable:
    """A listed file that will not be decoded.

    Attributes:
        recording: The file.
        status: ``skipped`` (hidden, not audio) or ``failed`` (empty, unreadable).
        stage: The stage that decided this, e.g. ``list``.
        error: One line: what is wrong and what to do.
    """

    recording: Recording
    status: Status
    stage: Stage
    error: str


@dataclasses.dataclass(frozen=True)
class Range:
    """A part of a recording that is decoded on its own and consists of whole segments.

    Attributes:
        recording: The recording.
        index: Its number within the recording: 0, 1, 2 …
        ranges: How many ranges the recording has.
        first: The index of its first window.
        end: The index of the first window after it; None if it lasts until the end of the recording.
    """

    recording: Recording
    index: int = 0
    ranges: int = 1
    first: int = 0
    end: int | None = None


def recording_of(row: Recording | Unscannable | Range) -> Recording:
    """The file that a row is of."""
    return row if isinstance(row, Recording) else row.recording


@dataclasses.dataclass(frozen=True, eq=False)
class Segment:
    """A part of one recording, made of whole windows, that is decoded and scored at once.

    Segments of one recording overlap by window − hop, so no window is divided. A window is given by its first
    sample within ``samples``; all are ``window_samples`` long.

    Attributes:
        uri: The recording.
        index: Its number within the recording: 0, 1, 2 …
        samples: float32 ``[samples]``, mono, at the classifier's rate.
        offsets: int64 ``[windows]``: first sample of each window, counted from the start of ``samples``.
        start_s: float64 ``[windows]``: where the windows start, in seconds from the start of the recording.
        end_s: float64 ``[windows]``: where they end. Only in a recording shorter than a window does a window end
            before start + window; there ``samples`` is padded with zeros to the length of a window.
        of_range: Whether the recording is split into ranges.
        channel: The channel that it was taken from, counted from 1, if each is scanned by itself; else None.
    """

    uri: str
    index: int
    samples: np.ndarray
    offsets: np.ndarray
    start_s: np.ndarray
    end_s: np.ndarray
    of_range: bool = False
    channel: int | None = None


@dataclasses.dataclass(frozen=True)
class DecodeReport:
    """How the decoding of one recording ended. It is emitted once for each recording, after its last segment.

    Attributes:
        recording: The file.
        status: ``ok``, ``partial`` (some windows), or ``failed`` (no windows).
        stage: "" if the status is ``ok``, else ``decode``.
        error: One line; "" if the status is ``ok``.
        duration_s: How many seconds were decoded, at the file's own rate; None if nothing was.
        sample_rate, channels: The file's own, Hz (the true rate of one that plays slower); None if unknown.
        windows: How many windows the segments contain.
        segments: How many segments were emitted.
        listened_s: How many of these seconds were recorded: without the stretches in which a recorder with a trigger
            stored nothing.
        notes: What a user should know about a file although nothing is wrong with it; one line.
        content: A hash that files of the same content share; "" if unknown.
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
    listened_s: float | None = None
    notes: str = ""
    content: str = ""


@dataclasses.dataclass(frozen=True)
class RangeReport:
    """How the decoding of one range of a recording ended. The reports of all its ranges become one `DecodeReport`.

    Attributes:
        part: The range.
        windows, segments: How many the range yielded.
        full: Whether it has all of its windows. If not, the recording ended or broke off within it.
        last_s: Where its last window ends, seconds; None if it has no window.
        frames: How many frames lie between the recording's start and where decoding of this range stopped.
        sample_rate, channels: The file's own; None if unknown.
        problems: What ended the decoding early.
        unusable: How many of its samples were not usable numbers, without those of the neighbouring ranges.
        defects: What is wrong with the file although everything was decoded.
        changed: Whether the file is no longer the one that was listed.
        sums: Of the samples in it, for notes on the channels.
        channel: The one that was decoded, from 1 on; None for the mean of all, or each.
        gap_frames: How many of its frames were not recorded.
        expansion: How many times slower than it was recorded the file plays.
        content: As in `DecodeReport`; of the first range only.
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
    defects: tuple[str, ...] = ()
    changed: bool = False
    sums: ChannelSums = dataclasses.field(default_factory=ChannelSums)
    channel: int | None = None
    gap_frames: int = 0
    expansion: int = 1
    content: str = ""


@dataclasses.dataclass(frozen=True, eq=False)
class SegmentScores:
    """The scores of one segment's windows: what is left of the segment after scoring.

    Attributes:
        uri: The recording.
        index: The segment's index.
        start_s, end_s: float64 ``[windows]``.
        scores: Of its windows and the labels that the scan is about; None if scoring failed.
        error: One line if scoring failed, else "".
        of_range: Whether the recording is split into ranges.
        channel: As in `Segment`.
        embeddings: float32 ``[windows, size]``; None if scoring failed or none were wanted.
    """

    uri: str
    index: int
    start_s: np.ndarray
    end_s: np.ndarray
    scores: KeptScores | None
    error: str = ""
    of_range: bool = False
    channel: int | None = None
    embeddings: np.ndarray | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class RecordingResult:
    """Everything that the tables say about one listed file.

    Attributes:
        report: How it ended.
        start_s, end_s: float64 ``[windows]``, ascending.
        scores: Of its windows and labels.
        calls: The calls of each label that is counted, in order of time; empty for a recording without windows.
        intervals: The lowest and the highest plausible number of calls of each of them; empty in the same case.
        channel: The channel that these windows are of, from 1 on, if each is scanned by itself; else None.
        other_channels: The results of the other channels, if each is scanned by itself.
        embeddings: float32 ``[windows, size]``; None if none were asked for.
        unlikely: label → how many of its calls were left out because it is not expected there and then.
    """

    report: DecodeReport
    start_s: np.ndarray
    end_s: np.ndarray
    scores: KeptScores
    calls: dict[str, list[Call]]
    intervals: dict[str, tuple[int, int]] = dataclasses.field(default_factory=dict)
    channel: int | None = None
    other_channels: tuple[RecordingResult, ...] = ()
    embeddings: np.ndarray | None = None
    unlikely: dict[str, int] = dataclasses.field(default_factory=dict)


# What travels from listing to decoding, to scoring, and on from there. Beam evaluates these types at run time, on
# Python 3.10 too.
Listed = Union[Recording, Range]  # noqa: UP007
Decoded = Union[Segment, DecodeReport, RangeReport]  # noqa: UP007
Scored = Union[SegmentScores, DecodeReport, RangeReport]  # noqa: UP007

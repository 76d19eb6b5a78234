"""The rows that formats write: recordings that were listened to, and the calls in them."""

from __future__ import annotations

import dataclasses
from datetime import datetime

from soundbeam.pipelines.export.contents.confirmed import Verdict
from soundbeam.transforms.scanned_file import ScannedFile


@dataclasses.dataclass(frozen=True)
class FoundCall:
    """A call, as it is exported.

    Attributes:
        label, start_s, end_s, score: As in the table ``calls``.
        channel: The channel it was found in, from 1 on; None: the mean of all, or the one that was scanned.
        started_at: When, UTC; None: unknown.
        local: The same by the site's clock, without a zone.
        verdict: What people said of it; None: nobody has.
        run: The name of the scan's run.
    """

    label: str
    start_s: float
    end_s: float
    score: float
    channel: int | None
    started_at: datetime | None
    local: datetime | None
    verdict: Verdict | None
    run: str


@dataclasses.dataclass(frozen=True)
class ListenedRecording:
    """A recording that was listened to, and the chosen calls in it, in order of time.

    Attributes:
        uri: Its full URI.
        short: Its path below the folder that holds all recordings of the scan.
        site: Where; None: unknown.
        status: ``ok`` or ``partial``.
        duration_s, listened_s: How long it is, and how long it was listened to; None: unknown.
        rate, channels: Samples per second, and channels, of the file; None: unknown.
        recorded_at: When it begins, UTC; None: unknown.
        local: The same by the site's clock, without a zone.
        run: The name of the scan's run.
        bytes, version, content: Of the file that was scanned; None: unknown.
        calls: The calls.
    """

    uri: str
    short: str
    site: str | None
    status: str
    duration_s: float | None
    listened_s: float | None
    rate: int | None
    channels: int | None
    recorded_at: datetime | None
    local: datetime | None
    run: str
    bytes: int | None
    version: str | None
    content: str | None
    calls: list[FoundCall] = dataclasses.field(default_factory=list)

    @property
    def base(self) -> str:
        """Its name without the folders."""
        return self.short.rpartition("/")[2]

    @property
    def scanned(self) -> ScannedFile:
        """The file as the scan saw it."""
        return ScannedFile(self.uri, self.rate, self.bytes or 0, self.version or "", self.content or "")

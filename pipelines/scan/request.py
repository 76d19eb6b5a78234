"""What is to be scanned, and how."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

from soundbeam.model.classifier.bundle import ClassifierBundle
from soundbeam.model.windows import WindowSpec
from soundbeam.pipelines.console.output import redacted
from soundbeam.transforms.listing.times_in_names import Conventions, parse_date, zone_of


@dataclasses.dataclass(frozen=True)
class Scan:
    """What to scan, and how.

    Attributes:
        recordings: Patterns, as ``list_recordings`` takes them.
        classifier: URL of the bundle.
        output: URL of the output folder.
        hop: Seconds between windows; None: the bundle's.
        threshold: Of every label; None: the bundle's.
        rescan: Whether what was scanned before is scanned again.
        retry_failed: Whether what failed or was partial before is.
        decoder: ``soundfile`` or ``tensorflow-io``.
        segment: Seconds decoded at once.
        batch_size: Windows scored at once; None: the bundle's.
        checkpoint_every: Seconds of work that a death can cost.
        recorded_at: Pattern for the time in a recording's URI; None: usual names only.
        timezone: Of the recorders' clocks.
        site: Pattern for the site in a recording's URI.
        since: Only recordings from this date on; None: all.
    """

    recordings: list[str]
    classifier: str
    output: str
    hop: float | None = None
    threshold: float | None = None
    rescan: bool = False
    retry_failed: bool = False
    decoder: str = "soundfile"
    segment: float = 60.0
    batch_size: int | None = None
    checkpoint_every: float = 600.0
    recorded_at: str | None = None
    timezone: str = "UTC"
    site: str | None = None
    since: str | None = None

    @property
    def conventions(self) -> Conventions:
        """How times and sites are told."""
        return Conventions(self.recorded_at, self.timezone, self.site)

    @property
    def since_utc(self) -> datetime.datetime | None:
        """The date from which on recordings are scanned, UTC."""
        return None if self.since is None else parse_date(self.since, zone_of(self.timezone))

    def check(self) -> None:
        """Raises SoundbeamError where a pattern, the date or the time zone is not understood."""
        _ = self.conventions, self.since_utc


def parameters_of(wanted: Scan, bundle: ClassifierBundle) -> dict[str, Any]:
    """What decides a scan's rows, and what made them.

    Raises:
        SoundbeamError: The hop would skip sound.
    """
    hop_s = wanted.hop or bundle.hop_s
    WindowSpec(bundle.rate, bundle.window_s, hop_s)
    return {
        "recordings": [redacted(pattern) for pattern in wanted.recordings],
        "classifier": redacted(wanted.classifier),
        "fingerprint": bundle.fingerprint,
        "architecture": bundle.architecture,
        "task": bundle.task,
        "rate": bundle.rate,
        "window_s": bundle.window_s,
        "hop_s": hop_s,
        "thresholds": {label: wanted.threshold or bundle.thresholds[label] for label in bundle.labels},
        "call_rules": dataclasses.asdict(bundle.call_rules),
        "decoder": wanted.decoder,
        **dataclasses.asdict(wanted.conventions),
        "since": wanted.since,
    }

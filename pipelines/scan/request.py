"""What is to be scanned or embedded, and how."""

from __future__ import annotations

import dataclasses
import datetime

from soundbeam.model.classifier.bundle import ClassifierBundle
from soundbeam.model.errors import OptionError
from soundbeam.model.storage.stores import printable
from soundbeam.model.windows import WindowSpec
from soundbeam.pipelines.console.output import redacted
from soundbeam.pipelines.output.run_info import ScanParameters
from soundbeam.transforms.listing.times_in_names import Conventions, parse_date, zone_of
from soundbeam.transforms.records import Channel
from soundbeam.transforms.tables.schemas import SCAN_TABLES


@dataclasses.dataclass(frozen=True)
class Listening:
    """What to listen to, and how: what a scan and `soundbeam embed` are asked alike.

    Attributes:
        recordings: Patterns of the recordings, as for ``list_recordings``.
        classifier: URL of the bundle.
        output: URL of the output folder.
        hop: Seconds between the starts of two windows; None: the bundle's.
        rescan: Whether to scan again what was scanned before.
        retry_failed: Whether to scan again what failed or was partial before.
        decoder: ``soundfile`` or ``tensorflow-io``.
        channel: ``mean``, the number of a channel from 1 on, or ``each``.
        segment: Seconds decoded at once.
        batch_size: Windows scored at once; None: the bundle's.
        checkpoint_every: Seconds of work that a crash can cost.
        recorded_at: Pattern for the time in a recording's URI; None: usual names only.
        timezone: Time zone of the recorders' clocks.
        site: Pattern for the site in a recording's URI.
        since: Only recordings from this date on; None: all.
        conventions: How times and sites are read, from the three patterns above.
        since_utc: The same date in UTC.

    Raises:
        OptionError: A number is out of its range.
        SoundbeamError: A pattern, the date or the time zone is not understood.
    """

    recordings: list[str]
    classifier: str
    output: str
    hop: float | None = None
    rescan: bool = False
    retry_failed: bool = False
    decoder: str = "soundfile"
    channel: Channel = "mean"
    segment: float = 60.0
    batch_size: int | None = None
    checkpoint_every: float = 600.0
    recorded_at: str | None = None
    timezone: str = "UTC"
    site: str | None = None
    since: str | None = None
    conventions: Conventions = dataclasses.field(init=False, repr=False)
    since_utc: datetime.datetime | None = dataclasses.field(init=False, repr=False)

    def __post_init__(self) -> None:
        for name in ("hop", "segment", "batch_size", "checkpoint_every"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise OptionError(f"{name} {value} is not a number above zero")
        if self.channel not in ("mean", "each") and not (isinstance(self.channel, int) and self.channel > 0):
            raise OptionError(f"channel {self.channel!r} is neither mean nor each nor a number from 1 on")
        conventions = Conventions(self.recorded_at, self.timezone, self.site)
        since_utc = None if self.since is None else parse_date(self.since, zone_of(self.timezone))
        object.__setattr__(self, "conventions", conventions)
        object.__setattr__(self, "since_utc", since_utc)

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables to write."""
        raise NotImplementedError

    def thresholds(self, bundle: ClassifierBundle) -> dict[str, float]:
        """Label → score from which on a window belongs to a call; {} where no calls are looked for."""
        return {}


@dataclasses.dataclass(frozen=True)
class Scan(Listening):
    """What to scan, and how.

    Attributes:
        threshold: Threshold of every label; None: the bundle's.
        embeddings: Whether to write the windows' embeddings too.
    """

    threshold: float | None = None
    embeddings: bool = False

    def __post_init__(self) -> None:
        if self.threshold is not None and not 0 < self.threshold < 1:
            raise OptionError(f"threshold {self.threshold} does not lie between 0 and 1")
        super().__post_init__()

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables to write."""
        return (*SCAN_TABLES, "embeddings") if self.embeddings else SCAN_TABLES

    def thresholds(self, bundle: ClassifierBundle) -> dict[str, float]:
        """Label → score from which on a window belongs to a call."""
        return {label: self.threshold or bundle.thresholds[label] for label in bundle.labels}


def parameters_of(request: Listening, bundle: ClassifierBundle) -> ScanParameters:
    """The parameters of a run with a bundle.

    Raises:
        SoundbeamError: The hop would skip sound, or embeddings are wanted and the bundle gives none.
    """
    hop_s = request.hop or bundle.hop_s
    WindowSpec(bundle.rate, bundle.window_s, hop_s)
    return ScanParameters(
        recordings=[printable(redacted(pattern)) for pattern in request.recordings],
        classifier=redacted(request.classifier),
        fingerprint=bundle.fingerprint,
        architecture=bundle.architecture,
        task=bundle.task,
        rate=bundle.rate,
        window_s=bundle.window_s,
        hop_s=hop_s,
        thresholds=request.thresholds(bundle),
        call_rules=dataclasses.asdict(bundle.call_rules) if "calls" in request.tables else None,
        decoder=request.decoder,
        channel=request.channel,
        **dataclasses.asdict(request.conventions),
        since=request.since,
        tables=request.tables,
        embedding_size=embedding_size_of(bundle) if "embeddings" in request.tables else 0,
        licence=bundle.licence,
    )


def embedding_size_of(bundle: ClassifierBundle) -> int:
    """How many numbers a bundle's embeddings have; one from before there were any tells only once it is converted.

    Raises:
        BundleError: It gives none.
    """
    return bundle.embedding_size or bundle.scorer(embeddings=True).embedding_size

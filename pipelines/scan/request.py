"""What is to be scanned or embedded, and how."""

from __future__ import annotations

import abc
import dataclasses
import os
from collections.abc import Sequence
from typing import Any

from soundbeam.model.classifier.bundle import ClassifierBundle
from soundbeam.model.classifier.changed_bundle import network_identity
from soundbeam.model.errors import OptionError
from soundbeam.model.storage.files import path_text
from soundbeam.model.storage.stores import printable
from soundbeam.model.windows import WindowSpec
from soundbeam.pipelines.console.output import redacted
from soundbeam.pipelines.output.run_info import ScanParameters
from soundbeam.pipelines.scan.chosen_labels import chosen_labels
from soundbeam.transforms.kept_scores import usual_floor
from soundbeam.transforms.listing.chosen_times import ChosenTimes, Hours, parse_end
from soundbeam.transforms.listing.deployments import Deployments, read_deployments
from soundbeam.transforms.listing.times_in_names import Conventions, parse_date, zone_of
from soundbeam.transforms.records import Channel
from soundbeam.transforms.tables.schemas import SCAN_TABLES

# With up to so many labels there are counts of labels without a call.
_ZEROS_LABELS = 100


@dataclasses.dataclass(frozen=True)
class Listening(abc.ABC):
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
        since, until: Only recordings from this date on, and until this one; None: all.
        hours: Only recordings that begin in these hours by the clock of their site, as ``18-06``; None: all.
        deployments: URL of the table of deployments; None: there is none.
        conventions: How times and sites are read, from the three patterns above.
        chosen: When the recordings begin that are wanted, from the dates and hours above.

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
    until: str | None = None
    hours: str | None = None
    deployments: str | None = None
    conventions: Conventions = dataclasses.field(init=False, repr=False)
    chosen: ChosenTimes = dataclasses.field(init=False, repr=False)

    def __post_init__(self) -> None:
        for name in ("hop", "segment", "batch_size", "checkpoint_every"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise OptionError(f"{name} {value} is not a number above zero")
        if self.channel not in ("mean", "each") and not (isinstance(self.channel, int) and self.channel > 0):
            raise OptionError(f"channel {self.channel!r} is neither mean nor each nor a number from 1 on")
        conventions = Conventions(self.recorded_at, self.timezone, self.site)
        zone = zone_of(self.timezone)
        chosen = ChosenTimes(
            None if self.since is None else parse_date(self.since, zone),
            None if self.until is None else parse_end(self.until, zone),
            None if self.hours is None else Hours.parse(self.hours),
        )
        if chosen.since and chosen.until and chosen.since >= chosen.until:
            raise OptionError(f"until {self.until} is not after since {self.since}: nothing would be scanned")
        object.__setattr__(self, "conventions", conventions)
        object.__setattr__(self, "chosen", chosen)

    @property
    @abc.abstractmethod
    def tables(self) -> tuple[str, ...]:
        """The tables to write."""

    def scoring(self, bundle: ClassifierBundle) -> dict[str, Any]:
        """The `ScanParameters` that say which scores are kept and how they become calls: here none."""
        return {"thresholds": {}}

    def read_deployments(self) -> Deployments | None:
        """Where and when recorders were.

        Raises:
            SoundbeamError: The table cannot be read, or says what cannot be.
        """
        if self.deployments is None:
            return None
        return read_deployments(self.deployments, self.site, self.timezone)

    def expecting(self, bundle: ClassifierBundle, deployments: Deployments | None) -> dict[str, Any]:
        """The `ScanParameters` that say where recorders were, and what is expected where and when: here nothing is."""
        if self.deployments is None or deployments is None:
            return {}
        return {"deployments": redacted(self.deployments), "deployments_sha256": deployments.sha256}


@dataclasses.dataclass(frozen=True)
class Scan(Listening):
    """What to scan, and how.

    Attributes:
        threshold: Threshold of every label; None: the bundle's.
        labels: Only these labels, by their names or in files with one a line; none: all of the bundle's.
        min_score: The lowest score that is kept of more than 10 labels; None: 0.05, or the lowest threshold if that is
            lower.
        embeddings: Whether to write the windows' embeddings too.
        min_expected: Calls of labels that are less expected there and then are left out; None: none are.
    """

    threshold: float | None = None
    labels: Sequence[str] = ()
    min_score: float | None = None
    embeddings: bool = False
    min_expected: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.threshold is not None and not 0 < self.threshold < 1:
            raise OptionError(f"threshold {self.threshold} does not lie between 0 and 1")
        if self.min_score is not None and not 0 <= self.min_score < 1:
            raise OptionError(f"min_score {self.min_score} is not at least 0 and below 1")
        if self.min_expected is not None and not 0 < self.min_expected <= 1:
            raise OptionError(f"min_expected {self.min_expected} is not above 0 and at most 1")
        if self.min_expected is not None and self.deployments is None:
            raise OptionError("min_expected needs deployments: where and when the recorders were")
        named = [self.labels] if isinstance(self.labels, (str, os.PathLike)) else self.labels or ()
        object.__setattr__(self, "labels", tuple(path_text(name, "labels") for name in named))

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables to write."""
        return (*SCAN_TABLES, "embeddings") if self.embeddings else SCAN_TABLES

    def scoring(self, bundle: ClassifierBundle) -> dict[str, Any]:
        """The `ScanParameters` that say which scores are kept and how they become calls.

        Raises:
            SoundbeamError: A label is unknown, or scores over a threshold would not be kept.
        """
        labels = chosen_labels(self.labels, bundle.labels) if self.labels else bundle.labels
        thresholds = {label: self.threshold or bundle.thresholds[label] for label in labels}
        calibration = bundle.calibration and bundle.calibration.of_labels([*map(bundle.labels.index, labels)])
        return {
            "thresholds": thresholds,
            "call_rules": dataclasses.asdict(bundle.call_rules),
            "min_score": _floor(self.min_score, thresholds),
            "sparse_counts": len(labels) > _ZEROS_LABELS and not self.labels,
            "network": network_identity(bundle),
            "calibration": calibration and dataclasses.asdict(calibration),
        }

    def expecting(self, bundle: ClassifierBundle, deployments: Deployments | None) -> dict[str, Any]:
        """The `ScanParameters` that say what is expected where and when.

        Raises:
            SoundbeamError: That is needed, and the classifier does not tell it.
        """
        if deployments is None:
            return {}
        if not bundle.geo and self.min_expected is not None:
            raise OptionError(
                f"--min-expected: {bundle.url} has no network for place and season, as a bundle of 'soundbeam import "
                "birdnet' has; scan without it"
            )
        from soundbeam.model.classifier.occurrence import check_occurrence

        check_occurrence(bundle)  # a worker would find out late
        return {
            **super().expecting(bundle, deployments),
            "geo": bundle.geo.get("sha256", ""),
            "min_expected": self.min_expected,
        }


def parameters_of(
    request: Listening, bundle: ClassifierBundle, deployments: Deployments | None = None
) -> ScanParameters:
    """The parameters of a run with a bundle.

    Raises:
        SoundbeamError: The hop would skip sound, embeddings are wanted and the bundle gives none, a label is unknown,
            or scores over a threshold would not be kept.
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
        **request.scoring(bundle),
        decoder=request.decoder,
        channel=request.channel,
        **dataclasses.asdict(request.conventions),
        since=request.since,
        until=request.until,
        hours=request.hours,
        tables=request.tables,
        embedding_size=embedding_size_of(bundle) if "embeddings" in request.tables else 0,
        licence=bundle.licence,
        **request.expecting(bundle, deployments),
    )


def embedding_size_of(bundle: ClassifierBundle) -> int:
    """How many numbers a bundle's embeddings have; one from before there were any tells only once it is converted.

    Raises:
        BundleError: It gives none.
    """
    return bundle.embedding_size or bundle.scorer(embeddings=True).embedding_size


def _floor(wanted: float | None, thresholds: dict[str, float]) -> float | None:
    """The lowest score that is kept of every label; None: all scores are kept."""
    usual = usual_floor(thresholds.values())
    if wanted is None or usual is None:
        return usual
    lowest = min(thresholds, key=lambda label: thresholds[label])
    if wanted > thresholds[lowest]:
        raise OptionError(
            f"--min-score {wanted:g} lies above the threshold {thresholds[lowest]:g} of {lowest!r}, and loses calls; "
            f"give at most {thresholds[lowest]:g}, or a higher --threshold"
        )
    return wanted

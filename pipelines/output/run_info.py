"""What ``run.json`` says about a committed run."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

from soundbeam.transforms.records import Channel
from soundbeam.transforms.tables.schemas import SCAN_TABLES


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScanParameters:
    """What determines a scan's rows, and what they were made from. Defaults stand for what older runs did not record.

    Attributes:
        recordings: The patterns that were scanned, without passwords.
        classifier: URL of the bundle, without passwords.
        fingerprint: The bundle's fingerprint.
        architecture: The bundle's architecture.
        task: The bundle's task.
        rate: Samples per second that the classifier hears.
        window_s: Length of a window in seconds.
        hop_s: Seconds between the starts of two windows.
        thresholds: Label → score from which on a window belongs to a call, of the labels that the scan is about.
        call_rules: How windows become calls.
        decoder: ``soundfile`` or ``tensorflow-io``.
        channel: ``mean``, the number of a channel, or ``each``.
        recorded_at: Pattern for the time in a recording's URI.
        timezone: Time zone of the recorders' clocks.
        site: Pattern for the site in a recording's URI.
        since, until, hours: From when on, until when and in which hours of the day the recordings begin that were
            scanned. They decide which recordings a run holds, not what its rows say.
        min_score: The lowest score that was kept of every label; None: all scores were kept.
        sparse_counts: Whether labels without a call have no rows in ``counts``.
        tables: The run's tables.
        embedding_size: How many numbers an embedding has; 0 without embeddings.
        licence: The bundle's, of an imported model; "": none was told.
        deployments: URL of the table of deployments, without passwords; None: there was none.
        deployments_sha256: Of what it says; "" without one.
        geo: SHA-256 of the network that told how far calls are expected there and then; "": nothing told it.
        min_expected: Calls of labels that were less expected were left out; None: none were.
        network: `network_identity` of the bundle; "": older runs did not record it.
        calibration: Of the labels that the scan is about, as plain values; None: scores are the network's own.
    """

    recordings: list[str]
    classifier: str
    fingerprint: str
    architecture: str
    task: str
    rate: int
    window_s: float
    hop_s: float
    thresholds: dict[str, float]
    call_rules: dict[str, float] | None = None
    decoder: str
    channel: Channel = "mean"
    recorded_at: str | None = None
    timezone: str = "UTC"
    site: str | None = None
    since: str | None = None
    until: str | None = None
    hours: str | None = None
    min_score: float | None = None
    sparse_counts: bool = False
    tables: tuple[str, ...] = SCAN_TABLES
    embedding_size: int = 0
    licence: str = ""
    deployments: str | None = None
    deployments_sha256: str = ""
    geo: str = ""
    min_expected: float | None = None
    network: str = ""
    calibration: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "tables", tuple(self.tables))  # JSON has lists

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that the scan is about, in the order of their scores."""
        return tuple(self.thresholds)

    def heard_channel(self, channel: int | None) -> int | None:
        """The channel in which a row was heard, from 1 on; None: the mean of all.

        Args:
            channel: The row's own; None where it has none.
        """
        return channel or (self.channel if isinstance(self.channel, int) else None)

    @property
    def settings(self) -> str:
        """A hash of what two scans must have in common for the rows of one to stand for the other's.

        What older runs did not record counts only where it is not as in these: the channel, the conventions for times
        and sites, what the deployments say, which calls were left out, which scores and counts of many labels were
        kept, and the tables: a run without embeddings cannot stand for one with.
        """
        decisive: dict[str, Any] = {
            "fingerprint": self.fingerprint,
            "hop_s": self.hop_s,
            "thresholds": self.thresholds,
            "decoder": self.decoder,
        }
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        names = ("channel", "recorded_at", "timezone", "site", "min_score", "sparse_counts")
        for name in (*names, "deployments_sha256", "min_expected"):
            if getattr(self, name) != defaults[name]:
                decisive[name] = getattr(self, name)
        if self.tables != SCAN_TABLES:
            decisive["tables"] = self.tables
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunInfo:
    """A committed run.

    Attributes:
        run: Name of the run.
        parameters: What its rows were made with.
        settings: `ScanParameters.settings` as the run computed it.
        labels: The labels that the scan is about, in the order of the classifier's scores.
        names: Label → its scientific and common name and code, for labels of imported models that hold several.
        versions: Package → version that the rows depend on.
        counters: The pipeline's counters.
        gone: How many files that were scanned before no longer exist.
        renamed: How many files that were scanned before have other names now.
        left_out: Kind → how many files in the folders that were listed are no recordings by their names.
        taken_over: Names of the dead runs whose rows this run took over.
        started_at: When the scan began, ISO 8601 in UTC.
        wall_s: Seconds that the scan took.
        reused: Name of a former run of the same network → of how many recordings its stored scores were used again.
    """

    run: str
    parameters: ScanParameters
    settings: str
    labels: list[str]
    names: dict[str, dict[str, str]] = dataclasses.field(default_factory=dict)
    versions: dict[str, str] = dataclasses.field(default_factory=dict)
    counters: dict[str, int] = dataclasses.field(default_factory=dict)
    gone: int = 0
    renamed: int = 0
    left_out: dict[str, int] = dataclasses.field(default_factory=dict)
    taken_over: list[str] = dataclasses.field(default_factory=list)
    started_at: str = ""
    wall_s: float = 0.0
    reused: dict[str, int] = dataclasses.field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The object in ``run.json``: one level, the parameters behind the run's name."""
        values = dataclasses.asdict(self)
        return {"run": values.pop("run"), **values.pop("parameters"), **values}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> RunInfo:
        """The inverse of `to_dict`. Keys that this version does not have are ignored.

        Raises:
            TypeError: A required key is missing.
        """
        return cls(parameters=ScanParameters(**_fields_of(ScanParameters, values)), **_fields_of(cls, values))


def _fields_of(cls: type[Any], values: dict[str, Any]) -> dict[str, Any]:
    return {field.name: values[field.name] for field in dataclasses.fields(cls) if field.name in values}

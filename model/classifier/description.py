"""What a classifier bundle says of its classifier."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from soundbeam.model.classifier.activation import NONE
from soundbeam.model.classifier.calibration import Calibration
from soundbeam.model.classifier.calls import CallRules
from soundbeam.model.classifier.count_interval import AS_SCORED, CountModel

if TYPE_CHECKING:
    from soundbeam.model.architectures import Architecture

# What bundles from before there were imported ones do not say.
_NEW = ("licence", "activation", "names", "embedding_size", "source", "geo", "head")


@dataclasses.dataclass(frozen=True, kw_only=True)
class BundleDescription:
    """What ``classifier.json`` says of a classifier: all that a scan needs beside the weights.

    Attributes:
        architecture: Name of the network's architecture.
        task: ``detector`` (each label scored on its own, sigmoid) or ``classifier`` (scores sum to 1, softmax).
        labels: What the scores are of, in their order.
        rate: Samples a second of the waveforms that it scores.
        window_s: Seconds of a window.
        hop_s: Seconds between the starts of two windows, unless the user says otherwise.
        batch: How many windows are best scored at once.
        thresholds: label → the score from which a window counts.
        call_rules: How windows become calls.
        front_end: The front end's configuration, as plain values; one that is saved has its network's. Empty in some
            bundles from before there were converted networks.
        report: What it was trained on and how well it did.
        calibration: Turns the network's scores into probabilities, which the thresholds and rules are for. None: the
            scores are used as they are.
        counting: How certain counts are.
        licence: Of an imported model; "": it has none that was told.
        activation: What makes scores of an imported network's outputs (``activation.ACTIVATIONS``).
        names: Of an imported model: label → what its label file says of it: ``scientific``, ``common``, ``code``.
        embedding_size: How many values the converted network's embedding of a window has; 0: it gives none.
        source: Of an imported model: ``file``, ``sha256``, ``kind``, and the outputs that were chosen. Empty: it was
            trained by soundbeam.
        geo: Of an imported model: ``file`` and ``sha256`` of the network that tells from place and season how far
            each label is expected; empty: there is none.
        head: ``file`` and ``sha256`` of a head, which scores the embeddings that the network gives as a base. Rate,
            window, front end, source and licence are then the base's, and labels, task and thresholds the head's.
            Empty: the network scores itself.
    """

    architecture: str
    task: str
    labels: tuple[str, ...]
    rate: int
    window_s: float
    hop_s: float
    batch: int
    thresholds: dict[str, float]
    call_rules: CallRules = dataclasses.field(default_factory=CallRules)
    front_end: dict[str, Any] = dataclasses.field(default_factory=dict)
    report: dict[str, Any] = dataclasses.field(default_factory=dict)
    calibration: Calibration | None = None
    counting: CountModel = AS_SCORED
    licence: str = ""
    activation: str = NONE
    names: dict[str, dict[str, str]] = dataclasses.field(default_factory=dict)
    embedding_size: int = 0
    source: dict[str, Any] = dataclasses.field(default_factory=dict)
    geo: dict[str, Any] = dataclasses.field(default_factory=dict)
    head: dict[str, Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def of_architecture(cls, architecture: Architecture, **values: Any) -> BundleDescription:
        """The description of an architecture's network; ``values`` are the attributes that training decides."""
        return cls(
            architecture=architecture.name,
            rate=architecture.rate,
            window_s=architecture.window_s,
            hop_s=architecture.hop_s,
            batch=architecture.score_batch,
            front_end=architecture.front_end.plain(),
            **values,
        )

    @classmethod
    def values_of(cls, described: dict[str, Any]) -> dict[str, Any]:
        """The attributes' values from those of ``classifier.json``, by name.

        Raises:
            KeyError, TypeError: Some are missing, or are not what they should be.
        """
        counting = described["counting"]
        return {
            **{
                field.name: described[field.name]
                for field in dataclasses.fields(BundleDescription)
                if field.name in described or field.name not in _NEW
            },
            "labels": tuple(described["labels"]),
            "call_rules": CallRules(**described["call_rules"]),
            "calibration": Calibration.from_plain(described["calibration"]),
            "counting": CountModel(counting["floor"], tuple((a, b, c) for a, b, c in counting["draws"])),
        }

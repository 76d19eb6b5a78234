"""What is to be trained: the options, the task, the number of steps."""

from __future__ import annotations

import dataclasses
from typing import Any

from soundbeam.model.architectures import Architecture, get_architecture
from soundbeam.model.classifier.bundle import ClassifierBundle, load_bundle
from soundbeam.model.errors import SoundbeamError
from soundbeam.model.frontend.conditioning import LOUDNESS_S
from soundbeam.model.synthesis import validation_soundscapes
from soundbeam.model.tasks import CLASSIFIER, DETECTOR, TaskKind
from soundbeam.model.training.examples import TRAIN, VALIDATION, read_manifest
from soundbeam.model.windows import WindowSpec

# Seeds are 32-bit numbers to Keras; batches are counted in as many bits by TensorFlow.
_SEEDS = 1 << 32
_MOST_BATCHES = 1_000_000_000
_WINDOWS_OVER_A_SOUND = 3


@dataclasses.dataclass(frozen=True)
class Training:
    """What to train.

    Attributes:
        examples: URL of a folder that ``soundbeam materialize`` made.
        classifier: URL of the bundle's folder.
        architecture: Its name.
        targets: The labels to detect; empty: tell all labels apart.
        epochs: None: as the architecture's recipe says.
        seed: Decides everything random.
        front_end: Kind of front end, or several joined by ``+``; None: the architecture's own.
        window_s: Seconds of a window; None: as the architecture has it.
        windows: How many training windows to see in all, whatever epochs and steps the recipe has; None: as it says.
        warp: See ``Recipe``; None: as the recipe says.
        embeddings: URL of a frozen base's vectors of the examples (``pipelines.train.frozen_base``): the head alone is
            trained on them. "": the whole network is trained on the examples.
        fine_tune: Epochs in which the whole network is trained after its head, at a twentieth of the learning rate.
        base: URL of the bundle whose embeddings a head is trained on; "": a network is trained.
        hidden: Units of the head's hidden layer; 0: it has none.
        backgrounds: Recordings, as a scan takes them, in which windows are sought that the head mistakes.
        background_embeddings: The vectors of their windows (``model.training.mine_negatives.Backgrounds``).
    """

    examples: str
    classifier: str
    architecture: str
    targets: tuple[str, ...] = ()
    epochs: int | None = None
    seed: int = 0
    front_end: str | None = None
    window_s: float | None = None
    windows: int | None = None
    warp: float | None = None
    embeddings: str = ""
    fine_tune: int = 0
    base: str = ""
    hidden: int = 0
    backgrounds: tuple[str, ...] = ()
    background_embeddings: Any = dataclasses.field(default=None, compare=False, repr=False)


def prepare(training: Training) -> tuple[Architecture, dict[str, Any], TrainingTask]:
    """The architecture, the examples' manifest, and the task, which fit each other.

    Raises:
        SoundbeamError: They do not, or one of them is not there.
    """
    manifest = read_manifest(training.examples)
    architecture = _at_rate(get_architecture(training.architecture), manifest["rate"], training.examples)
    architecture = architecture.varied(training.front_end, training.window_s, training.windows, training.warp)
    longest_s = validation_soundscapes.SECONDS
    if architecture.window_s > longest_s:
        raise SoundbeamError(
            f"--window {architecture.window_s:g}: longer than {longest_s:g} s, the soundscapes that thresholds are "
            "chosen in; give less"
        )
    _check_seed(training.seed)
    architecture = conditioned(architecture, manifest)
    task = task_of(manifest, training.targets, training.examples)
    if _planned(training, architecture, task) > _MOST_BATCHES:
        option = f"--epochs {training.epochs}" if training.epochs else f"--windows {training.windows}"
        raise SoundbeamError(f"{option}: more than {_MOST_BATCHES:,} batches, which no training ends; give less")
    return architecture, manifest, task


def prepare_head(training: Training) -> tuple[ClassifierBundle, WindowSpec, dict[str, Any], TrainingTask]:
    """The base, the windows of a scan with it and its head, the examples' manifest, and the task.

    At least three windows lie over any sound: of one on the border of two that lie side by side neither would hold
    much, and from windows that overlap by half alone neighbouring calls cannot be told apart.

    Raises:
        SoundbeamError: They do not fit each other, or one of them is not there.
    """
    manifest, base = read_manifest(training.examples), load_bundle(training.base)
    if manifest["rate"] != base.rate:
        raise SoundbeamError(
            f"{training.examples}: examples at {manifest['rate']} Hz, and {training.base} listens at {base.rate} Hz; "
            f"make them with 'soundbeam materialize --rate {base.rate}'"
        )
    if manifest.get("condition"):
        raise SoundbeamError(
            f"{training.examples}: conditioned by {manifest['condition']}, which a base does not do in a scan; make "
            "examples without --condition"
        )
    _check_seed(training.seed)
    windows = WindowSpec(base.rate, base.window_s, min(base.hop_s, base.window_s / _WINDOWS_OVER_A_SOUND))
    return base, windows, manifest, task_of(manifest, training.targets, training.examples)


def _at_rate(architecture: Architecture, rate: int, folder: str) -> Architecture:
    try:
        return architecture.at_rate(rate)
    except ValueError as e:
        raise SoundbeamError(f"{folder}: examples at {rate} Hz; {architecture.name}: {e}") from None


def _check_seed(seed: int) -> None:
    if not 0 <= seed < _SEEDS:
        raise SoundbeamError(f"--seed {seed}: not a whole number from 0 to {_SEEDS - 1}")


def _planned(training: Training, architecture: Architecture, task: TrainingTask) -> int:
    return (training.epochs or architecture.recipe.epochs) * steps_of(architecture, task)


def steps_of(architecture: Architecture, task: TrainingTask) -> int:
    """Batches of an epoch."""
    clips = sum(n[TRAIN] for n in task.counts.values())
    return architecture.recipe.steps or max(1, round(clips / architecture.recipe.batch))


def task_of(manifest: dict[str, Any], targets: tuple[str, ...], folder: str) -> TrainingTask:
    """What is to be told apart, from the labels that there are and those asked for.

    Raises:
        SoundbeamError: A target is unknown or has no training examples, or there is only one label to tell apart.
    """
    counts = {label: {s: n[s]["examples"] for s in (TRAIN, VALIDATION)} for label, n in manifest["labels"].items()}
    listed = ", ".join(sorted(counts)[:20]) + (" …" if len(counts) > 20 else "")
    unknown = [label for label in targets if label not in counts]
    if unknown:
        raise SoundbeamError(f"{folder}: no examples of --target {unknown[0]}; the labels are: {listed}")
    labels = tuple(dict.fromkeys(targets)) or tuple(sorted(label for label, n in counts.items() if n[TRAIN]))
    if not targets and len(labels) < 2 <= len(counts):
        raise SoundbeamError(
            f"{folder}: {len(labels)} of {len(counts)} labels have examples to train on, the others only ones kept for "
            "validation; add clips of other recordings or run 'soundbeam materialize --validation 0'"
        )
    if not targets and len(labels) < 2:
        raise SoundbeamError(
            f"{folder}: one label ({listed}) cannot be told apart from others; "
            "add clips of other sounds, or train its detector with --target"
        )
    for label in labels:
        if not counts[label][TRAIN]:
            raise SoundbeamError(
                f"{folder}: all {counts[label][VALIDATION]} examples of {label} are kept for validation; add clips "
                "of other recordings or run 'soundbeam materialize --validation 0'"
            )
    return TrainingTask(labels, DETECTOR if targets else CLASSIFIER, counts)


@dataclasses.dataclass(frozen=True)
class TrainingTask:
    """What is to be told apart.

    Attributes:
        labels: The outputs, in order.
        kind: ``detector`` or ``classifier``.
        counts: label → {"train": clips, "validation": clips}, of all labels in the examples.
    """

    labels: tuple[str, ...]
    kind: TaskKind
    counts: dict[str, dict[str, int]]

    def of(self, split: str, *, targets: bool) -> int:
        """The number of clips of a split with (or without) one of the outputs' labels."""
        return sum(n[split] for label, n in self.counts.items() if (label in self.labels) == targets)


def conditioned(architecture: Architecture, manifest: dict[str, Any]) -> Architecture:
    """The architecture with the conditioning that examples were materialized with, in its front end.

    Raises:
        SoundbeamError: Its windows are too short for it, or a package is missing.
    """
    condition = manifest.get("condition", "")
    front_end = dataclasses.replace(architecture.front_end, condition=condition, noise=manifest.get("noise", ""))
    front_end.check()
    if "loudness" in condition and architecture.window_s < LOUDNESS_S:
        raise SoundbeamError(
            f"{architecture.name} has windows of {architecture.window_s:g} s; a loudness needs {LOUDNESS_S:g} s"
        )
    return dataclasses.replace(architecture, front_end=front_end)

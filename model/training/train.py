"""Trains a classifier: examples → bundle."""

from __future__ import annotations

import dataclasses
import os
import platform
import tempfile
import time
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from fsspec.implementations.local import LocalFileSystem

from soundbeam.model.architectures import Architecture, get_architecture
from soundbeam.model.architectures.architecture import BASE
from soundbeam.model.architectures.ensemble import EachMember
from soundbeam.model.architectures.training_outputs import scores_only, to_fit
from soundbeam.model.architectures.transfer import head_of
from soundbeam.model.classifier.bundle import ClassifierBundle, check_destination, save_bundle
from soundbeam.model.classifier.scorer import FRONT_END, NETWORK, Scorer
from soundbeam.model.errors import SoundbeamError
from soundbeam.model.frontend import FrontEnd
from soundbeam.model.report.page import write_report
from soundbeam.model.tasks import CLASSIFIER, DETECTOR
from soundbeam.model.training.batches import Examples, Task, batches, conditioned
from soundbeam.model.training.callback import Watch
from soundbeam.model.training.clip_scores import classify_clips
from soundbeam.model.training.examples import TRAIN, VALIDATION, read_manifest
from soundbeam.model.training.tuning import Tuned, tune_classifier, tune_detector

_VALIDATION_BATCHES = 16
_WARM_UP = 0.05  # share of all steps over which the learning rate rises


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
        bottlenecks: URL of a frozen base's features of the examples (``pipelines.train.bottlenecks``).
        fine_tune: Epochs in which the whole network is trained after its head.
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
    bottlenecks: str = ""
    fine_tune: int = 0


def train(
    training: Training,
    say: Callable[[str], None],
    step: Callable[[int, str], None],
    report: Mapping[str, Any] | None = None,
) -> ClassifierBundle:
    """Trains, chooses thresholds and rules for calls on the validation split, and saves the bundle.

    The same seed gives the same weights on one machine.

    Args:
        training: What.
        say: Gets lines about what is done, and instead of what.
        step: Gets (batches done, figures) now and then.
        report: What else the bundle's report is to hold, plain values.

    Raises:
        SoundbeamError: There is nothing to train on, or the bundle cannot be written there.
    """
    begun = time.monotonic()
    architecture, manifest, task = prepare(training)
    fs, root = check_destination(training.classifier)
    with tempfile.TemporaryDirectory() as cache:
        examples = Examples(training.examples, manifest, task, cache)
        is_local = isinstance(fs, LocalFileSystem)
        logs = os.path.join(root if is_local else cache, "logs", time.strftime("%Y%m%d-%H%M%S"))
        epochs = training.epochs or architecture.recipe.epochs
        model, tuned, history = learn(examples, architecture, epochs, training.seed, logs, say, step)
        of_clips = None
        if len(task.labels) > 1:
            scorer = Scorer(model, architecture.score_batch, tuned.calibration)
            of_clips = classify_clips(scorer, examples.each_clip(VALIDATION), architecture, task, tuned.thresholds)
    report = {
        **(report or {}),
        "data": {
            "examples": training.examples,
            "labels": task.counts,
            "manifest": {k: manifest.get(k) for k in ("clips", "examples", "duration_s", "validation_share", "sha256")},
        },
        "architecture": architecture.describe(),
        "parameters": int(model.count_params()),
        "epochs": epochs,
        "seed": training.seed,
        "history": history,
        "validation": {**tuned.figures, **({"clips": of_clips.plain()} if of_clips else {})},
        "versions": {"python": platform.python_version(), "tensorflow": tf.__version__, "keras": keras.__version__},
        "wall_s": round(time.monotonic() - begun, 1),
    }
    bundle = save_bundle(
        training.classifier,
        model,
        architecture=architecture.name,
        task=task.kind,
        labels=task.labels,
        rate=architecture.rate,
        window_s=architecture.window_s,
        hop_s=architecture.hop_s,
        batch=architecture.score_batch,
        thresholds=tuned.thresholds,
        call_rules=tuned.rules,
        front_end=dataclasses.asdict(model.get_layer(FRONT_END).config),
        report=report,
        calibration=tuned.calibration,
        counting=tuned.counting,
    )
    if tuned.evidence:
        write_report(bundle.url, bundle, tuned.evidence)
    return bundle


def prepare(training: Training) -> tuple[Architecture, dict[str, Any], Task]:
    """The architecture, the examples' manifest, and the task, which fit each other.

    Raises:
        SoundbeamError: They do not, or one of them is not there.
    """
    manifest = read_manifest(training.examples)
    architecture = _at_rate(get_architecture(training.architecture), manifest["rate"], training.examples)
    architecture = architecture.varied(training.front_end, training.window_s, training.windows, training.warp)
    architecture = conditioned(architecture, manifest)
    if architecture.transfer:
        architecture = dataclasses.replace(architecture, bottlenecks=training.bottlenecks, fine_tune=training.fine_tune)
    task = task_of(manifest, training.targets, training.examples)
    return architecture, manifest, task


def _at_rate(architecture: Architecture, rate: int, folder: str) -> Architecture:
    try:
        return architecture.at_rate(rate)
    except ValueError as e:
        raise SoundbeamError(f"{folder}: examples at {rate} Hz; {architecture.name}: {e}") from None


def learn(
    examples: Examples,
    architecture: Architecture,
    epochs: int,
    seed: int,
    logs: str,
    say: Callable[[str], None],
    step: Callable[[int, str], None],
) -> tuple[keras.Model, Tuned, list[dict[str, float]]]:
    """Fits a network on the training split and chooses on the validation split; all of ``train`` but files.

    Returns:
        The model, what was chosen, and the figures of each epoch.
    """
    task = examples.task
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    network = architecture.network(len(task.labels), task.kind)
    front_end, trained, data = FrontEnd(architecture.front_end), network, examples
    if architecture.bottlenecks:
        trained, data = head_of(network, architecture.bottlenecks), examples.elsewhere(architecture.bottlenecks)
    history = fit(trained, front_end, data, architecture, epochs, seed, logs, step)
    if architecture.fine_tune:
        network.get_layer(BASE).trainable = True
        gently = dataclasses.replace(architecture.recipe, learning_rate=architecture.recipe.learning_rate / 20)
        whole = dataclasses.replace(architecture, bottlenecks="", recipe=gently)
        history += fit(network, front_end, examples, whole, architecture.fine_tune, seed, logs, step)
    model = architecture.build(len(task.labels), task.kind)  # without the optimizer
    model.get_layer(NETWORK).set_weights(scores_only(network).get_weights())
    scorer = Scorer(model, architecture.score_batch)
    tune = tune_detector if task.kind == DETECTOR else tune_classifier
    return model, tune(scorer, examples, dataclasses.replace(architecture, bottlenecks=""), seed, say), history


def planned_batches(training: Training) -> int:
    """How many batches ``train`` will fit, when it does not stop early; raises SoundbeamError as ``train`` does."""
    architecture, _, task = prepare(training)
    return (training.epochs or architecture.recipe.epochs) * steps_of(architecture, task)


def steps_of(architecture: Architecture, task: Task) -> int:
    """Batches of an epoch."""
    clips = sum(n[TRAIN] for n in task.counts.values())
    return architecture.recipe.steps or max(1, round(clips / architecture.recipe.batch))


def task_of(manifest: dict[str, Any], targets: tuple[str, ...], folder: str) -> Task:
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
    return Task(labels, DETECTOR if targets else CLASSIFIER, counts)


def fit(
    network: keras.Model,
    front_end: FrontEnd,
    examples: Examples,
    architecture: Architecture,
    epochs: int,
    seed: int,
    logs: str,
    step: Callable[[int, str], None],
) -> list[dict[str, float]]:
    """Fits a network, with all its outputs, in place; returns the figures of each epoch."""
    recipe = architecture.recipe
    training = batches(examples, architecture, front_end, seed)
    validation = None
    if any(n[VALIDATION] for label, n in examples.task.counts.items() if label in examples.task.labels):
        held_out = batches(examples, architecture, front_end, seed, split=VALIDATION).take(_VALIDATION_BATCHES)
        x, y, _ = (np.concatenate(part) for part in zip(*held_out.as_numpy_iterator(), strict=True))
        validation = (x, y)
    steps = steps_of(architecture, examples.task)
    rate: Any = recipe.learning_rate
    if recipe.schedule == "cosine":
        warm = max(1, round(_WARM_UP * epochs * steps))
        rate = keras.optimizers.schedules.CosineDecay(
            0.05 * recipe.learning_rate, epochs * steps - warm, alpha=0.01, warmup_target=recipe.learning_rate,
            warmup_steps=warm,
        )  # fmt: skip
    # Of a short training the average must not remember the weights that it began with.
    average = min(recipe.average, max(0.0, 1 - 4 / (epochs * steps)))
    optimizer = keras.optimizers.Adam(rate, use_ema=average > 0, ema_momentum=average or 0.99)
    detector = examples.task.kind == DETECTOR
    fitted = to_fit(network)
    fitted.compile(optimizer, loss=EachMember(detector), jit_compile=False)
    watch = Watch(scores_only(network), validation, detector, epochs, step)
    callbacks = [watch, keras.callbacks.TensorBoard(logs, write_graph=False)]
    if recipe.patience and validation:
        callbacks.append(keras.callbacks.EarlyStopping("val_loss", patience=recipe.patience, restore_best_weights=True))
    fitted.fit(
        training,
        epochs=epochs,
        steps_per_epoch=steps,
        validation_data=validation,
        verbose=0,
        callbacks=callbacks,
        shuffle=False,
    )
    if average:
        optimizer.finalize_variable_values(fitted.trainable_variables)
    return watch.history

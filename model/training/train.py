"""Trains a classifier on examples and saves its bundle."""

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

from soundbeam.model.architectures import Architecture
from soundbeam.model.architectures.architecture import BASE
from soundbeam.model.architectures.assemble import NETWORK
from soundbeam.model.architectures.ensemble import EachMember
from soundbeam.model.architectures.training_outputs import network_to_fit, scores_only
from soundbeam.model.architectures.transfer import head_of
from soundbeam.model.classifier.bundle import BundleDescription, ClassifierBundle, save_bundle
from soundbeam.model.classifier.bundle_files import check_destination
from soundbeam.model.classifier.tensorflow_scorer import TensorFlowScorer
from soundbeam.model.frontend import FrontEnd
from soundbeam.model.report.page import write_report
from soundbeam.model.tasks import DETECTOR
from soundbeam.model.training.batches import Examples, batches
from soundbeam.model.training.epoch_metrics import EpochMetrics
from soundbeam.model.training.examples import VALIDATION
from soundbeam.model.training.plan import Training, prepare, steps_of
from soundbeam.model.training.tuning import Tuned, tune_classifier, tune_detector
from soundbeam.model.training.whole_clips import classify_clips

_VALIDATION_BATCHES = 16
_WARM_UP = 0.05  # share of all steps over which the learning rate rises


def train(
    training: Training,
    say: Callable[[str], None],
    step: Callable[[int, str], None],
    report: Mapping[str, Any] | None = None,
) -> ClassifierBundle:
    """Trains, chooses thresholds and rules for calls on the validation split, and saves the bundle.

    The same seed gives the same weights on one machine.

    Args:
        training: What to train.
        say: Gets lines about what differs from what was asked for.
        step: Gets (batches done, figures) now and then.
        report: Further plain values for the bundle's report.

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
        model, tuned, history = learn(
            examples, architecture, epochs, training.seed, logs, say, step, training.bottlenecks, training.fine_tune
        )
        of_clips = None
        if len(task.labels) > 1:
            scorer = TensorFlowScorer(model, architecture.score_batch, tuned.calibration)
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
    description = BundleDescription.of_architecture(
        architecture,
        task=task.kind,
        labels=task.labels,
        thresholds=tuned.thresholds,
        call_rules=tuned.rules,
        report=report,
        calibration=tuned.calibration,
        counting=tuned.counting,
    )
    bundle = save_bundle(training.classifier, model, description)
    if bundle.unconverted:
        say(f"{architecture.name} scores by TensorFlow, which starts slowly: {bundle.unconverted}")
    if tuned.evidence:
        write_report(bundle.url, bundle, tuned.evidence)
    return bundle


def learn(
    examples: Examples,
    architecture: Architecture,
    epochs: int,
    seed: int,
    logs: str,
    say: Callable[[str], None],
    step: Callable[[int, str], None],
    bottlenecks: str = "",
    fine_tune: int = 0,
) -> tuple[keras.Model, Tuned, list[dict[str, float]]]:
    """Fits a network on the training split and chooses thresholds and rules on the validation split; saves nothing.

    ``bottlenecks`` and ``fine_tune`` are those of ``Training``.

    Returns:
        The model, what was chosen, and the metrics of each epoch.
    """
    task = examples.task
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    network = architecture.network(len(task.labels), task.kind)
    front_end, trained, data = FrontEnd(architecture.front_end), network, examples
    if bottlenecks:
        trained, data = head_of(network, bottlenecks), examples.features(bottlenecks)
    history = fit(trained, front_end, data, architecture, epochs, seed, logs, step)
    if fine_tune:
        network.get_layer(BASE).trainable = True
        gently = dataclasses.replace(architecture.recipe, learning_rate=architecture.recipe.learning_rate / 20)
        whole = dataclasses.replace(architecture, recipe=gently)
        history += fit(network, front_end, examples, whole, fine_tune, seed, logs, step)
    model = architecture.build(len(task.labels), task.kind)  # without the optimizer
    model.get_layer(NETWORK).set_weights(scores_only(network).get_weights())
    scorer = TensorFlowScorer(model, architecture.score_batch)
    tune = tune_detector if task.kind == DETECTOR else tune_classifier
    return model, tune(scorer, examples, architecture, seed, say), history


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
    """Fits a network, with all its outputs, in place; returns the metrics of each epoch."""
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
            0.05 * recipe.learning_rate, max(1, epochs * steps - warm), alpha=0.01, warmup_target=recipe.learning_rate,
            warmup_steps=warm,
        )  # fmt: skip
    # In a short training the average must not contain the weights that it began with.
    average = min(recipe.average, max(0.0, 1 - 4 / (epochs * steps)))
    optimizer = keras.optimizers.Adam(rate, use_ema=average > 0, ema_momentum=average or 0.99)
    detector = examples.task.kind == DETECTOR
    fitted = network_to_fit(network)
    fitted.compile(optimizer, loss=EachMember(detector), jit_compile=False)
    metrics = EpochMetrics(scores_only(network), validation, detector, epochs, step)
    callbacks = [metrics, keras.callbacks.TensorBoard(logs, write_graph=False)]
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
    return metrics.history

"""Fits a network on examples, whole or as a head on a frozen base's vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from soundbeam.model.architectures import Architecture
from soundbeam.model.architectures.ensemble import EachMember
from soundbeam.model.architectures.training_outputs import network_to_fit, scores_only
from soundbeam.model.frontend import FrontEnd
from soundbeam.model.tasks import DETECTOR
from soundbeam.model.training.batches import Examples, batches
from soundbeam.model.training.epoch_metrics import EpochMetrics
from soundbeam.model.training.examples import VALIDATION
from soundbeam.model.training.plan import steps_of

_VALIDATION_BATCHES = 16
_WARM_UP = 0.05  # share of all steps over which the learning rate rises


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

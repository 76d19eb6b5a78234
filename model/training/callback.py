"""Looks on while a network is trained: the figures of each epoch, and how far it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from soundbeam.model.evaluation.metrics import average_precision, roc_auc


class Watch(keras.callbacks.Callback):
    """Adds average precision and ROC AUC of the validation windows to each epoch's figures, and reports progress."""

    def __init__(
        self,
        network: keras.Model,
        validation: tuple[np.ndarray, np.ndarray] | None,
        detector: bool,
        epochs: int,
        step: Callable[[int, str], None],
    ):
        super().__init__()
        self._network, self._validation, self._detector, self._epochs = network, validation, detector, epochs
        self._step, self._note = step, ""
        self.history: list[dict[str, float]] = []

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Counts it."""
        self._step(1, self._note)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Adds what the validation windows say."""
        figures = {name: float(value) for name, value in (logs or {}).items()}
        if self._validation:
            x, y = self._validation
            scores = self._network.predict(x, batch_size=64, verbose=0)
            if self._detector:
                clear = (y == 0) | (y >= 0.5)
                truth, ranked = (y >= 0.5)[clear], scores[clear]
                figures["val_average_precision"] = average_precision(truth, ranked) or 0.0
                figures["val_roc_auc"] = roc_auc(truth, ranked) or 0.0
            else:
                figures["val_accuracy"] = float((scores.argmax(axis=1) == y.argmax(axis=1)).mean())
        if logs is not None:
            logs.update(figures)
        self.history.append({name: round(value, 5) for name, value in figures.items()})
        shown = ", ".join(
            f"{name.removeprefix('val_')} {value:.3f}" for name, value in figures.items() if name != "loss"
        )
        self._note = f"epoch {epoch + 1} of {self._epochs}: {shown or ''}"

"""The metrics of each epoch while a network is trained, and how far the training is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from soundbeam.model.evaluation.metrics import average_precision, roc_auc


class EpochMetrics(keras.callbacks.Callback):
    """Adds metrics of the validation windows to those of each epoch, and reports progress after each batch.

    Args:
        network: Gives the scores.
        validation: Features and targets of the validation windows; None: there are none.
        detector: Whether to add average precision and ROC AUC; else accuracy.
        epochs: How many there will be.
        step: Gets (batches done, the last epoch's metrics as text).

    Attributes:
        history: The metrics of each epoch.
    """

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
        """Reports one batch more."""
        self._step(1, self._note)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Measures the network on the validation windows."""
        metrics = {name: float(value) for name, value in (logs or {}).items()}
        if self._validation:
            x, y = self._validation
            scores = self._network.predict(x, batch_size=64, verbose=0)
            if self._detector:
                clear = (y == 0) | (y >= 0.5)
                truth, clear_scores = (y >= 0.5)[clear], scores[clear]
                metrics["val_average_precision"] = average_precision(truth, clear_scores) or 0.0
                metrics["val_roc_auc"] = roc_auc(truth, clear_scores) or 0.0
            else:
                metrics["val_accuracy"] = float((scores.argmax(axis=1) == y.argmax(axis=1)).mean())
        if logs is not None:
            logs.update(metrics)
        self.history.append({name: round(value, 5) for name, value in metrics.items()})
        texts = [f"{name.removeprefix('val_')} {value:.3f}" for name, value in metrics.items() if name != "loss"]
        self._note = f"epoch {epoch + 1} of {self._epochs}: {', '.join(texts)}"

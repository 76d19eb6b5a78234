"""A scorer of a network that takes the waveform itself, as imported ones do."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from soundbeam.model.classifier.activation import activated
from soundbeam.model.classifier.calibration import Calibration
from soundbeam.model.classifier.scorer import Outputs, Scorer


class WaveformNetwork(Protocol):
    """A network, whichever engine runs it; safe to share between threads.

    Attributes:
        samples: How many samples a window has.
        labels: How many values it gives for one.
        embedding_size: How many values a window's embedding has; 0: there is none.
    """

    samples: int
    labels: int
    embedding_size: int

    def outputs(self, inputs: np.ndarray, embed: bool) -> Outputs:
        """float32 ``[n, samples]`` → float32 ``[n, labels]``, and on request embeddings float32 ``[n, size]``."""


class WaveformScorer(Scorer):
    """A network that takes the waveform itself, as imported ones do.

    Args:
        network: The network.
        batch: How many windows are scored at once.
        activation: What makes scores of its outputs (``activated``).
        calibration: Turns the scores into probabilities; None: they are returned as they are.
    """

    def __init__(self, network: WaveformNetwork, batch: int, activation: str, calibration: Calibration | None = None):
        super().__init__(network.samples, network.labels, batch, calibration, network.embedding_size)
        self._network, self._activation = network, activation

    def _of_windows(self, windows: np.ndarray, embed: bool) -> Outputs:
        scores, *embeddings = self._network.outputs(windows, embed)
        return (activated(scores, self._activation), *embeddings)

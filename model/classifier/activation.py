"""What makes scores from 0 to 1 of an imported network's outputs."""

from __future__ import annotations

import numpy as np

from soundbeam.model.classifier.calibration import softmax

NONE, SIGMOID, SOFTMAX = "none", "sigmoid", "softmax"
ACTIVATIONS = (SIGMOID, SOFTMAX, NONE)


def activated(outputs: np.ndarray, activation: str) -> np.ndarray:
    """float32 ``[n, labels]`` → scores of the same shape and type.

    Args:
        outputs: Of the network.
        activation: ``sigmoid`` (each label on its own), ``softmax`` (the labels of a window sum to 1) or ``none`` (the
            outputs are scores already). A network of our own has its activation within.
    """
    if activation == NONE:
        return outputs
    if activation == SOFTMAX:
        return softmax(outputs)
    with np.errstate(over="ignore"):  # exp(∞) makes a score of 0
        return 1 / (1 + np.exp(-outputs))

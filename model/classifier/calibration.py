"""Calibration: of the windows with a score of 0.8, eight in ten are to be calls; pure NumPy.

A detector's scores are calibrated after Platt (Probabilistic Outputs for Support Vector Machines, 1999): a logistic of
the score's log-odds. One slope for all labels and a bias for each keep what calls are made of: log-odds change
linearly, so smoothing and peaks stay where they are, and a threshold and a dip are mapped likewise. The log-odds of a
classifier are divided by a temperature (Guo et al., On Calibration of Modern Neural Networks, ICML 2017).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

NETWORK_LIMIT = 1e-4  # a network's scores nearer to 0 or 1 than this say nothing more: float32 ends soon after
SCORE_LIMIT = 1e-6  # the same of any other score
MIN_WINDOWS = 20  # windows of either kind that a label must have for a bias of its own
_SLOPES = (0.05, 1.35)  # beyond these the network is broken, or its scores are all right
_STEPS = 100


@dataclasses.dataclass(frozen=True)
class Calibration:
    """From a network's scores to probabilities.

    Attributes:
        slope: What log-odds are multiplied by, above 0; of a classifier one over the temperature.
        biases: Of a detector: what is added to each label's. Of a classifier: none.
        slopes: Of a detector that was calibrated for some labels only: one for each; ``slope`` is then of those. A
            label with slope 1 and bias 0 keeps its scores. Empty: ``slope`` is of all.
    """

    slope: float
    biases: tuple[float, ...] = ()
    slopes: tuple[float, ...] = ()

    @classmethod
    def from_plain(cls, values: dict[str, Any] | None) -> Calibration | None:
        """From its attributes as JSON has them.

        Raises:
            KeyError, TypeError: Some are missing, or are not what they should be.
        """
        if not values:
            return None
        return cls(values["slope"], tuple(values["biases"]), tuple(values.get("slopes", ())))

    def of_labels(self, labels: Sequence[int]) -> Calibration:
        """The calibration of some labels, by their numbers and in their order; of a classifier, itself."""
        biases, slopes = (tuple(of[i] for i in labels) if of else () for of in (self.biases, self.slopes))
        return Calibration(self.slope, biases, slopes)

    def apply(self, scores: np.ndarray) -> np.ndarray:
        """``[…, labels]`` of the network → probabilities of the same shape and type."""
        kind = scores.dtype
        scores = np.asarray(scores, np.float64)
        if self.biases:
            slopes, biases = np.asarray(self.slopes or self.slope), np.asarray(self.biases)
            calibrated = sigmoid(slopes * log_odds(scores, NETWORK_LIMIT) + biases)
            return np.where((slopes == 1) & (biases == 0), scores, calibrated).astype(kind)
        return softmax(self.slope * np.log(np.clip(scores, NETWORK_LIMIT**2, 1.0))).astype(kind)

    def threshold(self, threshold: float, label: int) -> float:
        """What a detector's threshold for the network's score becomes."""
        slope, bias = self.of_label(label)
        return (
            threshold if (slope, bias) == (1, 0) else float(sigmoid(slope * log_odds(threshold, NETWORK_LIMIT) + bias))
        )

    def of_label(self, label: int) -> tuple[float, float]:
        """A detector's slope and bias of a label."""
        return self.slopes[label] if self.slopes else self.slope, self.biases[label]

    def undone(self, scores: npt.ArrayLike, label: int) -> np.ndarray:
        """A detector's calibrated scores of a label → those of its network, float64."""
        slope, bias = self.of_label(label)
        return sigmoid((log_odds(scores) - bias) / slope)


def log_odds(scores: npt.ArrayLike, limit: float = SCORE_LIMIT) -> np.ndarray:
    """log(p / (1 − p)), finite: scores nearer than ``limit`` to 0 or 1 are taken to be so near.

    ``NETWORK_LIMIT`` is for the scores of a network, where a calibration reads them. All others, calibrated scores
    among them, have ``SCORE_LIMIT``: a steep calibration brings scores nearer to 1 than ``NETWORK_LIMIT``, which would
    level their peaks and dips.
    """
    scores = np.clip(np.asarray(scores, np.float64), limit, 1 - limit)
    return np.log(scores) - np.log1p(-scores)


def sigmoid(values: npt.ArrayLike) -> np.ndarray:
    """1 / (1 + exp(−x))."""
    with np.errstate(invalid="ignore"):  # what is no number stays none
        return np.exp(-np.logaddexp(0.0, -np.asarray(values, np.float64)))


def softmax(values: np.ndarray) -> np.ndarray:
    """exp(x) / Σ exp(x) over the last axis."""
    values = np.exp(values - values.max(axis=-1, keepdims=True))
    return values / values.sum(axis=-1, keepdims=True)


def fit_platt(scores: Sequence[np.ndarray], truths: Sequence[np.ndarray]) -> Calibration | None:
    """The slope and biases under which the truth is likeliest, found by Newton's method.

    As Platt has it a true window counts as (n + 1) / (n + 2) of one, and a false one as 1 / (m + 2), so that nothing
    becomes certain. A label with too few windows of either kind gets the mean bias of the others.

    Args:
        scores: For each label ``[windows]`` of the network.
        truths: For each label bool ``[windows]``.

    Returns:
        None where no label has enough windows, or scores do not rise with the truth.
    """
    fitted = [i for i, truth in enumerate(truths) if min(np.sum(truth), np.sum(~truth)) >= MIN_WINDOWS]
    if not fitted:
        return None
    x = np.concatenate([log_odds(scores[i], NETWORK_LIMIT) for i in fitted])
    bias_of = np.repeat(np.arange(len(fitted)), [len(truths[i]) for i in fitted])
    targets = []
    for i in fitted:
        true, false = np.sum(truths[i]), np.sum(~truths[i])
        targets.append(np.where(truths[i], (true + 1) / (true + 2), 1 / (false + 2)))
    slope, biases = logistic_fit(x, bias_of, np.concatenate(targets))
    if not _SLOPES[0] <= slope:
        return None
    if slope > _SLOPES[1]:  # scores without an error have no best slope: the best biases for the steepest one
        slope, biases = logistic_fit(x, bias_of, np.concatenate(targets), _SLOPES[1])
    all_biases = np.full(len(truths), biases.mean())
    all_biases[fitted] = biases
    return Calibration(float(slope), tuple(all_biases.tolist()))


def logistic_fit(
    x: np.ndarray, bias_of: np.ndarray, target: np.ndarray, fixed_slope: float | None = None
) -> tuple[float, np.ndarray]:
    """Logistic regression by damped Newton steps: target ~ σ(slope · x + biases[bias_of]).

    Args:
        x: float64 ``[n]``.
        bias_of: int ``[n]``: which bias; none is left out.
        target: ``[n]``, 0 to 1.
        fixed_slope: The slope, where only biases are to be found.

    Returns:
        The slope and the biases.
    """
    biases = int(bias_of.max()) + 1

    def loss(theta: np.ndarray) -> float:
        z = theta[0] * x + theta[1 + bias_of]
        return float(np.sum(np.logaddexp(0.0, z) - target * z))

    theta = np.zeros(1 + biases)
    theta[0] = 1.0 if fixed_slope is None else fixed_slope
    best = loss(theta)
    for _ in range(_STEPS):
        p = sigmoid(theta[0] * x + theta[1 + bias_of])
        residuals, weights = p - target, p * (1 - p)
        gradient = np.concatenate([[residuals @ x], np.bincount(bias_of, residuals, biases)])
        hessian = np.diag(np.concatenate([[weights @ (x * x)], np.bincount(bias_of, weights, biases)]) + 1e-9)
        hessian[0, 1:] = hessian[1:, 0] = np.bincount(bias_of, weights * x, biases)
        if fixed_slope is not None:
            gradient[0], hessian[0, 1:], hessian[1:, 0] = 0.0, 0.0, 0.0
        step = np.linalg.solve(hessian, gradient)
        size = 1.0
        while size > 1e-6 and loss(theta - size * step) > best:
            size /= 2
        new_loss = loss(theta - size * step)
        if best - new_loss < 1e-10 * max(1.0, best):
            break
        theta, best = theta - size * step, new_loss
    return float(theta[0]), theta[1:]


def fit_temperature(scores: np.ndarray, truth: np.ndarray) -> Calibration | None:
    """The temperature under which the true labels are likeliest, to 0.1 %, between 1/20 and 20.

    Args:
        scores: ``[windows, labels]`` of a network that ends in a softmax.
        truth: int ``[windows]``: the true label's row.

    Returns:
        None where there are fewer than twice ``MIN_WINDOWS`` windows.
    """
    if len(truth) < 2 * MIN_WINDOWS:
        return None
    logs = np.log(np.clip(np.asarray(scores, np.float64), NETWORK_LIMIT**2, 1.0))

    def loss(slope: float) -> float:
        z = slope * logs
        top = z.max(axis=1)
        return float(np.mean(np.log(np.exp(z - top[:, None]).sum(axis=1)) + top - z[np.arange(len(truth)), truth]))

    low, high = np.log(0.05), np.log(20.0)  # convex in the slope: the golden section finds its only valley
    golden = (np.sqrt(5) - 1) / 2
    while high - low > 1e-3:
        a, b = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, b) if loss(np.exp(a)) < loss(np.exp(b)) else (a, high)
    return Calibration(float(np.exp((low + high) / 2)))

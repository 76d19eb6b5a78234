"""Fits a head on the embeddings of clips' crops, by L-BFGS; pure NumPy and SciPy.

A clip of two seconds may hold a call of half a second: less is known of a crop than of its clip. So a clip of a label
is taken to have it in its best crop, softly (the log of the mean of the exponentials of its crops' logits), and a clip
of other labels in none (multiple-instance learning: Dietterich et al., Solving the Multiple Instance Problem with
Axis-Parallel Rectangles, Artificial Intelligence, 1997).
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence

import numpy as np
from scipy.optimize import minimize

from soundbeam.model.classifier.calibration import softmax
from soundbeam.model.classifier.head import Head
from soundbeam.model.evaluation.metrics import average_precision
from soundbeam.model.tasks import DETECTOR
from soundbeam.model.training.embedded_clips import EmbeddedClips

L2 = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # the penalties that are tried
_USUAL = 0.1  # where nothing is held out to choose by
_SURE = 4.0  # the mean size of clips' logits, at least
_AS_GOOD = 0.005  # a mean average precision that is worse by no more
_HIDDEN_L2 = L2[1:4]
_STEPS, _HIDDEN_STEPS = 200, 60  # of L-BFGS; a hidden layer of 128 makes each a hundred times as dear
_BALANCE = 5.0  # rare labels of a classifier weigh more, within this factor
_Layers = list[tuple[np.ndarray, np.ndarray]]


@dataclasses.dataclass(frozen=True, eq=False)
class Negatives:
    """Windows without the labels, beside those of the clips.

    Attributes:
        vectors: float32 ``[windows, size]``.
        weights: float32 ``[windows, labels]``: 1, or 0 where a window may hold the label.
    """

    vectors: np.ndarray
    weights: np.ndarray

    def and_(self, others: Negatives) -> Negatives:
        """These and others."""
        return Negatives(np.concatenate([self.vectors, others.vectors]), np.concatenate([self.weights, others.weights]))


@dataclasses.dataclass(frozen=True, eq=False)
class Problem:
    """What a head is to learn.

    Attributes:
        labels: Its outputs.
        task: ``detector`` or ``classifier``.
        hidden: Units of the hidden layer; 0: there is none.
        seed: Of the weights that a hidden layer begins with.
    """

    labels: tuple[str, ...]
    task: str
    hidden: int = 0
    seed: int = 0

    def truth(self, clips: EmbeddedClips) -> np.ndarray:
        """bool ``[clips, labels]``."""
        return np.array([[of == label for label in self.labels] for of in clips.labels], bool).reshape(
            len(clips.labels), len(self.labels)
        )


def fit_head(
    problem: Problem, train: EmbeddedClips, validation: EmbeddedClips, negatives: Negatives | None = None
) -> tuple[Head, float]:
    """The head, and the penalty of its weights' squares: the strongest that tells validation clips apart as any does.

    Clips are told apart by their order alone, as scores are calibrated later. Where all penalties do well the
    likelihood prefers the weakest, whose scores jump within a call.

    Args:
        problem: What to learn.
        train: At least one clip of each label.
        validation: To choose the penalty on; may be empty.
        negatives: Of a detector.
    """
    truth = problem.truth(validation)
    if problem.task == DETECTOR:
        told = truth.any(axis=0).all() and (~truth).any(axis=0).all()
    else:
        told = truth.any(axis=0).all()
    tried = _HIDDEN_L2 if problem.hidden else L2
    fits = [(penalty, _fit(problem, train, negatives, penalty)) for penalty in (tried if told else (_USUAL,))]
    if len(fits) == 1:
        return _as_sure(fits[0][1], train), _USUAL
    quality = [_mean_average_precision(head, validation, truth) for _, head in fits]
    penalty, head = [fit for fit, good in zip(fits, quality, strict=True) if good >= max(quality) - _AS_GOOD][-1]
    return _as_sure(head, train), penalty


def _as_sure(head: Head, clips: EmbeddedClips) -> Head:
    """The same head with larger logits, if a strong penalty kept them small.

    The rules for calls and their thresholds are looked for among those that fit a network's.
    """
    logits = pooled(head.logits(clips.vectors), clips)
    if head.task != DETECTOR:
        logits = logits - logits.mean(axis=1, keepdims=True)
    factor = np.float32(max(1.0, _SURE / max(1e-6, float(np.abs(logits).mean()))))
    weights, biases = head.layers[-1]
    return Head((*head.layers[:-1], (factor * weights, factor * biases)), head.task)


def _mean_average_precision(head: Head, clips: EmbeddedClips, truth: np.ndarray) -> float:
    scores = pooled(head.logits(clips.vectors), clips)
    if head.task != DETECTOR:
        scores = softmax(scores)
    precisions = [average_precision(truth[:, i], scores[:, i]) for i in range(truth.shape[1])]
    return float(np.mean([precision or 0.0 for precision in precisions]))


def pooled(logits: np.ndarray, clips: EmbeddedClips) -> np.ndarray:
    """``[crops, labels]`` → float64 ``[clips, labels]``: those of the best crop, softly."""
    return _pool(np.asarray(logits, np.float64), clips.first)[0]


def _pool(logits: np.ndarray, first: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """log mean exp over each clip's crops ``[clips, labels]``, and each crop's share in it ``[crops, labels]``."""
    n = np.diff(np.append(first, len(logits)))
    highest = np.repeat(np.maximum.reduceat(logits, first), n, axis=0)
    exponentials = np.exp(logits - highest)
    sums = np.add.reduceat(exponentials, first)
    values = np.log(sums / n[:, None]) + highest[first]
    return values, exponentials / np.repeat(sums, n, axis=0)


def _softplus(values: np.ndarray) -> np.ndarray:
    return np.logaddexp(0.0, values)


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * values))


_Loss = Callable[[np.ndarray], tuple[float, np.ndarray]]


def _loss_of_logits(problem: Problem, train: EmbeddedClips, negatives: Negatives | None) -> _Loss:
    """A function: float64 ``[crops + negatives, labels]`` → the loss and its gradient."""
    truth, first = problem.truth(train), train.first
    n = np.diff(np.append(first, len(train.vectors)))
    if problem.task != DETECTOR:
        clips = truth.sum(axis=0)
        weight = truth @ np.clip(clips.mean() / np.maximum(1, clips), 1 / _BALANCE, _BALANCE)
        weight /= weight.sum()

        def of_classifier(logits: np.ndarray) -> tuple[float, np.ndarray]:
            values, shares = _pool(logits, first)
            total = np.logaddexp.reduce(values, axis=1)
            loss = float(weight @ (total - (values * truth).sum(axis=1)))
            gradient = weight[:, None] * (np.exp(values - total[:, None]) - truth)
            return loss, np.repeat(gradient, n, axis=0) * shares

        return of_classifier
    crop_truth = np.repeat(truth, n, axis=0)
    without = np.where(crop_truth, 0.0, 1.0 / n.repeat(n)[:, None])
    if negatives is not None:
        without = np.concatenate([without, negatives.weights])
    without = without / np.maximum(1.0, without.sum(axis=0))
    with_it = truth / np.maximum(1, truth.sum(axis=0))

    def of_detector(logits: np.ndarray) -> tuple[float, np.ndarray]:
        values, shares = _pool(logits[: len(crop_truth)], first)
        loss = (with_it * _softplus(-values)).sum() + (without * _softplus(logits)).sum()
        gradient = without * _sigmoid(logits)
        gradient[: len(crop_truth)] -= np.repeat(with_it * _sigmoid(-values), n, axis=0) * shares
        return float(loss) / 2, gradient / 2

    return of_detector


def _fit(problem: Problem, train: EmbeddedClips, negatives: Negatives | None, penalty: float) -> Head:
    parts = [train.vectors] if negatives is None else [train.vectors, negatives.vectors]
    vectors = np.concatenate(parts).astype(np.float32 if problem.hidden else np.float64)
    mean, scale = vectors.mean(axis=0), vectors.std(axis=0)
    scale = np.maximum(scale, 0.1 * scale.mean() + 1e-6)  # values that hardly vary are not blown up
    vectors = (vectors - mean) / scale
    loss_of_logits = _loss_of_logits(problem, train, negatives)
    sizes = [vectors.shape[1], *([problem.hidden] if problem.hidden else []), len(problem.labels)]
    rng = np.random.default_rng(problem.seed)
    # A linear head begins with nothing; of units in a layer no two may begin alike.
    start = [
        (rng.standard_normal((a, b)) * np.sqrt(2 / a) if problem.hidden else np.zeros((a, b)), np.zeros(b))
        for a, b in itertools.pairwise(sizes)
    ]

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        layers = _unflattened(flat.astype(vectors.dtype), start)
        inputs, values = [], vectors
        for i, (weights, biases) in enumerate(layers):
            values = np.maximum(values, 0) if i else values
            inputs.append(values)
            values = values @ weights + biases
        total, gradient = loss_of_logits(values.astype(np.float64))
        gradient = gradient.astype(vectors.dtype)
        gradients: _Layers = []
        for (weights, _), seen in zip(reversed(layers), reversed(inputs), strict=True):
            gradients.insert(0, (seen.T @ gradient + penalty * weights, gradient.sum(axis=0)))
            if seen is not vectors:
                gradient = (gradient @ weights.T) * (seen > 0)
        total += penalty / 2 * sum(float((weights**2).sum()) for weights, _ in layers)
        return total, _flat(gradients).astype(np.float64)

    options = {"maxiter": _HIDDEN_STEPS if problem.hidden else _STEPS}
    found = minimize(loss, _flat(start), jac=True, method="L-BFGS-B", options=options)
    (weights, biases), *rest = _unflattened(found.x, start)
    weights = weights / scale[:, None]
    layers = [(weights, biases - mean @ weights), *rest]
    return Head(tuple((w.astype(np.float32), b.astype(np.float32)) for w, b in layers), problem.task)


def _flat(layers: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    return np.concatenate([array.ravel() for layer in layers for array in layer])


def _unflattened(flat: np.ndarray, like: _Layers) -> _Layers:
    layers, at = [], 0
    for weights, biases in like:
        end = at + weights.size
        layers.append((flat[at:end].reshape(weights.shape), flat[end : end + biases.size]))
        at = end + biases.size
    return layers

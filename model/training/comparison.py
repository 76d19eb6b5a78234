"""Compares architectures on the same examples: accuracy by cross-validation, size and speed."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from soundbeam.model.architectures.assemble import NETWORK
from soundbeam.model.architectures.complexity import multiply_adds
from soundbeam.model.architectures.training_outputs import scores_only
from soundbeam.model.classifier.tensorflow_scorer import TensorFlowScorer
from soundbeam.model.evaluation.classification import wilson_interval
from soundbeam.model.evaluation.figures import ClassificationFigures
from soundbeam.model.training.cross_validation import Folds
from soundbeam.model.training.learners import HeadLearner, Learner, NetworkLearner, learner_of
from soundbeam.model.training.plan import Training

_SCORED = 64  # windows that the speed of scoring is measured on, at most


@dataclasses.dataclass(frozen=True)
class FoldRow:
    """One architecture, trained on all folds but one and measured on that one: a row of the results.

    Attributes:
        key: Fingerprint of everything that it depends on.
        architecture: Its name.
        fold: From 1 on.
        folds: How many.
        front_end: Kind, or kinds joined by ``+``.
        window_s: Seconds of a window.
        parameters: Of the network that scores; of a head, without its base.
        multiply_adds: Of the same, for one window.
        windows_per_cpu_s: Windows scored in a second of one core's time, by front end and network.
        trained_windows: Windows that the training saw.
        clips: Held-out clips.
        right: Held-out clips whose highest score is their label's.
        macro_f1: See ``model.training.cross_validation``.
        log_loss: See ``model.training.cross_validation``.
        cpu_s: Seconds of processor time, of all cores together, for training and measuring.
        wall_s: The same by the clock.
    """

    key: str
    architecture: str
    fold: int
    folds: int
    front_end: str
    window_s: float
    parameters: int
    multiply_adds: int
    windows_per_cpu_s: float
    trained_windows: int
    clips: int
    right: int
    macro_f1: float
    log_loss: float
    cpu_s: float
    wall_s: float


@dataclasses.dataclass(frozen=True)
class ArchitectureResult:
    """One architecture over all folds that have been measured.

    Attributes:
        rows: Its folds.
        accuracy: Share of all held-out clips whose highest score is their label's.
        low: Lower end of the accuracy's 95 % interval (Wilson 1927, over clips as if independent of one another).
        high: Its upper end.
        spread: Standard deviation of the folds' accuracies; None of one fold.
    """

    rows: tuple[FoldRow, ...]
    accuracy: float
    low: float
    high: float
    spread: float | None

    @property
    def name(self) -> str:
        """The architecture's."""
        return self.rows[0].architecture


class CrossValidatedArchitecture:
    """One architecture, to be trained on each fold.

    Args:
        training: What to train; ``windows`` is the budget.
        folds: How many.

    Raises:
        SoundbeamError: It cannot be trained on these examples.
    """

    def __init__(self, training: Training, folds: int):
        self._training, self._count = training, folds
        self._learner = learner_of(training)
        self._folds: Folds | None = None
        self._size: dict[str, Any] = {}

    @property
    def name(self) -> str:
        """What it is called in the table."""
        return self._learner.name

    def key(self, fold: int) -> str:
        """Fingerprint of the fold's training: examples, architecture, front end, folds, budget and seed."""
        learner = self._learner
        manifest, windows = learner.manifest, learner.windows
        described = {
            "examples": [manifest.get("sha256"), manifest["shards"], manifest["labels"]],
            "architecture": learner.describe(),
            "front_end": learner.architecture.front_end.plain() if isinstance(learner, NetworkLearner) else {},
            "base": self._training.embeddings.rsplit("/", 1)[-1],
            "window_s": [windows.window_s, windows.hop_s],
            "training": [self._count, fold, self._training.windows, self._training.epochs, self._training.seed],
        }
        return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()

    def measure(self, fold: int, say: Callable[[str], None], step: Callable[[int, str], None]) -> FoldRow:
        """Trains on all folds but one (from 0 on) and measures on it."""
        learner = self._learner
        if self._folds is None:
            self._folds = Folds(self._training, self._count)
            self._size = size_and_speed(learner)
        cpu = time.process_time()
        measured = self._folds.measure(fold, say, step)
        figures = measured.figures
        assert isinstance(figures, ClassificationFigures)  # without targets the task is a classifier's
        clips = sum(measured.clips[label] for label in learner.task.labels)
        return FoldRow(
            key=self.key(fold),
            architecture=learner.name,
            fold=fold + 1,
            folds=self._count,
            front_end=learner.front_end,
            window_s=learner.windows.window_s,
            **self._size,
            trained_windows=learner.epochs * learner.steps(learner.task) * learner.batch,
            clips=clips,
            right=round((figures.accuracy or 0.0) * clips),
            macro_f1=figures.macro_f1 or 0.0,
            log_loss=figures.log_loss or 0.0,
            cpu_s=round(time.process_time() - cpu, 1),
            wall_s=measured.wall_s,
        )


def size_and_speed(learner: Learner) -> dict[str, Any]:
    """Parameters, multiply-adds and windows scored a second of processor time, as ``FoldRow`` has them."""
    labels, kind = len(learner.task.labels), learner.task.kind
    if isinstance(learner, HeadLearner):
        scorer = learner.base.scorer(embeddings=True)
        sizes = [scorer.embedding_size, *filter(None, [learner.training.hidden]), labels]
        multiplied = sum(a * b for a, b in itertools.pairwise(sizes))
        size = {"parameters": multiplied + sum(sizes[1:]), "multiply_adds": multiplied}
    else:
        assert isinstance(learner, NetworkLearner)
        architecture = learner.architecture
        model = architecture.build(labels, kind)
        scorer = TensorFlowScorer(model, architecture.score_batch)
        multiplied = multiply_adds(scores_only(architecture.network(labels, kind)))
        size = {"parameters": int(model.get_layer(NETWORK).count_params()), "multiply_adds": multiplied}
    samples = learner.windows.window_samples
    windows = np.random.default_rng(0).uniform(-0.1, 0.1, (_SCORED, samples)).astype(np.float32)
    scorer.score_windows(windows[: min(_SCORED, scorer.batch)])  # builds the graph
    cpu = time.process_time()
    scorer.score_windows(windows)
    return {**size, "windows_per_cpu_s": round(_SCORED / max(1e-9, time.process_time() - cpu), 1)}


def rank_architectures(rows: Sequence[FoldRow]) -> list[ArchitectureResult]:
    """The results of all architectures, the most accurate first."""
    by_name: dict[str, list[FoldRow]] = {}
    for row in sorted(rows, key=lambda row: (row.architecture, row.fold)):
        by_name.setdefault(row.architecture, []).append(row)
    results = []
    for folds in by_name.values():
        right, clips = sum(row.right for row in folds), sum(row.clips for row in folds)
        low, high = wilson_interval(right, clips)
        shares = [row.right / row.clips for row in folds]
        spread = float(np.std(shares, ddof=1)) if len(folds) > 1 else None
        results.append(ArchitectureResult(tuple(folds), right / clips, low, high, spread))
    return sorted(results, key=lambda result: (-result.accuracy, result.name))

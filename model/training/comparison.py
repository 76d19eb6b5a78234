"""Compares architectures on the same examples: accuracy by cross-validation, size and speed."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from soundbeam.model.architectures import Architecture
from soundbeam.model.architectures.assemble import NETWORK
from soundbeam.model.architectures.complexity import multiply_adds
from soundbeam.model.architectures.training_outputs import scores_only
from soundbeam.model.classifier.tensorflow_scorer import TensorFlowScorer
from soundbeam.model.evaluation.classification import wilson_interval
from soundbeam.model.evaluation.figures import ClassificationFigures
from soundbeam.model.training.cross_validation import Folds
from soundbeam.model.training.plan import Training, prepare, steps_of

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
        parameters: Of the network that scores.
        multiply_adds: Of the network, for one window.
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
        self._architecture, self._manifest, self._task = prepare(training)
        self._folds: Folds | None = None
        self._size: dict[str, Any] = {}

    def key(self, fold: int) -> str:
        """Fingerprint of the fold's training: examples, architecture, front end, folds, budget and seed."""
        a = self._architecture
        described = {
            "examples": [self._manifest.get("sha256"), self._manifest["shards"], self._manifest["labels"]],
            "architecture": a.describe(),
            "front_end": a.front_end.plain(),
            "base": self._training.bottlenecks.rsplit("/", 1)[-1],
            "window_s": [a.window_s, a.hop_s],
            "training": [self._count, fold, self._training.windows, self._training.epochs, self._training.seed],
        }
        return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()

    def measure(self, fold: int, say: Callable[[str], None], step: Callable[[int, str], None]) -> FoldRow:
        """Trains on all folds but one (from 0 on) and measures on it."""
        a = self._architecture
        if self._folds is None:
            self._folds = Folds(self._training, self._count)
            self._size = size_and_speed(a, len(self._task.labels), self._task.kind)
        cpu = time.process_time()
        measured = self._folds.measure(fold, say, step)
        figures = measured.figures
        assert isinstance(figures, ClassificationFigures)  # without targets the task is a classifier's
        clips = sum(measured.clips[label] for label in self._task.labels)
        return FoldRow(
            key=self.key(fold),
            architecture=a.name,
            fold=fold + 1,
            folds=self._count,
            front_end="+".join(a.front_end.kinds),
            window_s=a.window_s,
            **self._size,
            trained_windows=self._folds.epochs * steps_of(a, self._task) * a.recipe.batch,
            clips=clips,
            right=round((figures.accuracy or 0.0) * clips),
            macro_f1=figures.macro_f1 or 0.0,
            log_loss=figures.log_loss or 0.0,
            cpu_s=round(time.process_time() - cpu, 1),
            wall_s=measured.wall_s,
        )


def size_and_speed(architecture: Architecture, labels: int, task: str) -> dict[str, Any]:
    """Parameters, multiply-adds and windows scored a second of processor time, as ``FoldRow`` has them."""
    network = scores_only(architecture.network(labels, task))
    model = architecture.build(labels, task)
    scorer = TensorFlowScorer(model, architecture.score_batch)
    windows = np.random.default_rng(0).uniform(-0.1, 0.1, (_SCORED, architecture.window_samples)).astype(np.float32)
    scorer.score_windows(windows[: min(_SCORED, architecture.score_batch)])  # builds the graph
    cpu = time.process_time()
    scorer.score_windows(windows)
    return {
        "parameters": int(model.get_layer(NETWORK).count_params()),
        "multiply_adds": multiply_adds(network),
        "windows_per_cpu_s": round(_SCORED / max(1e-9, time.process_time() - cpu), 1),
    }


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

"""Cross-validation: measures trainings on source recordings that they never heard."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from soundbeam.model.classifier.scorer import Scorer
from soundbeam.model.errors import SoundbeamError
from soundbeam.model.evaluation.classification import classify
from soundbeam.model.evaluation.figures import ClassificationFigures, DetectionFigures, LabelF1, mean, plain
from soundbeam.model.synthesis.validation_soundscapes import mix_soundscapes
from soundbeam.model.tasks import DETECTOR
from soundbeam.model.training.batches import Examples
from soundbeam.model.training.examples import SPLITS, TRAIN, VALIDATION, split_sources
from soundbeam.model.training.learners import learner_of
from soundbeam.model.training.plan import Training, TrainingTask
from soundbeam.model.training.soundscape_scores import score_soundscapes
from soundbeam.model.training.tuning import Tuned, measure_label
from soundbeam.model.training.whole_clips import score_clips
from soundbeam.model.windows import WindowSpec

HELD_OUT = "held out"
_LEAST = 1e-7  # probability in the log loss: float32 scores reach 0 and 1


@dataclasses.dataclass(frozen=True)
class Fold:
    """How well a training on the other folds does on this one.

    Attributes:
        sources: The recordings that were held out.
        clips: label → how many of their examples.
        figures: Of a detector the means over its labels, in soundscapes of the held-out clips. Of a classifier those of
            the held-out clips. None where nothing could be measured.
        labels: label → its own figures.
        wall_s: Seconds that it took.
    """

    sources: tuple[str, ...]
    clips: dict[str, int]
    figures: DetectionFigures | ClassificationFigures | None
    labels: Mapping[str, DetectionFigures | LabelF1]
    wall_s: float


@dataclasses.dataclass(frozen=True)
class CrossValidation:
    """All folds.

    Attributes:
        folds: Each one's figures.
        mean: Of each figure, over the folds that have it.
        standard_deviation: Of each figure, over the folds that have it (sample's); None of fewer than two.
    """

    folds: tuple[Fold, ...]
    mean: dict[str, float | None]
    standard_deviation: dict[str, float | None]

    def plain(self) -> dict[str, Any]:
        """Plain values, for a report."""
        return {
            "folds": [
                {
                    "sources": fold.sources,
                    "clips": fold.clips,
                    "figures": plain(fold.figures),
                    "labels": {label: plain(figures) for label, figures in fold.labels.items()},
                    "wall_s": fold.wall_s,
                }
                for fold in self.folds
            ],
            "mean": self.mean,
            "standard_deviation": self.standard_deviation,
        }


def deal_sources(clips: Mapping[tuple[str, str], int], folds: int, seed: int = 0) -> dict[str, int]:
    """Deals source recordings into folds with about equally many clips of each label.

    The largest sources come first. Each goes to the fold that has least of its labels; among equals, to the one with
    fewest clips. Where there are as many sources as folds, each is a fold: to choose the folds yourself, name them as
    the sources. The folds are numbered in the order of their first sources' names.

    Args:
        clips: (label, source) → how many clips.
        folds: How many; at most as many as there are sources.
        seed: Decides between sources that are equally large.

    Returns:
        source → fold, from 0 on; the same on every machine.
    """
    totals: Counter[str] = Counter()
    of_source: dict[str, dict[str, int]] = {}
    for (label, source), n in clips.items():
        totals[label] += n
        of_source.setdefault(source, {})[label] = n

    def order(source: str) -> tuple[float, bytes]:
        share = sum(n / totals[label] for label, n in of_source[source].items())
        return -share, hashlib.sha256(f"{seed}:{source}".encode("utf-8", "surrogateescape")).digest()

    dealt: list[Counter[str]] = [Counter() for _ in range(folds)]
    fold_of: dict[str, int] = {}
    for source in sorted(of_source, key=order):
        counts = of_source[source]

        def fullness(k: int, counts: dict[str, int] = counts) -> tuple[float, int]:
            return sum(n * dealt[k][label] / totals[label] ** 2 for label, n in counts.items()), dealt[k].total()

        fold = min(range(folds), key=fullness)
        fold_of[source] = fold
        dealt[fold].update(counts)
    in_order = list(dict.fromkeys(fold_of[source] for source in sorted(fold_of)))
    return {source: in_order.index(fold) for source, fold in fold_of.items()}


class Folds:
    """A folder of examples, dealt by source into folds.

    Args:
        training: What to train in each; its ``classifier`` is not used.
        folds: How many, 2 or more.

    Raises:
        SoundbeamError: There is nothing to train on, or a label comes from too few sources.
    """

    def __init__(self, training: Training, folds: int):
        self.training, self.count = training, folds
        self.learner = learner_of(training)
        self.manifest, self.task = self.learner.manifest, self.learner.task
        with tempfile.TemporaryDirectory() as cache:
            self.clips = _clips_by_source(Examples(training.examples, self.manifest, self.task, cache))
        fewest, label = min((len({s for of, s in self.clips if of == label}), label) for label in self.task.labels)
        if fewest < folds:
            mend = f"give --folds {fewest}, or add" if fewest > 1 else "add"
            raise SoundbeamError(
                f"{training.examples}: the examples of {label} come from {fewest} source "
                f"recording{'s' * (fewest != 1)}, which cannot be dealt into {folds} folds; "
                f"{mend} clips of other recordings"
            )
        self.fold_of = deal_sources(self.clips, folds, training.seed)

    @property
    def batches(self) -> int:
        """How many batches all folds together will fit, when none stops early."""
        return sum(self.learner.epochs * self.learner.steps(self._task(k)) for k in range(self.count))

    def splits(self, fold: int) -> dict[str, str]:
        """source → ``train``, ``validation`` (chosen as ``soundbeam materialize`` does, of the rest) or HELD_OUT."""
        rest = {(label, s): n for (label, s), n in self.clips.items() if self.fold_of[s] != fold}
        held_out = {s: HELD_OUT for s, k in self.fold_of.items() if k == fold}
        return {**split_sources(rest, self.manifest.get("validation_share", 0.0)), **held_out}

    def measure(self, fold: int, say: Callable[[str], None], step: Callable[[int, str], None]) -> Fold:
        """Trains on the other folds, and measures on this one.

        What is held out takes no part in training, nor in the choice of thresholds, rules and calibration.

        Args:
            fold: From 0 on.
            say: Gets lines about what differs from what was asked for.
            step: Gets (batches done, figures) now and then.
        """
        begun = time.monotonic()
        keras.utils.clear_session()
        task = self._task(fold)
        with tempfile.TemporaryDirectory() as cache:
            examples = Examples(self.training.examples, self.manifest, task, cache, self.splits(fold))
            learned = self.learner.learn(examples, os.path.join(cache, "logs"), say, step)
            tuned, windows = learned.tuned, self.learner.windows
            scorer = learned.scorer(tuned.calibration)
            figures: DetectionFigures | ClassificationFigures | None
            labels: Mapping[str, DetectionFigures | LabelF1]
            if task.kind == DETECTOR:
                figures, labels = _measure_detector(scorer, tuned, examples, windows, self.training.seed)
            else:
                figures, labels = _measure_classifier(scorer, tuned, examples, windows)
        return Fold(
            sources=tuple(sorted(s for s, k in self.fold_of.items() if k == fold)),
            clips={label: n[HELD_OUT] for label, n in task.counts.items()},
            figures=figures,
            labels=labels,
            wall_s=round(time.monotonic() - begun, 1),
        )

    def _task(self, fold: int) -> TrainingTask:
        splits = self.splits(fold)
        counts = {label: dict.fromkeys((*SPLITS, HELD_OUT), 0) for label, _ in self.clips}
        for (label, source), n in self.clips.items():
            counts[label][splits[source]] += n
        for label in self.task.labels:
            if not counts[label][TRAIN]:
                raise SoundbeamError(
                    f"{self.training.examples}: fold {fold + 1} of {self.count} leaves no examples of {label} to train "
                    f"on ({counts[label][VALIDATION]} to validate); give fewer --folds, add clips of other recordings, "
                    "or run 'soundbeam materialize --validation 0'"
                )
        return TrainingTask(self.task.labels, self.task.kind, counts)


def summarize(folds: Sequence[Fold]) -> CrossValidation:
    """Mean and standard deviation over folds."""
    means: dict[str, float | None] = {}
    deviations: dict[str, float | None] = {}
    by_fold = [plain(fold.figures) for fold in folds]
    for name in dict.fromkeys(name for figures in by_fold for name in figures):
        values = [value for figures in by_fold if (value := figures.get(name)) is not None]
        means[name] = mean(values)
        deviations[name] = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return CrossValidation(tuple(folds), means, deviations)


def _clips_by_source(examples: Examples) -> dict[tuple[str, str], int]:
    """(label, source) → how many examples, of both splits."""
    features = {name: tf.io.FixedLenFeature([], tf.string) for name in ("label", "source")}
    paths = [path for of_split in examples.paths.values() for path in of_split]
    counts: Counter[tuple[str, str]] = Counter()
    for batch in tf.data.TFRecordDataset(paths).batch(64).map(lambda e: tf.io.parse_example(e, features)):
        pairs = zip(batch["label"].numpy(), batch["source"].numpy(), strict=True)
        counts.update((label.decode(), source.decode()) for label, source in pairs)
    return dict(counts)


def _measure_detector(
    scorer: Scorer, tuned: Tuned, examples: Examples, windows: WindowSpec, seed: int
) -> tuple[DetectionFigures | None, dict[str, DetectionFigures]]:
    """Counts with the chosen thresholds and rules in soundscapes mixed of what was held out."""
    labels = examples.task.labels
    held_out = examples.clips(HELD_OUT)
    heard = tuple(label for label in labels if any(clip.label == label for clip in held_out))
    if not heard:
        return None, {}
    clips = [clip for clip in held_out if clip.label in heard or clip.label not in labels]
    soundscapes = mix_soundscapes(clips, heard, windows.rate, seed)
    scored = score_soundscapes(scorer, soundscapes, labels, windows)
    by_label, length_s = {}, windows.length_s
    for i, label in enumerate(labels):
        if label in heard:
            scores = [row[i] for row in scored]
            by_label[label] = measure_label(scores, tuned.thresholds[label], tuned.rules, length_s, tuned.counting)
    names = [field.name for field in dataclasses.fields(DetectionFigures)]
    means = {name: mean([getattr(figures, name) for figures in by_label.values()]) for name in names}
    return DetectionFigures(**means), by_label


def _measure_classifier(
    scorer: Scorer, tuned: Tuned, examples: Examples, windows: WindowSpec
) -> tuple[ClassificationFigures, dict[str, LabelF1]]:
    """Scores each held-out clip as a scan would: every window of it, a short one filled with silence."""
    task = examples.task
    truth, scores = score_clips(scorer, examples.each_clip(HELD_OUT), windows, task)
    thresholds = [tuned.thresholds[label] for label in task.labels]
    classification = classify(truth, scores, task.labels, task.kind, thresholds)
    figures = ClassificationFigures(
        accuracy=classification.accuracy,
        macro_f1=classification.macro["f1"],
        log_loss=float(-np.mean(np.log(np.clip(scores[truth], _LEAST, 1.0)))),
    )
    return figures, {label.label: LabelF1(label.f1) for label in classification.labels}

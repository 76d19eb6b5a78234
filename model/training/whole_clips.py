"""Scores of whole clips, of which every window is scored as a scan would."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from soundbeam.model.classifier.clip_scores import clip_scores
from soundbeam.model.classifier.scorer import Scorer
from soundbeam.model.evaluation.classification import Classification, classify
from soundbeam.model.synthesis.mixing import DecodedClip
from soundbeam.model.tasks import CLASSIFIER
from soundbeam.model.training.plan import TrainingTask
from soundbeam.model.windows import WindowSpec


def score_clips(
    scorer: Scorer, clips: Iterable[DecodedClip], windows: WindowSpec, task: TrainingTask
) -> tuple[np.ndarray, np.ndarray]:
    """The true labels and the scores of clips; one shorter than a window is padded with silence.

    Args:
        scorer: Scores windows.
        clips: Read one at a time. Those whose label is not one of the task's are skipped by a classifier, and have no
            label to a detector.
        windows: Which windows a clip has.
        task: Gives the labels.

    Returns:
        bool ``[clips, labels]`` and float64 ``[clips, labels]``; empty without clips.
    """
    truth, scores = list[list[bool]](), list[np.ndarray]()
    for clip in clips:
        if task.kind == CLASSIFIER and clip.label not in task.labels:
            continue
        samples = np.pad(clip.waveform, (0, max(0, windows.window_samples - len(clip.waveform))))
        scored = scorer.score_segment(samples, windows.starts(len(samples)))
        truth.append([label == clip.label for label in task.labels])
        scores.append(clip_scores(scored, task.kind))
    shape = (len(truth), len(task.labels))
    return np.array(truth, bool).reshape(shape), np.array(scores, np.float64).reshape(shape)


def classify_clips(
    scorer: Scorer,
    clips: Iterable[DecodedClip],
    windows: WindowSpec,
    task: TrainingTask,
    thresholds: Mapping[str, float],
) -> Classification | None:
    """How well clips are told apart, the figures of ``soundbeam evaluate --clips``; None without clips."""
    truth, scores = score_clips(scorer, clips, windows, task)
    if not len(truth):
        return None
    return classify(truth, scores, task.labels, task.kind, [thresholds[label] for label in task.labels])

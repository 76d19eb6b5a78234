"""A network's scores of soundscapes whose calls are known."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from soundbeam.model.architectures.architecture import Architecture
from soundbeam.model.classifier.scorer import Scorer
from soundbeam.model.synthesis.validation_soundscapes import Soundscape


@dataclasses.dataclass(frozen=True, eq=False)
class SoundscapeScores:
    """The scores of one label in one soundscape.

    Attributes:
        start_s: float64 ``[windows]``.
        scores: float64 ``[windows]``.
        calls: ``[n, 2]``: start and end of the true calls, seconds.
    """

    start_s: np.ndarray
    scores: np.ndarray
    calls: np.ndarray


def score_soundscapes(
    scorer: Scorer, soundscapes: Sequence[Soundscape], labels: tuple[str, ...], architecture: Architecture
) -> list[list[SoundscapeScores]]:
    """For each soundscape the scores of each label, at the architecture's hop."""
    by_soundscape = []
    for soundscape in soundscapes:
        offsets, start_s, _ = architecture.windows.windows(0, len(soundscape.samples))
        scores = scorer.score_segment(soundscape.samples, offsets).astype(np.float64)
        by_label = []
        for i, label in enumerate(labels):
            calls = [(start, end) for start, end, of in soundscape.events if of == label]
            by_label.append(SoundscapeScores(start_s, scores[:, i], np.array(calls).reshape(-1, 2)))
        by_soundscape.append(by_label)
    return by_soundscape

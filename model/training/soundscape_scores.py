"""A network's scores of soundscapes whose calls are known."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from soundbeam.model.classifier.scorer import Scorer
from soundbeam.model.synthesis.validation_soundscapes import Soundscape
from soundbeam.model.windows import WindowSpec

_THREADS = 2  # soundscapes that are scored at the same time; a converted network scores each in one thread


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
    scorer: Scorer, soundscapes: Sequence[Soundscape], labels: tuple[str, ...], windows: WindowSpec
) -> list[list[SoundscapeScores]]:
    """For each soundscape the scores of each label in all windows of it."""

    def scored(soundscape: Soundscape) -> list[SoundscapeScores]:
        offsets, start_s, _ = windows.windows(0, len(soundscape.samples))
        scores = scorer.score_segment(soundscape.samples, offsets).astype(np.float64)
        by_label = []
        for i, label in enumerate(labels):
            calls = [(start, end) for start, end, of in soundscape.events if of == label]
            by_label.append(SoundscapeScores(start_s, scores[:, i], np.array(calls).reshape(-1, 2)))
        return by_label

    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(scored, soundscapes))

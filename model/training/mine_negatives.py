"""Negatives for a head, mined from recordings that nobody has labelled: the windows that it mistakes most."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from soundbeam.model.classifier.head import Head
from soundbeam.model.training.embedded_clips import EmbeddedClips
from soundbeam.model.training.fit_head import Negatives, Problem, fit_head, pooled

MOST_WINDOWS = 50_000  # that are kept in memory; of 1,024 values they are 200 MB
_ROUNDS = 2
_DRAWN = 1000  # windows of each kind at most: the highest-scored, and others at random
_MOST_LEFT_OUT = 0.05  # of the windows, for one label


@dataclasses.dataclass(frozen=True, eq=False)
class Backgrounds:
    """Windows of recordings without labels.

    Attributes:
        vectors: float32 ``[windows, size]``, by recording and time.
        recordings: Of each window.
        start_s: float64 ``[windows]``.
    """

    vectors: np.ndarray
    recordings: np.ndarray
    start_s: np.ndarray


def fit_with_backgrounds(
    problem: Problem,
    train: EmbeddedClips,
    validation: EmbeddedClips,
    backgrounds: Backgrounds | None,
    window_s: float,
    say: Callable[[str], None],
) -> tuple[Head, float]:
    """Fits a head, then again with the windows that it scores highest as negatives, and some others.

    Recordings may hold the label. A window that scores like a clip of it (at least the median of the training clips) is
    left out, with those that overlap it, unless more than one in twenty does: then a head that mistakes them is
    likelier than so many calls, and only the highest of them are left out.

    Args:
        problem, train, validation: As for ``fit_head``.
        backgrounds: None: fit without.
        window_s: Seconds of a window.
        say: Gets a line about what was left out.
    """
    head, penalty = fit_head(problem, train, validation)
    if backgrounds is None or not len(backgrounds.vectors):
        return head, penalty
    usable, windows = np.ones((len(backgrounds.vectors), len(problem.labels)), bool), len(backgrounds.vectors)
    typical = _median_of_clips(head, problem, train)
    logits = head.logits(backgrounds.vectors)
    for i, label in enumerate(problem.labels):
        alike = logits[:, i] >= typical[i]
        most = int(_MOST_LEFT_OUT * windows)
        if alike.sum() > most:
            alike = np.zeros(windows, bool)
            alike[np.argsort(-logits[:, i], kind="stable")[:most]] = True
        usable[_and_neighbours(alike, backgrounds, window_s), i] = False
        say(
            f"{int(usable[:, i].sum()):,} of {windows:,} background windows are without {label}; the others score like "
            "its clips, or overlap such, and are left out"
        )
    rng, drawn = np.random.default_rng(problem.seed), np.zeros(windows, bool)
    for _ in range(_ROUNDS):
        hardest = np.where(usable, head.logits(backgrounds.vectors), -np.inf).max(axis=1)
        drawn[np.argsort(-hardest, kind="stable")[:_DRAWN]] = True
        drawn[rng.permutation(windows)[:_DRAWN]] = True
        chosen = drawn & usable.any(axis=1)
        negatives = Negatives(backgrounds.vectors[chosen], usable[chosen].astype(np.float32))
        head, penalty = fit_head(problem, train, validation, negatives)
    return head, penalty


def _median_of_clips(head: Head, problem: Problem, train: EmbeddedClips) -> np.ndarray:
    values, truth = pooled(head.logits(train.vectors), train), problem.truth(train)
    return np.array([np.median(values[truth[:, i], i]) for i in range(len(problem.labels))])


def _and_neighbours(alike: np.ndarray, backgrounds: Backgrounds, window_s: float) -> np.ndarray:
    """bool ``[windows]``: those, and the ones before and behind that overlap them."""
    near = (backgrounds.recordings[1:] == backgrounds.recordings[:-1]) & (np.diff(backgrounds.start_s) < window_s)
    found = alike.copy()
    found[1:] |= alike[:-1] & near
    found[:-1] |= alike[1:] & near
    return found

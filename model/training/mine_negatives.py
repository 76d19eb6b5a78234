"""Negatives for a head, mined from recordings that nobody has labelled: the windows that it mistakes most."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from soundbeam.model.classifier.head import Head
from soundbeam.model.training.embedded_clips import EmbeddedClips
from soundbeam.model.training.fit_head import Negatives, Problem, fit_head

MOST_WINDOWS = 50_000  # that are kept in memory; of 1,024 values they are 200 MB
_ROUNDS = 2
_DRAWN = 1000  # windows of each kind at most: the highest-scored, and others at random
_MOST_LEFT_OUT = 0.2  # of the windows, for one label, without those that overlap them


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
    negatives: Negatives | None,
    backgrounds: Backgrounds | None,
    window_s: float,
    say: Callable[[str], None],
) -> tuple[Head, float]:
    """Fits a head, then again with the windows that it scores highest as negatives, and some others.

    Recordings may hold the label, and a call that is learned as a negative undoes the head. So a window that the first
    head takes for the label (a score of one half or more) is left out, with those that overlap it, unless more than one
    in five is such: then a head that mistakes them is likelier than so many calls, and only the highest are left out.
    What is learned is the recordings' own sounds, and what comes near to the label.

    Args:
        problem, train, validation, negatives: As for ``fit_head``.
        backgrounds: None: fit without.
        window_s: Seconds of a window.
        say: Gets a line about what was left out.
    """
    head, penalty = fit_head(problem, train, validation, negatives)
    if backgrounds is None or not len(backgrounds.vectors):
        return head, penalty
    usable, windows = np.ones((len(backgrounds.vectors), len(problem.labels)), bool), len(backgrounds.vectors)
    logits = head.logits(backgrounds.vectors)
    for i, label in enumerate(problem.labels):
        alike = logits[:, i] >= 0
        most = int(_MOST_LEFT_OUT * windows)
        if alike.sum() > most:
            alike = np.zeros(windows, bool)
            alike[np.argsort(-logits[:, i], kind="stable")[:most]] = True
        usable[_and_overlapping(alike, backgrounds, window_s), i] = False
        say(
            f"{int(usable[:, i].sum()):,} of {windows:,} background windows serve as negatives of {label}; the others "
            f"are left out: {int(alike.sum()):,} that score like it, and those that overlap them"
        )
    rng, drawn = np.random.default_rng(problem.seed), np.zeros(windows, bool)
    for _ in range(_ROUNDS):
        hardest = np.where(usable, head.logits(backgrounds.vectors), -np.inf).max(axis=1)
        drawn[np.argsort(-hardest, kind="stable")[:_DRAWN]] = True
        drawn[rng.permutation(windows)[:_DRAWN]] = True
        chosen = drawn & usable.any(axis=1)
        mined = Negatives(backgrounds.vectors[chosen], usable[chosen].astype(np.float32))
        head, penalty = fit_head(problem, train, validation, mined if negatives is None else negatives.and_(mined))
    return head, penalty


def _and_overlapping(alike: np.ndarray, backgrounds: Backgrounds, window_s: float) -> np.ndarray:
    """bool ``[windows]``: those, and the ones before and behind that overlap them."""
    found = alike.copy()
    for k in range(1, len(alike)):
        near = backgrounds.recordings[k:] == backgrounds.recordings[:-k]
        near &= backgrounds.start_s[k:] - backgrounds.start_s[:-k] < window_s
        if not near.any():
            break
        found[k:] |= alike[:-k] & near
        found[:-k] |= alike[k:] & near
    return found

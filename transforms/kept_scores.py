"""Scores of windows of which those below a floor may be left out: a day of thousands of labels in little memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence

import numpy as np

# With up to so many labels all scores are kept.
DENSE_LABELS = 10
# The floor with more, unless the user says otherwise.
MIN_SCORE = 0.05


def usual_floor(thresholds: Collection[float]) -> float | None:
    """The floor that the scores of labels with these thresholds have unless the user gives one; None: all are kept."""
    return min(MIN_SCORE, *thresholds) if len(thresholds) > DENSE_LABELS else None


@dataclasses.dataclass(frozen=True)
class Keeping:
    """Which scores of a network are kept.

    Attributes:
        columns: The labels, as indices into the network's; None: all of them.
        floor: The lowest score that is kept of every label; None: all scores are kept.
    """

    columns: tuple[int, ...] | None = None
    floor: float | None = None

    def of(self, scores: np.ndarray) -> KeptScores:
        """float32 ``[windows, labels of the network]`` → what is kept of them."""
        return KeptScores.of(scores if self.columns is None else scores[:, list(self.columns)], self.floor)


@dataclasses.dataclass(frozen=True, eq=False)
class KeptScores:
    """The scores of windows that are kept: all of them, or those of at least a floor and each window's highest.

    Attributes:
        windows: How many windows there are.
        labels: How many labels there are.
        window: int32 ``[kept]``, ascending: which window a score is of.
        label: int32 ``[kept]``, ascending within a window: which label it is of.
        value: float32 ``[kept]``: the score.
        floor: The lowest score that is kept of every label; None: all scores are kept.
    """

    windows: int
    labels: int
    window: np.ndarray
    label: np.ndarray
    value: np.ndarray
    floor: float | None = None

    @classmethod
    def of(cls, scores: np.ndarray, floor: float | None = None) -> KeptScores:
        """float32 ``[windows, labels]`` → what is kept of them."""
        windows, labels = scores.shape
        if floor is None:
            window, label = np.divmod(np.arange(scores.size, dtype=np.int32), np.int32(max(labels, 1)))
            return cls(windows, labels, window, label, np.ascontiguousarray(scores, np.float32).reshape(-1))
        keep = scores >= np.float32(floor)
        if scores.size:
            keep[np.arange(windows), scores.argmax(axis=1)] = True
        window, label = np.nonzero(keep)
        return cls(
            windows, labels, window.astype(np.int32), label.astype(np.int32), scores[keep].astype(np.float32), floor
        )

    @classmethod
    def joined(cls, parts: Sequence[KeptScores]) -> KeptScores:
        """The scores of windows that follow one another; at least one part."""
        firsts = np.cumsum([0, *(part.windows for part in parts)], dtype=np.int64)
        return cls(
            int(firsts[-1]),
            parts[0].labels,
            np.concatenate([part.window + np.int32(first) for part, first in zip(parts, firsts[:-1], strict=True)]),
            np.concatenate([part.label for part in parts]),
            np.concatenate([part.value for part in parts]),
            parts[0].floor,
        )

    def column(self, label: int, below: float = 0.0) -> np.ndarray:
        """One label's scores, float32 ``[windows]``, with ``below`` for those under the floor, kept or not."""
        if self.floor is None:
            return self.value.reshape(self.windows, self.labels)[:, label]
        scores = np.full(self.windows, below, np.float32)
        # Few labels of a recording are asked for, so that one pass over what is kept for each costs less than an index.
        chosen = (self.label == label) & (self.value >= np.float32(self.floor))
        scores[self.window[chosen]] = self.value[chosen]
        return scores

    def highest(self) -> np.ndarray:
        """Each label's highest kept score, float32 ``[labels]``; −∞ for a label of which none is kept."""
        highest = np.full(self.labels, -np.inf, np.float32)
        np.maximum.at(highest, self.label, self.value)
        return highest

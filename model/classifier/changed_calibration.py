"""From the stored scores of one calibration to those of another one of the same network; pure NumPy."""

from __future__ import annotations

import dataclasses

import numpy as np

from soundbeam.model.classifier.calibration import NETWORK_LIMIT, Calibration, sigmoid


@dataclasses.dataclass(frozen=True, eq=False)
class ChangedScores:
    """What the network's scores become by the new calibration.

    Attributes:
        scores: float32 ``[windows, labels]``.
        low, high: float32 of the same shape: between these lies what the network's own scores would give. Stored scores
            are float32, so that several of the network's near 1 may have become one.
    """

    scores: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclasses.dataclass(frozen=True)
class ChangedCalibration:
    """An old calibration undone and a new one applied.

    Attributes:
        old: Of the stored scores; None: they are the network's own.
        new: Of the scores that are asked for; None: the network's own.
    """

    old: Calibration | None
    new: Calibration | None

    @property
    def possible(self) -> bool:
        """Whether it can be done: the scores of a classifier, which add up to 1, are not brought back."""
        return self.old == self.new or all(c is None or c.biases for c in (self.old, self.new))

    def apply(self, stored: np.ndarray) -> ChangedScores:
        """Stored scores, float32 ``[windows, labels]``, of all labels that the calibrations are of."""
        if self.old == self.new:
            return ChangedScores(stored, stored, stored)
        labels = stored.shape[1]
        old, new = _lines(self.old, labels), _lines(self.new, labels)
        low, high = (_undone(_middle(stored, end), old) for end in (0, 1))
        # The old calibration made one score of all that lie beyond the limit.
        low, high = np.where(low <= NETWORK_LIMIT, 0.0, low), np.where(high >= 1 - NETWORK_LIMIT, 1.0, high)
        exact = (old == [[1.0], [0.0]]).all(axis=0)
        low, high = np.where(exact, stored, low), np.where(exact, stored, high)
        # The network's score was float32, too: where only one lies between the ends, it is that one.
        network = np.clip(_undone(stored.astype(np.float64), old).astype(np.float32), low, high)
        kept = (old == new).all(axis=0)
        scores, low, high = (
            np.where(kept, stored, (self.new.apply(of_network) if self.new else of_network).astype(np.float32))
            for of_network in (network, low, high)
        )
        return ChangedScores(scores, low, high)


def _middle(stored: np.ndarray, end: float) -> np.ndarray:
    """The middle between each float32 and its neighbour towards ``end``: what lies beyond is rounded to that one."""
    return (stored + np.nextafter(stored, np.float32(end)).astype(np.float64)) / 2


def _undone(scores: np.ndarray, lines: np.ndarray) -> np.ndarray:
    """float64 ``[windows, labels]`` → the network's; unlike `Calibration.undone`, to the last digit."""
    slopes, biases = lines
    with np.errstate(divide="ignore"):
        odds = np.log(scores) - np.log1p(-scores)
    return np.where((slopes == 1) & (biases == 0), scores, sigmoid((odds - biases) / slopes))


def _lines(calibration: Calibration | None, labels: int) -> np.ndarray:
    """float64 ``[2, labels]``: slopes and biases."""
    lines = [(1.0, 0.0) if calibration is None else calibration.of_label(i) for i in range(labels)]
    return np.array(lines, np.float64).T

"""What a report needs to know of the validation split: scores with their truth, and the worst mistakes.

Sounds are kept as small spectrograms only.
"""

from __future__ import annotations

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class LabelScores:
    """The scores of one label in the windows of the validation split, without ambiguous windows.

    Attributes:
        label: Its name.
        truth: bool ``[windows]``.
        scores: float64 ``[windows]``.
        threshold: The score from which a window counts.
        before: float64 ``[windows]``: the scores before they were calibrated; None where they are not.
    """

    label: str
    truth: np.ndarray
    scores: np.ndarray
    threshold: float
    before: np.ndarray | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Picture:
    """A spectrogram with a caption.

    Attributes:
        decibels: float32 ``[bands, columns]``, lowest first; on any scale.
        caption: Shown below it.
        span: Start and end of what the caption describes, as shares of the width; None for all of it.
    """

    decibels: np.ndarray
    caption: str
    span: tuple[float, float] | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Gallery:
    """Pictures of one kind, the worst first; a title, and a line of explanation."""

    title: str
    explanation: str
    pictures: tuple[Picture, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Evidence:
    """Everything that a report shows and the bundle does not contain.

    Attributes:
        labels: In the bundle's order.
        galleries: The worst mistakes.
        chosen: Of a classifier: whether the label with the highest score is true, bool ``[windows]``, and that score.
        chosen_before: The same score before calibration.
    """

    labels: tuple[LabelScores, ...]
    galleries: tuple[Gallery, ...]
    chosen: tuple[np.ndarray, np.ndarray] | None = None
    chosen_before: np.ndarray | None = None

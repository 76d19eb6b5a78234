"""What a classifier did on the validation split, kept for its report: scores with their truth, and its worst mistakes.

Sounds are kept as small spectrograms only.
"""

from __future__ import annotations

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class LabelScores:
    """Windows of the validation split and their scores of one label; ambiguous windows are left out.

    Attributes:
        label: Its name.
        truth: bool ``[windows]``.
        scores: float64 ``[windows]``.
        threshold: The chosen one.
        before: float64 ``[windows]``: the scores before they were calibrated; None where they are not.
    """

    label: str
    truth: np.ndarray
    scores: np.ndarray
    threshold: float
    before: np.ndarray | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class CaptionedSpectrogram:
    """A spectrogram with a caption.

    Attributes:
        decibels: float32 ``[bands, columns]``, lowest first; on any scale.
        caption: What it is.
        span: Start and end of what the caption describes, as shares of the width; None: all of it.
    """

    decibels: np.ndarray
    caption: str
    span: tuple[float, float] | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Gallery:
    """Pictures of one kind, the worst first; a title, and a line of explanation."""

    title: str
    explanation: str
    pictures: tuple[CaptionedSpectrogram, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Evidence:
    """What a report shows and the bundle does not hold.

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

"""The figures of a training: of the validation split, and of what a cross-validation held out."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class DetectionFigures:
    """How well one label is detected in soundscapes, or the means over several labels; None is what is not defined.

    Attributes:
        average_precision: Of the windows' scores.
        roc_auc: Of the windows' scores.
        exact_share: Share of the counts that are right.
        mean_absolute_error: Of the counts.
        precision: Of the calls.
        recall: Of the calls.
        f1: Of the calls.
        expected_calibration_error: Of the windows' scores.
        intervals_that_hold: Share of the counts' intervals that hold the true count.
        interval_width: Mean width of the counts' intervals, in calls.
    """

    average_precision: float | None
    roc_auc: float | None
    exact_share: float | None
    mean_absolute_error: float | None
    precision: float | None
    recall: float | None
    f1: float | None
    expected_calibration_error: float | None
    intervals_that_hold: float | None
    interval_width: float | None


@dataclasses.dataclass(frozen=True)
class ClassificationFigures:
    """How well held-out clips are told apart, a clip's scores being the means of its windows'.

    Attributes:
        accuracy: Share of the clips whose highest score is their label's.
        macro_f1: Mean of the labels' F1.
        log_loss: Mean of −ln of the true label's score.
    """

    accuracy: float | None
    macro_f1: float | None
    log_loss: float | None


@dataclasses.dataclass(frozen=True)
class LabelF1:
    """One label's F1 in held-out clips; None where it is neither true nor predicted."""

    f1: float | None


@dataclasses.dataclass(frozen=True)
class WindowFigures:
    """How well one label of a classifier is told apart in windows of the validation split.

    Attributes:
        windows: That have it.
        f1: None where it is neither true nor predicted.
    """

    windows: int
    f1: float | None


def mean(values: list[float | None]) -> float | None:
    """The mean of those that are defined; None where none is."""
    defined = [value for value in values if value is not None]
    return float(np.mean(defined)) if defined else None


def plain(figures: Any) -> dict[str, Any]:
    """Name → value of a dataclass of figures; {} of None, where nothing was measured."""
    return {} if figures is None else dataclasses.asdict(figures)

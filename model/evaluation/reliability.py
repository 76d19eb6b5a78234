"""How well scores agree with how often they are right."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

BINS = 10


@dataclasses.dataclass(frozen=True, eq=False)
class Reliability:
    """Scores in bins of equal width, and how often those of each are right.

    Attributes:
        edges: float64 ``[bins + 1]``, from 0 to 1.
        counts: int64 ``[bins]``.
        scores: float64 ``[bins]``: the mean score in each; NaN where there is none.
        shares: float64 ``[bins]``: the share of each that is true; NaN where there is none.
    """

    edges: np.ndarray
    counts: np.ndarray
    scores: np.ndarray
    shares: np.ndarray

    @property
    def expected_calibration_error(self) -> float | None:
        """Σ counts / n × |share − mean score|: 0 where scores are probabilities; None where there are no scores."""
        filled = self.counts > 0
        if not filled.any():
            return None
        gaps = np.abs(self.shares[filled] - self.scores[filled])
        return float(np.sum(self.counts[filled] * gaps) / self.counts.sum())


def reliability(truth: npt.ArrayLike, scores: npt.ArrayLike, bins: int = BINS) -> Reliability:
    """The reliability diagram of scores, in bins of equal width that hold their upper edge.

    The expected calibration error over these bins is that of Guo et al., On Calibration of Modern Neural Networks,
    ICML 2017, with 10 bins. They ask whether the chosen class is right: give for a classifier ``truth`` = whether the
    label with the highest score is the true one, ``scores`` = that score. For one label of a detector it is asked
    whether the label is true.

    Args:
        truth: bool ``[n]``.
        scores: ``[n]``, 0 to 1.
        bins: How many.

    Raises:
        ValueError: The lengths differ, or a score is not within 0 to 1.
    """
    truth, scores = np.asarray(truth, dtype=bool), np.asarray(scores, dtype=np.float64)
    if truth.shape != scores.shape or truth.ndim != 1:
        raise ValueError(f"truth {truth.shape} and scores {scores.shape} must be one list each, equally long")
    if not np.all((scores >= 0) & (scores <= 1)):
        raise ValueError("a score is not within 0 to 1")
    edges = np.arange(bins + 1) / bins
    at = np.maximum(np.searchsorted(edges, scores, "left") - 1, 0)
    counts = np.bincount(at, minlength=bins)
    with np.errstate(invalid="ignore"):
        means = np.bincount(at, scores, bins) / counts
        shares = np.bincount(at, truth.astype(np.float64), bins) / counts
    return Reliability(edges, counts, means, shares)

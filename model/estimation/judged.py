"""What an estimate is made from: windows that were judged, and how many windows there are of each score."""

from __future__ import annotations

import dataclasses

import numpy as np

from soundbeam.model.classifier.calibration import log_odds


@dataclasses.dataclass(frozen=True, eq=False)
class Judged:
    """Windows that were drawn with known weights and judged; those judged unsure are left out.

    Attributes:
        yes: bool ``[n]``: whether the window contains the sound.
        score: float64 ``[n]``, 0 to 1.
        stratum: int ``[n]``: a row of the population's strata.
        weight: float64 ``[n]``: how many windows of its stratum it stands for, up to a factor for each stratum: the
            inverse of the probability with which spacing and limits left it to be drawn.
        doubled: bool ``[n]``: whether a second person judged it alike.
    """

    yes: np.ndarray
    score: np.ndarray
    stratum: np.ndarray
    weight: np.ndarray
    doubled: np.ndarray

    @classmethod
    def of(cls, yes, score, stratum, weight=None, doubled=None) -> Judged:
        """The same from any sequences; weights are 1 and nothing is doubled unless it is said."""
        yes = np.asarray(yes, bool)
        return cls(
            yes,
            np.asarray(score, np.float64),
            np.asarray(stratum, np.int64),
            np.ones(len(yes)) if weight is None else np.asarray(weight, np.float64),
            np.zeros(len(yes), bool) if doubled is None else np.asarray(doubled, bool),
        )

    def __len__(self) -> int:
        return len(self.yes)

    @property
    def log_odds(self) -> np.ndarray:
        """Of the scores, float64 ``[n]``."""
        return log_odds(self.score)

    def those(self, chosen: np.ndarray) -> Judged:
        """Some of them."""
        return Judged(*(getattr(self, field.name)[chosen] for field in dataclasses.fields(self)))


@dataclasses.dataclass(frozen=True, eq=False)
class Population:
    """All windows, counted by stratum and by bins of the score; lines of a sparse histogram.

    Attributes:
        stratum: int64 ``[lines]``.
        score: float64 ``[lines]``: the mean score of the line's windows.
        windows: int64 ``[lines]``.
        strata: How many strata there are; some may have no windows.
        domain: int64 ``[lines]``: a site, a night or an hour; zeros where none is asked for.
        domains: How many of them there are.
    """

    stratum: np.ndarray
    score: np.ndarray
    windows: np.ndarray
    strata: int
    domain: np.ndarray
    domains: int = 1

    @classmethod
    def of(cls, stratum, score, windows, strata=None, domain=None, domains=1) -> Population:
        """The same from any sequences, without lines of no windows."""
        stratum, windows = np.asarray(stratum, np.int64), np.asarray(windows, np.int64)
        score = np.asarray(score, np.float64)
        domain = np.zeros(len(stratum), np.int64) if domain is None else np.asarray(domain, np.int64)
        full = windows > 0
        strata = int(stratum.max(initial=-1)) + 1 if strata is None else strata
        return cls(stratum[full], score[full], windows[full], strata, domain[full], domains)

    @property
    def log_odds(self) -> np.ndarray:
        """Of the scores, float64 ``[lines]``."""
        return log_odds(self.score)

    @property
    def of_strata(self) -> np.ndarray:
        """Windows of each stratum, int64 ``[strata]``."""
        return np.bincount(self.stratum, self.windows, self.strata).astype(np.int64)

"""How the share of windows with the sound rises with the score: a logistic with its uncertainty; pure NumPy.

The log-odds of the share are a + b × the score's log-odds. Instead of one best line there are draws from the posterior
under Jeffreys' prior, which is Firth's penalty (Bias reduction of maximum likelihood estimates, Biometrika 1993), and a
log-normal prior of the slope around 1, the slope of calibrated scores. So the fit is finite when every verdict is yes,
and wide when there are few. The posterior of two parameters is computed on a grid, not by a normal approximation,
which is wrong where verdicts are few or all alike.

Given the score, it does not matter that some scores were drawn more often than others: strata by score are ignorable
(Pfeffermann, The role of sampling weights when modeling survey data, 1993). So windows have the weights that spacing
and limits gave them, and not those of their strata, which would only make the fit less certain.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from soundbeam.model.classifier.calibration import sigmoid
from soundbeam.model.estimation.judged import Judged

_SLOPE_SPREAD = 0.7  # of the slope's logarithm: between 1/4 and 4 nineteen times in twenty
_GRID = 41
_BINS = 48  # windows of nearly the same score are summed
_ROUNDS = 3


@dataclasses.dataclass(frozen=True, eq=False)
class ScoreFit:
    """Draws of the logistic.

    Attributes:
        centre: The log-odds at which ``height`` is taken.
        height: float64 ``[draws]``: the share's log-odds there.
        slope: float64 ``[draws]``.
        error: float64 ``[draws]``: how often a verdict is wrong.
        best: The posterior's mean height and slope.
    """

    centre: float
    height: np.ndarray
    slope: np.ndarray
    error: np.ndarray
    best: tuple[float, float]

    def log_odds(self, of_scores: np.ndarray) -> np.ndarray:
        """The log-odds of the share with the sound, float64 ``[draws, n]``, at scores with these log-odds."""
        return self.height[:, None] + self.slope[:, None] * (of_scores[None, :] - self.centre)

    def log_odds_of_draw(self, of_scores: np.ndarray, draw: int) -> np.ndarray:
        """The same by one draw, float64 ``[n]``."""
        return self.height[draw] + self.slope[draw] * (of_scores - self.centre)

    def shares(self, of_scores: np.ndarray) -> np.ndarray:
        """The share itself, float64 ``[draws, n]``."""
        return sigmoid(self.log_odds(of_scores))

    def best_log_odds(self, of_scores: np.ndarray) -> np.ndarray:
        """The same by the mean parameters, float64 ``[n]``."""
        return self.best[0] + self.best[1] * (of_scores - self.centre)


def fit_scores(judged: Judged, draws: int, rng: np.random.Generator, error: np.ndarray | None = None) -> ScoreFit:
    """Fits the logistic to verdicts.

    Args:
        judged: At least one window.
        draws: How many draws of the posterior.
        rng: Decides them.
        error: float64 ``[draws]``: draws of the share of a single person's verdicts that are wrong; None: none is.
    """
    x, yes, n = _binned(judged)
    wrong = 0.0 if error is None else float(np.mean(error)) * (1.0 - float(np.mean(judged.doubled)))
    centre = float(np.average(x, weights=n))
    height, slope = np.meshgrid(np.linspace(-12, 12, 97), np.linspace(-2.5, 2.0, 46), indexing="ij")
    grid = np.stack([height.ravel(), slope.ravel()], 1)
    steps = np.array([24 / 96, 4.5 / 45])
    axes = np.diag(steps)
    for _ in range(_ROUNDS):
        density = _posterior(grid, x - centre, yes, n, wrong)
        mean = density @ grid
        around = grid - mean
        # At least half a step of the grid that it was measured on, or a narrow posterior would seem to have no width.
        spread = (density[:, None] * around).T @ around + axes @ axes.T / 12
        root = np.linalg.cholesky(spread)
        side = np.linspace(-5, 5, _GRID)
        unit = np.stack([v.ravel() for v in np.meshgrid(side, side, indexing="ij")], 1)
        grid, axes = mean + unit @ root.T, root * (side[1] - side[0])
    density = _posterior(grid, x - centre, yes, n, wrong)
    chosen = grid[rng.choice(len(grid), draws, p=density)] + rng.uniform(-0.5, 0.5, (draws, 2)) @ axes.T
    mean = density @ np.stack([grid[:, 0], np.exp(grid[:, 1])], 1)
    return ScoreFit(
        centre, chosen[:, 0], np.exp(chosen[:, 1]), np.zeros(draws) if error is None else error,
        (float(mean[0]), float(mean[1])),
    )  # fmt: skip


def fit_line(judged: Judged) -> tuple[float, float]:
    """The line that turns log-odds of scores into log-odds of the share with the sound.

    Returns:
        Its slope and its height at log-odds of 0, the posterior's means.
    """
    fit = fit_scores(judged, 1, np.random.default_rng(0))
    height, slope = fit.best
    return slope, height - slope * fit.centre


def _binned(judged: Judged) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log-odds, weighted yes and weighted windows of bins; the weights add up to the effective number of windows."""
    x, weight = judged.log_odds, effective_weights(judged)
    edges = np.unique(np.quantile(x, np.linspace(0, 1, _BINS + 1)))
    bins = np.clip(np.searchsorted(edges, x, "right") - 1, 0, max(len(edges) - 2, 0))
    n = np.bincount(bins, weight)
    full = n > 0
    return (np.bincount(bins, weight * x)[full] / n[full], np.bincount(bins, weight * judged.yes)[full], n[full])


def effective_weights(judged: Judged) -> np.ndarray:
    """Weights that add up, in each stratum, to the number of windows that would know as much with equal weights (Kish).

    Survey Sampling, 1965: (Σ w)² / Σ w².
    """
    at = judged.stratum
    total, squares = np.bincount(at, judged.weight), np.bincount(at, judged.weight**2)
    return judged.weight * total[at] / squares[at]


def _posterior(grid: np.ndarray, x: np.ndarray, yes: np.ndarray, n: np.ndarray, wrong: float) -> np.ndarray:
    """The probability of each point (height, log of the slope) of a grid, float64 ``[points]``."""
    slope = np.exp(grid[:, 1])
    eta = grid[:, :1] + slope[:, None] * x
    share = sigmoid(eta)
    if wrong:
        seen = np.clip(wrong + (1 - 2 * wrong) * share, 1e-300, 1.0)
        likelihood = np.log(seen) @ yes + np.log1p(-np.minimum(seen, 1 - 1e-16)) @ (n - yes)
    else:
        likelihood = -np.logaddexp(0, -eta) @ yes - np.logaddexp(0, eta) @ (n - yes)
    spread = share * (1 - share) * n
    a, b, c = spread.sum(1), spread @ x, spread @ (x * x)
    jeffreys = 0.5 * np.log(np.maximum(a * c - b * b, 1e-300)) if len(x) > 1 else 0.5 * np.log(np.maximum(a, 1e-300))
    log_density = likelihood + jeffreys - 0.5 * (grid[:, 1] / _SLOPE_SPREAD) ** 2
    density = np.exp(log_density - log_density.max())
    return density / density.sum()

"""How the share of windows with the sound rises with the score: a logistic with its uncertainty; pure NumPy.

The log-odds of the share rise linearly with the score's log-odds, and may have another slope above the score at which
half of the windows have the sound. Instead of one best line there are draws from the posterior under Jeffreys' prior of
a straight line, which is Firth's penalty (Bias reduction of maximum likelihood estimates, Biometrika 1993), and
log-normal priors around 1, the slope of calibrated scores, and around equal slopes. So the fit is finite when every
verdict is yes, and wide when there are few. The posterior is computed on a grid, not by a normal approximation, which
is wrong where verdicts are few or all alike.

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
_BEND_SPREAD = 0.5  # of the logarithm of the ratio of the slopes above and below
_WITHIN = (0.1, 0.9)  # of the scores: where the slope may change
_STRAIGHT = (np.linspace(-12, 12, 97), np.linspace(-2.5, 2.0, 31))
_BENT = (np.linspace(-12, 12, 49), np.linspace(-2.5, 2.0, 19), np.linspace(-1.5, 1.5, 9))
_REACH = 5.0  # standard deviations
_GRID = {2: 31, 3: 19}
_BINS = 48  # windows of nearly the same score are summed
_ROUNDS = 3


@dataclasses.dataclass(frozen=True, eq=False)
class ScoreFit:
    """Draws of the logistic.

    Attributes:
        centre: The log-odds at which ``height`` is taken, and where the slope may change.
        height: float64 ``[draws]``: the share's log-odds there.
        below, above: float64 ``[draws]``: the slopes below and above the centre.
        error: float64 ``[draws]``: how often a verdict is wrong.
        best: The posterior's mean height and slopes.
    """

    centre: float
    height: np.ndarray
    below: np.ndarray
    above: np.ndarray
    error: np.ndarray
    best: tuple[float, float, float]

    def log_odds(self, of_scores: np.ndarray) -> np.ndarray:
        """The log-odds of the share with the sound, float64 ``[draws, n]``, at scores with these log-odds."""
        low, high = np.minimum(of_scores - self.centre, 0.0), np.maximum(of_scores - self.centre, 0.0)
        return self.height[:, None] + self.below[:, None] * low + self.above[:, None] * high

    def log_odds_of_draw(self, of_scores: np.ndarray, draw: int) -> np.ndarray:
        """The same by one draw, float64 ``[n]``."""
        away = of_scores - self.centre
        return self.height[draw] + np.where(away < 0, self.below[draw], self.above[draw]) * away

    def shares(self, of_scores: np.ndarray) -> np.ndarray:
        """The share itself, float64 ``[draws, n]``."""
        return sigmoid(self.log_odds(of_scores))

    def best_log_odds(self, of_scores: np.ndarray) -> np.ndarray:
        """The log-odds of the share by the mean parameters, float64 ``[n]``."""
        away = of_scores - self.centre
        return self.best[0] + np.where(away < 0, self.best[1], self.best[2]) * away


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
    middle = float(np.average(x, weights=n))
    straight, density, _ = _search(_STRAIGHT, x - middle, yes, n, wrong)
    height, slope = density @ straight[:, 0], np.exp(density @ straight[:, 1])
    # The slope may change where as many windows have the sound as have not: there verdicts tell most.
    centre = float(np.clip(middle - height / slope, *np.quantile(x, _WITHIN)))
    grid, density, axes = _search(_BENT, x - centre, yes, n, wrong)
    chosen = grid[rng.choice(len(grid), draws, p=density)] + rng.uniform(-0.5, 0.5, (draws, 3)) @ axes.T
    height, below, above = _parameters(chosen)
    best_height, best_below, best_above = (float(density @ values) for values in _parameters(grid))
    best = best_height, best_below, best_above
    return ScoreFit(centre, height, below, above, np.zeros(draws) if error is None else error, best)


def fit_line(judged: Judged) -> tuple[float, float]:
    """The straight line that turns log-odds of scores into log-odds of the share with the sound.

    Returns:
        Its slope and its height at log-odds of 0, the posterior's means.
    """
    x, yes, n = _binned(judged)
    middle = float(np.average(x, weights=n))
    grid, density, _ = _search(_STRAIGHT, x - middle, yes, n, 0.0)
    slope = float(np.exp(density @ grid[:, 1]))
    return slope, float(density @ grid[:, 0]) - slope * middle


def _search(
    grid_of: tuple[np.ndarray, ...], x: np.ndarray, yes: np.ndarray, n: np.ndarray, wrong: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A grid of parameters around the posterior's mean, the probability of each point, and the grid's steps."""
    grid = np.stack([values.ravel() for values in np.meshgrid(*grid_of, indexing="ij")], 1)
    axes = np.diag([values[1] - values[0] for values in grid_of])
    side = np.linspace(-_REACH, _REACH, _GRID[len(grid_of)])
    unit = np.stack([v.ravel() for v in np.meshgrid(*[side] * len(grid_of), indexing="ij")], 1)
    for _ in range(_ROUNDS):
        density = _posterior(grid, x, yes, n, wrong)
        mean = density @ grid
        around = grid - mean
        # At least a step of the grid that it was measured on, or a narrow posterior would seem to have no width.
        spread = (density[:, None] * around).T @ around + axes @ axes.T / 12
        root = np.linalg.cholesky(spread)
        grid, axes = mean + unit @ root.T, root * (side[1] - side[0])
    return grid, _posterior(grid, x, yes, n, wrong), axes


def _parameters(grid: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Height and slopes of points (height, logarithm of the slope, and of the ratio of the slopes above and below)."""
    bend = grid[:, 2] / 2 if grid.shape[1] > 2 else 0.0
    return grid[:, 0], np.exp(grid[:, 1] - bend), np.exp(grid[:, 1] + bend)


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
    """The probability of each point of a grid, see `_parameters`, float64 ``[points]``."""
    height, below, above = _parameters(grid)
    eta = height[:, None] + np.where(x < 0, below[:, None], above[:, None]) * x
    share = sigmoid(eta)
    if wrong:
        seen = np.clip(wrong + (1 - 2 * wrong) * share, 1e-300, 1.0)
        likelihood = np.log(seen) @ yes + np.log1p(-np.minimum(seen, 1 - 1e-16)) @ (n - yes)
    else:
        likelihood = -np.logaddexp(0, -eta) @ yes - np.logaddexp(0, eta) @ (n - yes)
    spread = share * (1 - share) * n
    a, b, c = spread.sum(1), spread @ x, spread @ (x * x)
    information = a * c - b * b if len(x) > 1 else a
    log_density = likelihood + 0.5 * np.log(np.maximum(information, 1e-300))
    log_density -= 0.5 * np.sum((grid[:, 1:] / (_SLOPE_SPREAD, _BEND_SPREAD)[: grid.shape[1] - 1]) ** 2, 1)
    density = np.exp(log_density - log_density.max())
    return density / density.sum()

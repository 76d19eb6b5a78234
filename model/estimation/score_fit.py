"""How the share of windows with the sound rises with the score: a logistic with its uncertainty; pure NumPy.

The log-odds of the share are a + b × the score's log-odds, plus a deviation of each stratum, since no detector's scores
follow a line exactly. Deviations are normal around 0, and how large they are is found from the verdicts (a logistic
mixed model, as in Gelman and Hill, Data Analysis Using Regression and Multilevel/Hierarchical Models, 2007). So a
stratum that was looked at often speaks for itself, and one without a yes has a share near the line, but uncertain.

Instead of one best line there are draws from the posterior, computed on a grid and not by a normal approximation, which
is wrong where verdicts are few or all alike. The priors keep it finite when every verdict is yes, and wide when there
are few: the slope's is log-normal around 1, the slope of calibrated scores; the height's says next to nothing. Firth's
penalty, which needs no prior of the height, adds calls to strata without any: where these have a million windows, it
made the totals of simulations up to three fifths too high.

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
_HEIGHT_SPREAD = 8.0
_BINS = 48  # windows of a stratum with nearly the same score are summed
_BINS_A_STRATUM = 3  # at least
_HEIGHTS, _LOG_SLOPES = np.linspace(-12, 12, 97), np.linspace(-2.5, 2.0, 46)
_SIDE = np.linspace(-4.5, 4.5, 21)  # of the grid, in standard deviations
_WIDER = 1.5  # than without deviations
_FURTHEST, _STRETCH = 3.9, 0.25  # deviations reach to sinh(3.9) / 4, or 6, and lie closest to each other near 0
_DEVIATIONS = 41
_LOOKS = 200  # of a stratum, above which its share is so well known that deviations must lie closer
# Standard deviations of the deviations, and their prior: half of a Cauchy distribution.
_SIZES = np.array([0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0])
_SIZES_PRIOR = np.gradient(_SIZES) / (1 + (_SIZES / 0.5) ** 2)
_ERRORS = (0.1, 0.3, 0.5, 0.7, 0.9)  # quantiles of the share of wrong verdicts
_LEAST = 1e-300


@dataclasses.dataclass(frozen=True, eq=False)
class ScoreFit:
    """Draws of the logistic.

    Attributes:
        centre: The log-odds at which ``height`` is taken.
        height: float64 ``[draws]``: the share's log-odds there.
        slope: float64 ``[draws]``.
        deviation: float64 ``[draws, strata]``: what is added to the log-odds in each stratum.
        error: float64 ``[draws]``: how often a verdict is wrong.
        best: The posterior's mean height and slope.
    """

    centre: float
    height: np.ndarray
    slope: np.ndarray
    deviation: np.ndarray
    error: np.ndarray
    best: tuple[float, float]

    def log_odds(self, of_scores: np.ndarray, stratum: np.ndarray | None = None) -> np.ndarray:
        """The log-odds of the share with the sound, float64 ``[draws, n]``.

        Args:
            of_scores: float64 ``[n]``: the log-odds of the scores.
            stratum: int ``[n]``: whose deviations are added; None: none.
        """
        line = self.height[:, None] + self.slope[:, None] * (of_scores[None, :] - self.centre)
        return line if stratum is None else line + self.deviation[:, stratum]

    def log_odds_of_draw(self, of_scores: np.ndarray, stratum: np.ndarray, draw: int) -> np.ndarray:
        """The same by one draw, float64 ``[n]``."""
        line = self.height[draw] + self.slope[draw] * (of_scores - self.centre)
        return line + self.deviation[draw, stratum]

    def best_log_odds(self, of_scores: np.ndarray, stratum: np.ndarray) -> np.ndarray:
        """The same by the mean parameters, float64 ``[n]``."""
        return self.best[0] + self.best[1] * (of_scores - self.centre) + self.deviation.mean(0)[stratum]

    def shares(self, of_scores: np.ndarray, stratum: np.ndarray | None = None) -> np.ndarray:
        """The share itself, float64 ``[draws, n]``; see `log_odds`."""
        return sigmoid(self.log_odds(of_scores, stratum))


def fit_scores(
    judged: Judged, draws: int, rng: np.random.Generator, error: np.ndarray | None = None, strata: int | None = None
) -> ScoreFit:
    """Fits the logistic to verdicts.

    Args:
        judged: At least one window.
        draws: How many draws of the posterior.
        rng: Decides them.
        error: float64 ``[draws]``: draws of the share of a single person's verdicts that are wrong; None: none is.
        strata: How many strata there are; None: up to the last that was looked at.
    """
    cells = _Cells.of(judged)
    wrong = np.zeros(1) if error is None else np.quantile(error, _ERRORS)
    heights, log_slopes = np.meshgrid(_HEIGHTS, _LOG_SLOPES, indexing="ij")
    grid = np.stack([heights.ravel(), log_slopes.ravel()], 1)
    axes = np.diag([_HEIGHTS[1] - _HEIGHTS[0], _LOG_SLOPES[1] - _LOG_SLOPES[0]])
    unit = np.stack([v.ravel() for v in np.meshgrid(_SIDE, _SIDE, indexing="ij")], 1)
    offsets, prior = np.zeros(1), np.ones((1, 1))
    chance, likelihood = _posterior(grid, cells, wrong, offsets, prior)
    for wider in (_WIDER, 1.0):
        of_points = chance.sum((0, 2))
        mean = of_points @ grid
        around = grid - mean
        # At least half a step of the grid that it was measured on, or a narrow posterior would seem to have no width.
        spread = (of_points[:, None] * around).T @ around + axes @ axes.T / 12
        root = wider * np.linalg.cholesky(spread)
        grid, axes = mean + unit @ root.T, root * (_SIDE[1] - _SIDE[0])
        if len(cells.looked) > 1:  # a deviation of the only stratum would be the same as another height
            offsets, prior = _deviations(cells)
        chance, likelihood = _posterior(grid, cells, wrong, offsets, prior)
    of_wrong, point, size = np.unravel_index(rng.choice(chance.size, draws, p=chance.ravel()), chance.shape)
    chosen = grid[point] + rng.uniform(-0.5, 0.5, (draws, 2)) @ axes.T
    deviation = np.zeros((draws, strata or int(judged.stratum.max()) + 1))
    if len(offsets) > 1:
        deviation = rng.normal(0, _SIZES[size][:, None], deviation.shape)
        step = np.gradient(offsets)
        for k, stratum in enumerate(cells.looked):
            up_to = np.cumsum(likelihood[of_wrong, point, :, k] * prior[size], 1)
            at = np.sum(up_to < rng.random((draws, 1)) * up_to[:, -1:], 1)
            deviation[:, stratum] = offsets[at] + step[at] * rng.uniform(-0.5, 0.5, draws)
    best = chance.sum((0, 2)) @ np.stack([grid[:, 0], np.exp(grid[:, 1])], 1)
    return ScoreFit(
        cells.centre, chosen[:, 0], np.exp(chosen[:, 1]), deviation, wrong[of_wrong], (float(best[0]), float(best[1]))
    )


def fit_line(judged: Judged) -> tuple[float, float]:
    """The line that turns log-odds of scores into log-odds of the share with the sound.

    Returns:
        Its slope and its height at log-odds of 0, the posterior's means.
    """
    fit = fit_scores(judged, 1, np.random.default_rng(0))
    height, slope = fit.best
    return slope, height - slope * fit.centre


@dataclasses.dataclass(frozen=True, eq=False)
class _Cells:
    """Verdicts, summed over windows of one stratum with nearly the same score.

    Attributes:
        centre: The mean log-odds of all.
        x: float64 ``[cells]``: the mean log-odds, less the centre.
        yes, n: float64 ``[cells]``: weighted yes and windows; the weights add up to the effective number of windows.
        single: float64 ``[cells]``: the share of windows that no second person judged alike.
        looked: int64 ``[k]``: the strata that have any.
        of_stratum: float64 ``[cells, k]``: 1 in the column of a cell's stratum.
    """

    centre: float
    x: np.ndarray
    yes: np.ndarray
    n: np.ndarray
    single: np.ndarray
    looked: np.ndarray
    of_stratum: np.ndarray

    @classmethod
    def of(cls, judged: Judged) -> _Cells:
        """Cells of about equally many windows."""
        order = np.lexsort((judged.log_odds, judged.stratum))
        judged = judged.those(order)
        looked, first, at, looks = np.unique(
            judged.stratum, return_index=True, return_inverse=True, return_counts=True
        )  # fmt: skip
        bins = max(_BINS // len(looked), _BINS_A_STRATUM)
        _, cell = np.unique(at * bins + (np.arange(len(at)) - first[at]) * bins // looks[at], return_inverse=True)
        weight = effective_weights(judged)
        n = np.bincount(cell, weight)
        x = np.bincount(cell, weight * judged.log_odds) / n
        of_stratum = np.zeros((len(n), len(looked)))
        of_stratum[cell, at] = 1.0
        centre = float(np.average(x, weights=n))
        yes, single = np.bincount(cell, weight * judged.yes), np.bincount(cell, weight * ~judged.doubled) / n
        return cls(centre, x - centre, np.minimum(yes, n), n, single, looked, of_stratum)


def effective_weights(judged: Judged) -> np.ndarray:
    """Weights that add up, in each stratum, to the number of windows that would know as much with equal weights (Kish).

    Survey Sampling, 1965: (Σ w)² / Σ w².
    """
    at = judged.stratum
    total, squares = np.bincount(at, judged.weight), np.bincount(at, judged.weight**2)
    return judged.weight * total[at] / squares[at]


def _deviations(cells: _Cells) -> tuple[np.ndarray, np.ndarray]:
    """Deviations, float64 ``[d]``, and the probability of each if they have each size, float64 ``[sizes, d]``."""
    closer = np.sqrt(max(1.0, (cells.n @ cells.of_stratum).max() / _LOOKS))
    place = np.linspace(-_FURTHEST, _FURTHEST, round((_DEVIATIONS - 1) * closer) + 1)
    offsets = _STRETCH * np.sinh(place)
    density = np.cosh(place) * np.exp(-0.5 * (offsets / _SIZES[:, None]) ** 2)
    return offsets, density / density.sum(1, keepdims=True) + _LEAST


def _posterior(
    grid: np.ndarray, cells: _Cells, wrong: np.ndarray, offsets: np.ndarray, prior: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The probability of lines, of sizes of deviations, and of shares of wrong verdicts.

    Args:
        grid: float64 ``[points, 2]``: heights and logarithms of slopes.
        cells: The verdicts.
        wrong: float64 ``[errors]``: equally likely before.
        offsets: float64 ``[d]``: deviations.
        prior: float64 ``[sizes, d]``: the probability of each.

    Returns:
        (float64 ``[errors, points, sizes]``; the likelihood of each stratum's verdicts up to a factor, float64
        ``[errors, points, d, strata]``.)
    """
    line = grid[:, :1] + np.exp(grid[:, 1:]) * cells.x
    eta = line[:, None, :] + offsets[:, None]
    of_line = -0.5 * (((grid[:, 0] - cells.centre) / _HEIGHT_SPREAD) ** 2 + (grid[:, 1] / _SLOPE_SPREAD) ** 2)
    log_density, likelihoods = [], []
    for rate in wrong:
        if rate:
            of = rate * cells.single
            seen = np.clip(of + (1 - 2 * of) * sigmoid(eta), _LEAST, 1 - 1e-16)
            told = cells.yes * np.log(seen) + (cells.n - cells.yes) * np.log1p(-seen)
        else:
            told = cells.yes * eta - cells.n * np.logaddexp(0, eta)
        of_strata = told @ cells.of_stratum
        most = of_strata.max(1, keepdims=True)
        likelihoods.append(np.exp(of_strata - most))
        summed = np.log(np.maximum(prior @ likelihoods[-1], _LEAST)) + most
        log_density.append(summed.sum(2) + of_line[:, None])
    density = np.array(log_density) + (np.log(_SIZES_PRIOR) if len(prior) > 1 else 0.0)
    density = np.exp(density - density.max())
    return density / density.sum(), np.array(likelihoods)

"""Tests the claim of 'soundbeam review report': that its 90 % intervals hold the truth nine times in ten.

    python benchmarks/review_coverage.py [--repetitions 300] [--looks 200] [--only bent] [--without-sites]

Corpora of artificial scores, whose truth is known, are drawn from and judged by the same functions that the programs
use. Each repetition has a corpus of its own. A line a corpus: the share of repetitions in which the interval held the
number of windows with the sound, the bias (sum of estimates over sum of truths) and the width (in parts of the truth)
of this and other estimators; the same for precision and recall at a score of ½; and the share of sites whose intervals
held their number. The sites take most of the time. Variants of the estimators were compared with seeds from 1000 on,
and the table in docs/review.md is of seeds from 2000 on, which played no part in choosing.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from collections.abc import Callable

import numpy as np
from scipy.signal import lfilter
from scipy.stats import norm

from soundbeam.model.classifier.calibration import sigmoid
from soundbeam.model.estimation.domains import draw_domains
from soundbeam.model.estimation.drawing import Rules, strata_of
from soundbeam.model.estimation.judged import Judged, Population
from soundbeam.model.estimation.precision import curve
from soundbeam.model.estimation.reviewer_errors import draw_error
from soundbeam.model.estimation.stratified_draw import draw
from soundbeam.model.estimation.totals import DRAWS, LEVEL, estimate

SITES, PER_RECORDING = 20, 500  # windows, one a second
_NOISE, _SPREAD = 1.5, 1.8  # of a background's scores; of the strength of calls
_STEP = 0.25  # of log-odds: bins of the population, as in the report
_BINS = 4 * 40


@dataclasses.dataclass(frozen=True)
class Corpus:
    """An artificial corpus.

    Attributes:
        name: What is special about it.
        rate: The share of windows with the sound.
        recordings: How many, of 500 windows each.
        span: Windows of one call.
        warp: What the detector does to log-odds that are right; None: nothing.
        odd_site: How much higher the background scores at the first site.
        missed: The share of calls that score like background.
        wrong: The share of verdicts that are wrong; then two people judge half of the windows.
    """

    name: str
    rate: float = 0.01
    recordings: int = 200
    span: int = 3
    warp: Callable[[np.ndarray], np.ndarray] | None = None
    odd_site: float = 0.0
    missed: float = 0.0
    wrong: float = 0.0


CORPORA = (
    Corpus("1 window in 100"),
    Corpus("1 window in 10", rate=0.1),
    Corpus("1 window in 10,000", rate=1e-4, recordings=1000),
    Corpus("a site with another background", odd_site=2.0),
    Corpus("scores too flat and too high", warp=lambda x: 0.4 * x + 1.5),
    Corpus("scores too steep", warp=lambda x: 2.0 * x - 1.0),
    Corpus("scores bent", warp=lambda x: np.where(x > 0, 0.3 * x, 1.3 * x)),
    Corpus("reviewers err in 2 %", rate=0.1, wrong=0.02),
    Corpus("long calls, of 12 windows", span=12),
    Corpus("1 call in 20 is not heard", missed=0.05),
)


@dataclasses.dataclass(frozen=True, eq=False)
class Windows:
    """All windows of a corpus: score, truth, site, recording, second."""

    score: np.ndarray
    there: np.ndarray
    site: np.ndarray
    recording: np.ndarray
    start_s: np.ndarray


def synthesize(corpus: Corpus, rng: np.random.Generator) -> Windows:
    """Scores correlated in time, and calls that some sites and recordings have many of and others none."""
    n, per = corpus.recordings, PER_RECORDING
    site = np.arange(n) % SITES
    plenty = rng.gamma(1.5, 1.0, SITES)[site] * rng.gamma(1.0, 1.0, n)
    calls = rng.poisson(corpus.rate * per / corpus.span * plenty / plenty.mean())
    recording = np.repeat(np.arange(n), calls)
    first = rng.integers(0, per - corpus.span + 1, len(recording))
    strength = rng.normal(2.5, _SPREAD, len(recording)) - 9.0 * (rng.random(len(recording)) < corpus.missed)
    background = lfilter([np.sqrt(1 - 0.49)], [1, -0.7], rng.standard_normal((n, per)), axis=1)
    heard = (_NOISE * background - 4 + corpus.odd_site * (site == 0)[:, None]).ravel()
    there = np.zeros(n * per, bool)
    for k in range(corpus.span):
        at = recording * per + first + k
        there[at] = True
        edge = 0.7 if k in (0, corpus.span - 1) else 0.0
        np.maximum.at(heard, at, strength + rng.normal(0, 0.8, len(at)) - edge)
    # A line through the log-odds of a window with this score, as Platt's calibration would find it.
    points = np.array([-6.0, -3.0, 0.0, 3.0])
    right = norm.logpdf(points, 2.2, 2.0) - norm.logpdf(points, -4, _NOISE) + np.log(corpus.rate)
    x = np.polyval(np.polyfit(points, right, 1), heard)
    score = sigmoid(corpus.warp(x) if corpus.warp else x).astype(np.float32)
    second = np.tile(np.arange(per, dtype=np.float64), n)
    return Windows(score, there, np.repeat(site, per), np.repeat(np.arange(n), per), second)


def population_of(windows: Windows, stratum: np.ndarray, by_site: bool) -> tuple[Population, np.ndarray]:
    """The histogram, and the lowest score of each of its lines."""
    score = np.clip(windows.score.astype(np.float64), 1e-6, 1 - 1e-6)
    x = np.clip((np.log(score) - np.log1p(-score)) / _STEP + _BINS / 2, 0, _BINS - 1).astype(np.int64)
    domain = windows.site if by_site else 0
    key = (domain * 64 + stratum) * _BINS + x
    windows_of, sums = np.bincount(key), np.bincount(key, score)
    lines = np.flatnonzero(windows_of)
    lowest = sigmoid((lines % _BINS - _BINS / 2) * _STEP)
    return Population.of(
        lines // _BINS % 64, sums[lines] / windows_of[lines], windows_of[lines], int(stratum.max()) + 1,
        lines // (64 * _BINS), SITES if by_site else 1,
    ), lowest  # fmt: skip


def judge(there: np.ndarray, wrong: float, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Verdicts, which windows two people judged alike, and which they judged differently."""
    said = there ^ (rng.random(len(there)) < wrong)
    if not wrong:
        return said, np.zeros(len(there), bool), np.zeros(len(there), bool)
    second = rng.random(len(there)) < 0.5
    other = there ^ (rng.random(len(there)) < wrong)
    return said, second & (said == other), second & (said != other)


def repetition(corpus: Corpus, looks: int, seed: int, with_sites: bool = True) -> dict[str, np.ndarray]:
    """For each quantity, rows of truth, estimate and interval."""
    rng = np.random.default_rng(seed)
    windows = synthesize(corpus, rng)
    drawn, edges = draw(windows.recording, windows.start_s, windows.score, looks, Rules(seed))
    at, stratum = drawn.windows["position"], strata_of(windows.score, edges)
    said, alike, unlike = judge(windows.there[at], corpus.wrong, rng)
    error = draw_error(int((alike | unlike).sum()), int(unlike.sum()), DRAWS, rng) if corpus.wrong else None
    base = drawn.weight / (drawn.eligible / np.maximum(drawn.drawn, 1))[drawn.stratum]
    judged = Judged.of(said, windows.score[at], drawn.stratum, base, alike).those(~unlike)
    population, lowest = population_of(windows, stratum, by_site=False)
    posterior = estimate(judged, population, seed, error=error)
    truth = float(windows.there.sum())
    total = posterior.total
    weight = drawn.weight[~unlike]
    plain = float(np.sum(weight * judged.yes))
    rows = {
        "total": [[truth, total.value, total.low, total.high]],
        "Horvitz–Thompson": [[truth, plain, *_interval(plain, weight, judged)]],
        "Beta 0.1": [[truth, *beta_total(judged, population, 0.1, rng)]],
        "Beta 0.5": [[truth, *beta_total(judged, population, 0.5, rng)]],
    }
    found = curve(posterior, lowest).at(0.5)
    over = windows.score >= 0.5
    if found is not None and over.any():
        right = float(windows.there[over].sum())
        for name, value, share in zip(("precision", "recall"), found, (over.sum(), truth), strict=True):
            rows[name] = [[right / share, value.value, value.low, value.high]]
    if not with_sites:
        return {name: np.asarray(values, np.float64) for name, values in rows.items()}
    by_site, _ = population_of(windows, stratum, by_site=True)
    sites = draw_domains(posterior, by_site, windows.site[at][~unlike], corpus.span, seed)
    low, middle, high = np.quantile(sites, [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2], 0)
    rows["sites"] = np.stack([np.bincount(windows.site, windows.there, SITES), middle, low, high], 1)
    return {name: np.asarray(values, np.float64) for name, values in rows.items()}


def _interval(total: float, weight: np.ndarray, judged: Judged) -> tuple[float, float]:
    """Normal, with the variance of a stratified sample."""
    value = weight * judged.yes
    of = judged.stratum
    n = np.bincount(of)
    mean = np.bincount(of, value) / np.maximum(n, 1)
    variance = np.bincount(of, (value - mean[of]) ** 2) * n / np.maximum(n - 1, 1)
    half = norm.ppf((1 + LEVEL) / 2) * np.sqrt(variance.sum())
    return total - half, total + half


def beta_total(judged: Judged, population: Population, prior: float, rng: np.random.Generator) -> tuple[float, ...]:
    """Draws of each stratum's share from Beta(prior + yes, prior + no), as in Navine et al. 2024."""
    strata = population.strata
    weight = np.bincount(judged.stratum, judged.weight, strata)
    share = np.bincount(judged.stratum, judged.weight * judged.yes, strata) / np.maximum(weight, 1e-9)
    n = weight**2 / np.maximum(np.bincount(judged.stratum, judged.weight**2, strata), 1e-9)
    drawn = rng.beta(prior + share * n, prior + (1 - share) * n, (DRAWS, strata)) @ population.of_strata
    low, value, high = np.quantile(drawn, [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2])
    return float(value), float(low), float(high)


def figures(rows: np.ndarray) -> tuple[float, float, float]:
    """The share of intervals that hold the truth, the bias, and the mean width, both in parts of the truth."""
    truth, value, low, high = rows.T
    return (
        float(np.mean((low <= truth) & (truth <= high))),
        float(value.sum() / truth.sum() - 1),
        float(np.sum(high - low) / truth.sum()),
    )


def simulate(
    corpus: Corpus, repetitions: int, looks: int, first: int = 0, with_sites: bool = True
) -> dict[str, tuple[float, float, float]]:
    """Quantity → (coverage, bias, width) over repetitions, the first of which has this seed."""
    rows: dict[str, list[np.ndarray]] = {}
    for seed in range(first, first + repetitions):
        for name, values in repetition(corpus, looks, seed, with_sites).items():
            rows.setdefault(name, []).append(values)
    return {name: figures(np.concatenate(values)) for name, values in rows.items()}


def main(argv: list[str] | None = None) -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=300, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--looks", type=int, default=200, metavar="N", help="windows judged (default: %(default)s)")
    parser.add_argument("--only", default="", metavar="WORD", help="corpora whose name holds it")
    parser.add_argument("--first-seed", type=int, default=0, metavar="N", help="of the repetitions (default: 0)")
    parser.add_argument("--without-sites", action="store_true", help="do not measure sites: a third of the time")
    options = parser.parse_args(argv)
    names = ("total", "Beta 0.1", "Beta 0.5", "Horvitz–Thompson", "precision", "recall", "sites")
    print("| corpus | " + " | ".join(names) + " |")
    print("|---" * (len(names) + 1) + "|")
    for corpus in (c for c in CORPORA if options.only in c.name):
        begun = time.perf_counter()
        found = simulate(corpus, options.repetitions, options.looks, options.first_seed, not options.without_sites)
        cells = [f"{c:.0%} {b:+.1%} ±{w / 2:.0%}" for c, b, w in (found[n] for n in names if n in found)]
        print(f"| {corpus.name} | " + " | ".join(cells) + " |", flush=True)
        print(f"{corpus.name}: {time.perf_counter() - begun:.0f} s", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What the verdicts on one label say of all its windows."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from soundbeam.model.errors import ResultsError
from soundbeam.model.estimation import judged
from soundbeam.model.estimation.judged import Judged
from soundbeam.model.estimation.precision import Curve, curve
from soundbeam.model.estimation.reviewer_errors import draw_error
from soundbeam.model.estimation.totals import DRAWS, Posterior, estimate
from soundbeam.pipelines.review.found_calls import FoundCalls, count_calls_found
from soundbeam.pipelines.review.population import Population
from soundbeam.pipelines.review.score_counts import ScoreCounts, count_scores
from soundbeam.pipelines.review.store import ReviewStore
from soundbeam.pipelines.review.weighed_verdicts import WeighedVerdicts, weigh


@dataclasses.dataclass(frozen=True, eq=False)
class LabelPosterior:
    """What verdicts on a label say of all its windows.

    Attributes:
        population: The windows in the output.
        verdicts: What people said.
        found: The calls of the scan.
        counts: The windows by score.
        rows: The drawn windows that were judged and are still current.
        error: Draws of the share of single verdicts that are wrong; None: unknown.
        posterior: Of all windows.
        curve: Precision and recall at the lower ends of the bins.
    """

    population: Population
    verdicts: WeighedVerdicts
    found: FoundCalls
    counts: ScoreCounts
    rows: list[dict[str, Any]]
    error: np.ndarray | None
    posterior: Posterior
    curve: Curve

    @property
    def threshold(self) -> float:
        """The classifier's own."""
        return self.population.parameters.thresholds[self.population.label]


def label_posterior(output: str, store: ReviewStore, label: str) -> LabelPosterior:
    """Weighs the verdicts on a label; errors as of `review_figures`."""
    verdicts = weigh(store, output, label)
    info = verdicts.sample.info
    population = Population(output, label, info.sites, info.classifier)
    found = count_calls_found(population, info)
    apart_s = max(info.window_s, found.median_s)
    threshold = population.parameters.thresholds[label]
    counts = count_scores(population, verdicts.sample, threshold, apart_s, [s.rows for s in verdicts.samples])
    rows = _weighed_rows(verdicts, counts)
    if not rows:
        raise ResultsError(f"{output}: the recordings of all judged windows of {label!r} are gone; draw again")
    pairs = verdicts.reviewers.pairs
    error = draw_error(pairs, verdicts.reviewers.unlike, DRAWS, np.random.default_rng(0)) if pairs else None
    windows = counts.population(counts.by_night, np.zeros(len(counts.site_nights), np.int64), 1)
    posterior = estimate(judged_of(rows, verdicts), windows, error=error)
    of = curve(posterior, _lowest(counts, windows))
    return LabelPosterior(population, verdicts, found, counts, rows, error, posterior, of)


def _weighed_rows(verdicts: WeighedVerdicts, counts: ScoreCounts) -> list[dict[str, Any]]:
    """The rows of the draw that were judged and whose windows are still current."""
    rows = verdicts.sample.rows.to_pylist()
    return [row for row in rows if row["review_id"] in verdicts.heard and row["review_id"] in counts.summit]


def judged_of(rows: list[dict[str, Any]], verdicts: WeighedVerdicts) -> Judged:
    """Rows of the draw that were judged, as an estimate takes them."""
    strata = verdicts.sample.info.strata
    base = [row["weight"] * strata[row["stratum"]].drawn / strata[row["stratum"]].eligible for row in rows]
    ids = [row["review_id"] for row in rows]
    return Judged.of(
        [verdicts.heard[i] for i in ids], [row["score"] for row in rows], [row["stratum"] for row in rows], base,
        [i in verdicts.doubled for i in ids],
    )  # fmt: skip


def _lowest(counts: ScoreCounts, population: judged.Population) -> np.ndarray:
    """The lowest score of each line's bin."""
    bins = np.searchsorted(counts.edges.astype(np.float64), population.score + 1e-9, "right")
    return counts.lowest(bins)

"""From verdicts and all scores to numbers that one may publish."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from soundbeam.model.estimation.domains import chance_of_any, draw_domains
from soundbeam.model.estimation.drift import find_drift
from soundbeam.model.estimation.precision import Curve, reliability_bins, share_interval, stratum_shares
from soundbeam.model.estimation.score_fit import effective_weights
from soundbeam.model.estimation.totals import DRAWS, Estimate, Posterior, estimate
from soundbeam.pipelines.results import latest_run
from soundbeam.pipelines.review.figures_of_review import (
    Difference,
    DomainTotal,
    LabelReview,
    OperatingPoint,
    Presence,
    ReviewFigures,
    ScoreStratum,
)
from soundbeam.pipelines.review.found_calls import FoundCalls
from soundbeam.pipelines.review.label_posterior import judged_of, label_posterior
from soundbeam.pipelines.review.population import Population
from soundbeam.pipelines.review.score_counts import HOURS, Lines, ScoreCounts
from soundbeam.pipelines.review.store import ReviewStore
from soundbeam.pipelines.review.weighed_verdicts import WeighedVerdicts, reviewed_labels

LIKELY = 0.9
_LEAST_SUMMITS = 10
_POINTS = 40
_FEW = 20  # verdicts


def review_figures(output: str, label: str | None = None, target_precision: float = 0.95) -> ReviewFigures:
    """What the verdicts in an output folder come to.

    Args:
        output: The scan's output folder.
        label: Only of this label; None: of all on which there are verdicts.
        target_precision: Of the threshold that is looked for.

    Raises:
        ResultsError: There is no sample, no verdict, or none of a window with a known probability; the classifier that
            scored the windows is no longer in the output.
        OptionError: There is no such label.
    """
    store = ReviewStore(output)
    labels = reviewed_labels(store, output)
    if label is not None:
        labels = [Population(output, label).label]
    return ReviewFigures(output, [_of_label(output, store, name, target_precision) for name in labels])


def _of_label(output: str, store: ReviewStore, label: str, target_precision: float) -> LabelReview:
    found_out = label_posterior(output, store, label)
    verdicts, counts, found, rows = found_out.verdicts, found_out.counts, found_out.found, found_out.rows
    posterior, of, error, threshold = found_out.posterior, found_out.curve, found_out.error, found_out.threshold
    info, windows, nights = verdicts.sample.info, posterior.population, len(counts.site_nights)
    apart_s = max(info.window_s, found.median_s)
    notes = [*verdicts.notes, *_notes(found_out.population, verdicts, counts, found)]
    shares = stratum_shares(posterior)
    calls = _calls(rows, verdicts, counts, error)
    clump = max(1.0, posterior.total.value / calls.value) if calls and calls.value > 0 else 1.0
    bins, calibration_error = reliability_bins(posterior)
    sites = sorted({site or "" for site, _ in counts.site_nights})
    site_of = np.array([sites.index(site or "") for site, _ in counts.site_nights], np.int64)
    dates = sorted({night or "" for _, night in counts.site_nights})
    night_of = np.array([dates.index(night or "") for _, night in counts.site_nights], np.int64)
    at_night = np.array([counts.night[row["review_id"]] for row in rows], np.int64)
    at_hour = np.array([counts.hour[row["review_id"]] for row in rows], np.int64)
    hour_names = [f"{h:02d}" for h in range(HOURS)] + [""]

    def totals(lines: Lines, groups: np.ndarray, names: list[str], of_judged: np.ndarray, naive: dict[str, int]):
        by_domain = counts.population(lines, groups, len(names))
        drawn = draw_domains(posterior, by_domain, of_judged, clump)
        size = np.bincount(by_domain.domain, by_domain.windows, len(names)).astype(np.int64)
        over = counts.over(lines, threshold, groups, len(names))
        looked = np.bincount(of_judged, minlength=len(names))
        return [
            DomainTotal(name, int(size[d]), int(looked[d]), int(over[d]), naive.get(name, 0), Estimate.of(drawn[:, d]))
            for d, name in enumerate(names)
            if size[d]
        ]

    hours = {f"{int(name):02d}" if name else "": n for name, n in found.by_hour.items()}
    return LabelReview(
        label=label, design=info.design,
        samples=[s.name for s in verdicts.samples if s.info.frame == info.frame],
        classifier=info.classifier, windows=int(windows.windows.sum()), window_s=info.window_s, hop_s=info.hop_s,
        counts=verdicts.counts, weighed=len(rows), threshold=threshold,
        naive_windows=int(counts.over(counts.by_night, threshold, np.zeros(nights, np.int64), 1)[0]),
        total=posterior.total, without_fit=_without_fit(posterior), unseen=_unseen(posterior, info.design),
        naive_calls=found.calls, calls=calls, apart_s=apart_s,
        strata=[ScoreStratum(s.low, s.high, share) for s, share in zip(info.strata, shares, strict=True)],
        slope=posterior.fit.best[1], height=posterior.fit.best[0] - posterior.fit.best[1] * posterior.fit.centre,
        points=_points(of), own=_point(of, threshold), target=of.threshold_for(target_precision),
        reliability=bins, calibration_error=calibration_error,
        sites=totals(counts.by_night, site_of, sites, site_of[at_night], found.by_site),
        nights=totals(counts.by_night, night_of, dates, night_of[at_night], found.by_night),
        hours=totals(counts.by_hour, np.arange(HOURS + 1), hour_names, at_hour, hours),
        presence=_presence(posterior, counts, verdicts, site_of, site_of[at_night], clump),
        differences=_differences(posterior, sites, site_of[at_night], [dates[night_of[n]][:7] for n in at_night]),
        reviewers=verdicts.reviewers, error=None if error is None else Estimate.of(error), notes=notes,
    )  # fmt: skip


def _calls(
    rows: list[dict[str, Any]], verdicts: WeighedVerdicts, counts: ScoreCounts, error: np.ndarray | None
) -> Estimate | None:
    """Calls: the windows with the highest score around that have the sound. None where few of these were judged."""
    summits = [row for row in rows if counts.summit[row["review_id"]]]
    if len(summits) < _LEAST_SUMMITS:
        return None
    groups = np.zeros(len(counts.site_nights), np.int64)
    population = counts.population(counts.by_night, groups, 1, summits=True)
    return estimate(judged_of(summits, verdicts), population, error=error).total


def _without_fit(posterior: Posterior) -> Estimate:
    """The total by Beta posteriors of the strata under Jeffreys' prior, without the logistic."""
    judged, strata = posterior.judged, posterior.population.strata
    weight = effective_weights(judged)
    n, yes = np.bincount(judged.stratum, weight, strata), np.bincount(judged.stratum, weight * judged.yes, strata)
    drawn = np.random.default_rng(0).beta(yes + 0.5, n - yes + 0.5, (DRAWS, strata))
    return Estimate.of(drawn @ posterior.population.of_strata)


def _unseen(posterior: Posterior, design: str) -> float | None:
    judged = posterior.judged
    of = judged.stratum == 0
    if design != "scores" or not of.any() or judged.yes[of].any():
        return None
    return share_interval(0, int(of.sum())).high * int(posterior.population.of_strata[0])


def _point(of: Curve, threshold: float) -> OperatingPoint | None:
    found = of.at(threshold)
    if found is None:
        return None
    at = np.flatnonzero(of.threshold >= threshold - 1e-9)[-1]
    return OperatingPoint(threshold, int(of.windows[at]), *found)


def _points(of: Curve) -> list[OperatingPoint]:
    """Some thresholds, from the lowest to the highest."""
    chosen = np.unique(np.linspace(0, len(of.threshold) - 1, _POINTS).round().astype(int))[::-1]
    return [
        OperatingPoint(
            float(of.threshold[i]), int(of.windows[i]), Estimate.of(of.precision[:, i]), Estimate.of(of.recall[:, i])
        )
        for i in chosen
    ]  # fmt: skip


def _presence(
    posterior: Posterior,
    counts: ScoreCounts,
    verdicts: WeighedVerdicts,
    site_of: np.ndarray,
    at_site: np.ndarray,
    clump: float,
) -> list[Presence]:
    nights, sites = len(counts.site_nights), int(site_of.max()) + 1
    cells = counts.population(counts.by_night, np.arange(nights), nights)
    by_site = dataclasses.replace(cells, domain=site_of[cells.domain], domains=sites)
    chance = chance_of_any(posterior, by_site, at_site, cells.domain, nights, clump)
    confirmed = {counts.night[i] for i, yes in verdicts.heard.items() if yes and i in counts.night}
    windows = np.bincount(cells.domain, cells.windows, nights)
    found = []
    for n, (site, night) in enumerate(counts.site_nights):
        if windows[n] or n in confirmed:
            status = "confirmed" if n in confirmed else "likely" if chance[n] >= LIKELY else "none"
            found.append(Presence(site or "", night or "", status, 1.0 if n in confirmed else float(chance[n])))
    return sorted(found, key=lambda p: (p.site, p.night))


def _differences(posterior: Posterior, sites: list[str], at_site: np.ndarray, months: list[str]) -> list[Difference]:
    found = []
    names = sorted(set(months))
    at_month = np.array([names.index(month) for month in months], np.int64)
    for kind, of, at in (("site", sites, at_site), ("month", names, at_month)):
        if len(of) < 2:
            continue
        for each in find_drift(posterior.fit, posterior.judged, at):
            values = dataclasses.asdict(each)
            found.append(Difference(kind, of[values.pop("domain")], **values))
    return found


def _notes(population: Population, verdicts: WeighedVerdicts, counts: ScoreCounts, found: FoundCalls) -> list[str]:
    info, notes = verdicts.sample.info, []
    newest = latest_run(population.output).parameters.fingerprint
    if newest != info.classifier:
        notes.append(
            f"the windows were scored by classifier {info.classifier[:12]}; the newest run is of {newest[:12]}, about "
            "which the numbers say nothing"
        )
    if counts.excluded:
        notes.append(
            f"{counts.excluded:,} windows of recordings that were scanned after the draw are not in these numbers; "
            "draw again to have them"
        )
    drawn_from = sum(stratum.windows for stratum in info.strata)
    if (gone := drawn_from - int(counts.by_night.windows.sum())) > 0:
        notes.append(f"{gone:,} windows were superseded or deleted since the draw, and are not in these numbers")
    lost = sum(i in verdicts.heard and i not in counts.summit for i in verdicts.sample.rows["review_id"].to_pylist())
    if lost:
        notes.append(f"{lost} verdicts are on windows that are superseded or deleted, and do not count")
    if info.min_score is not None:
        notes.append(
            f"windows scored below {info.min_score:g} were not kept by the scan: all numbers are of the others"
        )
    elif info.left_out:
        notes.append(f"{info.left_out:,} windows could not be drawn, and are not in these numbers")
    if info.hop_s >= info.window_s:
        notes.append("windows do not overlap: a call that two windows share counts as two")
    if sum(verdicts.heard.values()) in (0, len(verdicts.heard)):
        notes.append("all verdicts are alike: how scores and truth hang together is hardly known")
    if len(verdicts.heard) < _FEW:
        notes.append(f"{len(verdicts.heard)} verdicts are few; intervals are wide, and depend on the fit")
    if math.isclose(found.median_s, 0.0):
        notes.append("the scan found no call")
    return notes

"""Picks windows that are worth a look and are no probability sample: to confirm presence, or to train on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from soundbeam.model.errors import ResultsError
from soundbeam.model.estimation.drawing import MICROSECONDS, log_odds, microseconds
from soundbeam.model.estimation.picking import pick_apart, rank_in_groups
from soundbeam.pipelines.review.compared_scores import ComparedScores
from soundbeam.pipelines.review.population import Population, Windows
from soundbeam.pipelines.review.request import Sampling
from soundbeam.pipelines.review.samples import Sample
from soundbeam.pipelines.review.site_nights import Nights, SiteNight, site_nights
from soundbeam.pipelines.review.store import ReviewStore

_BEST_OF_A_NIGHT = 20  # windows of a site and night are kept to choose from
_MOST_PICKS = 300_000  # in memory, before they are thinned
# What each window is worth, float64; −∞ of one that is not to be picked.
Worth = Callable[[Windows], np.ndarray]
# The group of each of some windows, given by their columns; −1 of one that is not to be picked.
Grouping = Callable[[dict[str, np.ndarray]], np.ndarray]
Columns = dict[str, np.ndarray]


def pick_sample(population: Population, request: Sampling, store: ReviewStore) -> Columns:
    """The windows that the design ``presence`` or ``next`` picks, best first: column → values ``[n]``.

    Both leave out windows near those that earlier draws of the same design and label hold. ``presence`` takes the best
    window of each site and night, then the next best of each, of nights that are not confirmed. ``next`` takes those
    whose log-odds are nearest to the threshold's or, with another output to compare with, differ most; near none that
    was judged already.

    Raises:
        ResultsError: There is no window, or none is left; or the other output has none of the label.
    """
    earlier = [s for s in store.samples() if (s.info.design, s.info.label) == (request.design, population.label)]
    known = [sample.rows for sample in earlier]
    if request.design == "presence":
        group, most = _nights(population, store, earlier), _BEST_OF_A_NIGHT
        return _pick(population, request, known, lambda w: w.score.astype(np.float64), group, most)
    verdicts = store.verdicts()
    known.append(verdicts.filter(pc.equal(verdicts["label"], population.label)))
    return _pick(population, request, known, _doubt(population, request), _one_group, request.n)


def _pick(
    population: Population,
    request: Sampling,
    known: Sequence[pa.Table],
    worth: Worth,
    group_of: Grouping,
    most_of_group: int,
) -> Columns:
    """The windows of the highest worth, one of each group, then another one of each, and so on."""
    kept, held = list[Columns](), 0
    starts, spacing_us, any_windows = _starts(known), round(request.spacing * MICROSECONDS), False
    for windows in population.windows():
        any_windows = True
        value = worth(windows)
        _leave_out(windows, value, starts, spacing_us)
        order = np.lexsort((windows.start_us, windows.recording))
        at, _ = pick_apart(
            windows.recording[order],
            windows.start_us[order],
            value[order],
            spacing_us,
            request.per_recording or request.n,
        )
        at = order[at]
        columns = {**windows.columns(at), "_start_us": windows.start_us[at]}
        columns |= {"_value": value[at], "_group": group_of(columns)}
        kept.append({name: values[columns["_group"] >= 0] for name, values in columns.items()})
        held += len(at)
        if held > _MOST_PICKS:
            kept = [_thinned(kept, most_of_group)]
            held = len(kept[0]["_value"])
    if not any_windows:
        raise population.why_empty()
    columns = _thinned(kept, most_of_group)
    level = rank_in_groups(columns["_group"], columns["_value"])
    best = np.lexsort((-columns["_value"], level))[: request.n]
    if not len(best):
        raise ResultsError(
            f"{population.output}: no window of {population.label!r}{population.where} is left to look at: all were "
            "drawn, or lie near others that were"
        )
    return {name: values[best] for name, values in columns.items() if not name.startswith("_")}


def _thinned(kept: Sequence[Columns], most_of_group: int) -> Columns:
    together = {name: np.concatenate([columns[name] for columns in kept]) for name in kept[0]}
    keep = rank_in_groups(together["_group"], together["_value"]) < most_of_group
    return {name: values[keep] for name, values in together.items()}


def _starts(known: Sequence[pa.Table]) -> dict[str, np.ndarray]:
    """Recording → when the windows in some tables start, µs."""
    starts: dict[str, list[float]] = {}
    for rows in known:
        for recording, start_s in zip(rows["recording"].to_pylist(), rows["start_s"].to_pylist(), strict=True):
            starts.setdefault(recording, []).append(start_s)
    return {recording: microseconds(np.array(times)) for recording, times in starts.items()}


def _leave_out(windows: Windows, value: np.ndarray, starts: Mapping[str, np.ndarray], spacing_us: int) -> None:
    """Sets the value of windows near known ones to −∞."""
    for code, name in enumerate(windows.names):
        if name in starts:
            of_recording = np.flatnonzero(windows.recording == code)
            away = np.abs(windows.start_us[of_recording][:, None] - starts[name]).min(1)
            value[of_recording[away < max(spacing_us, 1)]] = -np.inf


def _one_group(columns: Columns) -> np.ndarray:
    return np.zeros(len(columns["_start_us"]), np.int64)


def _nights(population: Population, store: ReviewStore, earlier: Sequence[Sample]) -> Grouping:
    """Groups windows by site and night; those of nights that are confirmed are not picked."""
    agreed = {row["review_id"] for row in store.consensus().to_pylist() if row["verdict"] == "yes"}
    confirmed: set[SiteNight] = set()
    for sample in earlier:
        of_rows = site_nights(population.output, sample.rows)
        ids = sample.rows["review_id"].to_pylist()
        confirmed |= {night for identity, night in zip(ids, of_rows, strict=True) if identity in agreed}
    nights, groups = Nights(population.output, population.recorded_at), dict[SiteNight, int]()

    def group_of(columns: Columns) -> np.ndarray:
        of_each = nights.of(columns["recording"].tolist(), columns["_start_us"], columns["site"].tolist())
        codes = [-1 if night in confirmed else groups.setdefault(night, len(groups)) for night in of_each]
        return np.array(codes, np.int64)

    return group_of


def _doubt(population: Population, request: Sampling) -> Worth:
    """How unsure the detector is of windows, or how far two outputs differ."""
    if request.against is not None:
        return ComparedScores(request.against, population).differences
    threshold = population.parameters.thresholds[population.label]
    at = float(log_odds(np.array([threshold]))[0])
    return lambda windows: -np.abs(log_odds(windows.score) - at)

"""Draws the probability samples: by strata of scores, at random, or by hours of the day."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from soundbeam.model.errors import ResultsError
from soundbeam.model.estimation.drawing import Rules, ScoreHistogram, strata_of
from soundbeam.model.estimation.stratified_draw import Drawn, StratifiedDraw, strata_for
from soundbeam.pipelines.local_time import Clocks, hour_of
from soundbeam.pipelines.review.population import Population, Windows
from soundbeam.pipelines.review.request import Sampling
from soundbeam.pipelines.review.samples import Sample, SampleInfo, Stratum

_HOURS = 24


def draw_sample(
    population: Population, request: Sampling, before: Sequence[Sample], info: SampleInfo
) -> tuple[SampleInfo, dict[str, np.ndarray]]:
    """Draws windows with known probabilities, in two passes over the predictions at most.

    Args:
        population: The windows.
        request: What is asked for.
        before: The samples that there are. The draw continues those of the same frame. If others were drawn in the same
            way from fewer recordings, it has their strata and draws as many as they did and ``n`` more: by the same
            random numbers, so that most of what was judged is among them.
        info: How the windows are drawn, as far as it is known before.

    Returns:
        How they were drawn, with frame and strata; and what is known of them, column → values ``[n]``.

    Raises:
        ResultsError: There is no window, or every one is drawn.
    """
    alike = [s for s in before if _is_alike(s.info, population, request)]
    edges = _edges(population, request, alike)
    frame = _frame(population, request, edges)
    continued = [s for s in alike if s.info.frame == frame]
    n_strata = _HOURS if request.design == "diel" else len(edges) + 1
    taken = sum((np.array([h.drawn for h in s.info.strata]) for s in continued), np.zeros(n_strata, np.int64))
    rules = Rules(request.seed, request.spacing, request.per_recording)
    again = 0 if continued else sum(len(s.rows) for s in alike if s.info.frame == alike[-1].info.frame)
    drawing = StratifiedDraw(n_strata, request.n + again, rules, taken, equal=request.design == "diel")
    hours = _Hours(population) if request.design == "diel" else None
    seen = 0
    for w in population.windows():
        stratum = hours.of(w) if hours else strata_of(w.score, edges)
        w, stratum = _known(w, stratum)
        seen += len(stratum)
        drawing.add(w.recording, w.keys, w.start_us, w.score, stratum, w.columns)
    if not seen:
        if hours and population.scored:
            raise ResultsError(
                f"{population.output}: no recording's time is known{population.where}; scan with --recorded-at, or "
                "draw by another design"
            )
        raise population.why_empty()
    drawn = drawing.result()
    if not len(drawn.weight):
        raise ResultsError(
            f"{population.output}: all {int(taken.sum())} windows that can be drawn so are drawn already"
        )
    strata = _strata(request, edges, drawn, population.parameters.min_score)
    info = dataclasses.replace(info, frame=frame, strata=strata, left_out=population.scored - seen)
    return info, {**drawn.windows, "stratum": drawn.stratum, "weight": drawn.weight}


def _is_alike(info: SampleInfo, population: Population, request: Sampling) -> bool:
    """Whether a sample asked the same question of the same classifier."""
    asked = info.label, info.design, info.sites, info.seed, info.spacing_s, info.per_recording, info.classifier
    return asked == (
        population.label, request.design, request.sites, request.seed, request.spacing, request.per_recording,
        population.parameters.fingerprint,
    )  # fmt: skip


def _edges(population: Population, request: Sampling, alike: Sequence[Sample]) -> np.ndarray:
    """The scores that divide the strata, float32."""
    if request.design != "scores":
        return np.empty(0, np.float32)
    if alike:
        return np.array([stratum.low for stratum in alike[-1].info.strata[1:]], np.float32)
    histogram = ScoreHistogram()
    for windows in population.windows():
        histogram.add(windows.score)
    return histogram.edges(strata_for(request.n))


def _frame(population: Population, request: Sampling, edges: np.ndarray) -> str:
    """A hash of what defines the windows, the strata and the order in each. A run's rows never change."""
    told = {
        "label": population.label,
        "runs": [run.run for run in population.runs],
        "settings": population.runs[-1].settings,
        "sites": sorted(request.sites),
        "design": request.design,
        "seed": request.seed,
        "spacing": request.spacing,
        "per_recording": request.per_recording,
        "edges": edges.tolist(),
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def _strata(request: Sampling, edges: np.ndarray, drawn: Drawn, floor: float | None) -> tuple[Stratum, ...]:
    bounds = list(range(_HOURS + 1)) if request.design == "diel" else [floor or 0.0, *edges.tolist(), 1.0]
    counts = zip(drawn.in_stratum.tolist(), drawn.eligible.tolist(), drawn.drawn.tolist(), strict=True)
    return tuple(Stratum(bounds[h], bounds[h + 1], *of_each) for h, of_each in enumerate(counts))


class _Hours:
    """Tells the local hour in which windows start."""

    def __init__(self, population: Population):
        self._clocks, self._begins = Clocks.of(population.output), population.recorded_at

    def of(self, windows: Windows) -> np.ndarray:
        """int64 ``[n]``; −1 where it is not known."""
        unknown = np.iinfo(np.int64).min
        begins = np.array([self._begins.get(name, unknown) for name in windows.names], np.int64)[windows.recording]
        missing = begins == unknown
        utc = pa.array(np.where(missing, 0, begins) + windows.start_us, mask=missing).cast(pa.timestamp("us", "UTC"))
        return hour_of(self._clocks.local(utc, windows.rows["site"])).fill_null(-1).to_numpy()


def _known(windows: Windows, stratum: np.ndarray) -> tuple[Windows, np.ndarray]:
    """The windows that are in a stratum."""
    keep = np.flatnonzero(stratum >= 0)
    if len(keep) == len(stratum):
        return windows, stratum
    some = dataclasses.replace(
        windows,
        rows=windows.rows.take(pa.array(keep)),
        recording=windows.recording[keep],
        keys=windows.keys[keep],
        start_us=windows.start_us[keep],
        score=windows.score[keep],
    )
    return some, stratum[keep]

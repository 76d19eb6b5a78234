"""The present estimates, while one is still looking: how many windows have the sound, from the verdicts so far."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from soundbeam.model.estimation.present import present_estimate
from soundbeam.pipelines.review.samples import WEIGHTED, Sample, joined


def estimates(samples: Iterable[Sample], heard: Callable[[str], bool | None]) -> list[dict[str, Any]]:
    """One estimate for each population that was drawn from by chance, as the page tells it.

    Args:
        samples: The draws.
        heard: Of a window's id, whether it has its sound; None where that is not known.

    Returns:
        ``label``, ``windows`` of the population, ``judged`` of them, ``total`` with the sound, and its 90 % interval
        from ``low`` to ``high``. Populations of which nothing was judged are left out.
    """
    frames: dict[str, list[Sample]] = collections.defaultdict(list)
    for sample in samples:
        if sample.info.design in WEIGHTED and sample.info.strata:
            frames[sample.info.frame].append(sample)
    found = []
    for draws in frames.values():
        whole = joined(draws)
        rows = whole.rows.select(["review_id", "score", "stratum", "weight"]).to_pylist()
        known = [(row, there) for row in rows if (there := heard(row["review_id"])) is not None]
        strata, by_score = whole.info.strata, whole.info.design == "scores"
        # Strata of hours, or of everything, hold windows of any score.
        estimate = present_estimate(
            [stratum.low if by_score else 0.0 for stratum in strata],
            [stratum.high if by_score else 1.0 for stratum in strata],
            [stratum.windows for stratum in strata],
            np.array([there for _, there in known], bool),
            np.array([row["score"] for row, _ in known], np.float64),
            np.array([row["stratum"] for row, _ in known], np.int64),
            np.array([row["weight"] for row, _ in known], np.float64),
        )
        if estimate is not None:
            windows = sum(stratum.windows for stratum in strata)
            told = {"total": estimate.value, "low": estimate.low, "high": estimate.high}
            found.append({"label": whole.info.label, "windows": windows, "judged": len(known), **told})
    return found

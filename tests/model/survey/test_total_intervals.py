"""Intervals of totals, against sums of distributions and against draws of whole corpora."""

import numpy as np
import pytest

from soundbeam.model.classifier.count_interval import AS_SCORED, CountModel
from soundbeam.model.survey.total_intervals import PeakHeights


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def of(heights, model):
    peaks = PeakHeights(model.floor)
    for part in np.array_split(heights, 7):
        peaks.add(part)
    return peaks


def test_few_peaks_are_summed_exactly():
    heights = np.array([-1.0, 0.0, 0.0, 2.0, 3.0, -5.0])
    pmf = np.ones(1)
    for p in sigmoid(heights[heights >= AS_SCORED.floor]):
        pmf = np.convolve(pmf, [1 - p, p])
    low, high = np.searchsorted(np.cumsum(pmf), (0.05, 0.95))
    assert of(heights, AS_SCORED).interval(AS_SCORED, 3) == (low, high)


def test_the_interval_holds_what_was_counted():
    assert of(np.zeros(0), AS_SCORED).interval(AS_SCORED, 0) == (0, 0)
    assert of(np.full(1000, -2.0), AS_SCORED).interval(AS_SCORED, 1000)[1] == 1000


@pytest.mark.parametrize("n", [2_000, 60_000])
def test_shared_errors_stay_and_own_errors_cancel(n):
    rng = np.random.default_rng(n)
    heights = rng.normal(0.5, 2.0, n)
    model = CountModel(-3.0, tuple((s, b, m) for s, b, m in zip(
        rng.uniform(0.8, 1.2, 16), rng.normal(0, 0.3, 16), rng.uniform(0, 0.1, 16), strict=True)))  # fmt: skip
    found = of(heights, model).interval(model, int((heights > 0).sum()))
    kept = heights[heights >= model.floor]
    totals = []
    for _ in range(150):  # corpora as they may be, peak by peak
        for slope, bias, missed in model.draws:
            p = sigmoid(slope * kept + bias)
            totals.append(rng.binomial(1, p).sum() + rng.poisson(missed * p.sum()))
    expected = np.quantile(totals, (0.05, 0.95))
    assert found == pytest.approx(expected, rel=0.01)
    # With each recording's errors for its own, the interval would be narrower by far; with all shared, wider.
    own = of(heights, AS_SCORED).interval(AS_SCORED, int(sigmoid(kept).sum()))
    assert own[1] - own[0] < (found[1] - found[0]) * (0.5 if n > 10_000 else 1.0)

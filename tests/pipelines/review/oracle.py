"""An oracle that judges what was drawn from written scans."""

import numpy as np

from soundbeam.pipelines.results import read
from soundbeam.pipelines.review.store import ReviewStore


def truth_of(output, slope=1.3, height=-0.5):
    """(recording, start) → whether the window has the sound, by a logistic of its score."""
    rows = read(output, "predictions")
    score = rows["score"].to_numpy().astype(np.float64)
    odds = height + slope * (np.log(score) - np.log1p(-score))
    there = np.random.default_rng(0).random(len(score)) < 1 / (1 + np.exp(-odds))
    keys = zip(rows["recording"].to_pylist(), rows["start_s"].to_pylist(), strict=True)
    return dict(zip(keys, there.tolist(), strict=True))


def judge_all(output, truth, reviewer="ann", most=None, wrong=()):
    """An oracle judges the newest sample's windows, or the first of them; it errs on those at ``wrong``."""
    store = ReviewStore(output)
    rows = store.samples()[-1].rows.to_pylist()[:most]
    said = [truth[r["recording"], r["start_s"]] ^ (i in wrong) for i, r in enumerate(rows)]
    verdicts = ["yes" if yes else "no" for yes in said]
    store.append(
        [{"review_id": r["review_id"], "verdict": v, "reviewer": reviewer} for r, v in zip(rows, verdicts, strict=True)]
    )
    return rows, said


def scores_of(out):
    rows = read(out, "predictions")
    keys = zip(rows["recording"].to_pylist(), rows["start_s"].to_pylist(), strict=True)
    return dict(zip(keys, rows["score"].to_pylist(), strict=True))

"""Samples and verdicts for tests, written through the store."""

import dataclasses

import pyarrow as pa

from soundbeam.pipelines.review.samples import SAMPLES, SampleInfo, Stratum
from soundbeam.pipelines.review.store import ReviewStore, review_id


def window(recording="file:///r/a.wav", start=0.0, label="call", score=0.5, weight=1.0, stratum=0, **more):
    """A row of a sample."""
    values = {
        "recording": recording, "start_s": start, "end_s": start + 2.0, "label": label, "score": score,
        "channel": None, "site": None, "design": "scores", "stratum": stratum, "weight": weight,
        "classifier": "f" * 64, "run": "20240101T000000Z-aaaaaa", "rank": 1, **more,
    }  # fmt: skip
    return {"review_id": review_id(recording, values["channel"], label, start), **values}


INFO = SampleInfo(
    "one", "call", "scores", 0, 15.0, 5, (), "2024-01-02T00:00:00+00:00", "f" * 64, ("20240101T000000Z-aaaaaa",), 1.0,
    2.0, "frame",
)  # fmt: skip


def add_sample(folder, rows, name="one", strata=(), **info):
    """Keeps windows as a sample of the output ``folder``."""
    told = dataclasses.replace(INFO, name=name, strata=tuple(Stratum(*s) for s in strata), **info)
    return ReviewStore(str(folder)).add_sample(told, pa.Table.from_pylist(rows, SAMPLES))


def judge(store, row, verdict, reviewer="ann", **more):
    """Appends one verdict."""
    store.append([{"review_id": row["review_id"], "verdict": verdict, "reviewer": reviewer, **more}])

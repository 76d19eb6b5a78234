"""Written scans to draw from, with known scores, sites and times."""

import dataclasses
import datetime

import numpy as np

from tests.pipelines.written_scan import result, write_scan

MIDNIGHT = datetime.datetime(2024, 5, 1, tzinfo=datetime.timezone.utc)


def placed(of, site=None, recorded_at=None):
    """A result whose recording has a site and a time."""
    recording = dataclasses.replace(of.report.recording, site=site, recorded_at=recorded_at)
    return dataclasses.replace(of, report=dataclasses.replace(of.report, recording=recording))


def scores(n, seed):
    """Scores of ``n`` windows: mostly low, a few high, next to each other."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(-5, 1.5, n)
    for at in rng.integers(0, n, max(1, n // 100)):
        odds[at : at + 3] += 6
    return (1 / (1 + np.exp(-odds))).astype(np.float32)[:, None]


def corpus(recordings=12, seconds=602.0, first=0, sites=("north", "south")):
    """Results of recordings at two sites, an hour apart from midnight on."""
    found = []
    for k in range(first, first + recordings):
        n = int(seconds - 2) + 1
        site = sites[k % len(sites)]
        uri = f"file:///corpus/{site}/r{k:03d}.wav"
        recorded_at = MIDNIGHT + datetime.timedelta(hours=k)
        found.append(placed(result(uri, seconds, scores=scores(n, k)), site, recorded_at))
    return found


def write_corpus(folder, *args, **more):
    """Writes `corpus` as a scan and returns the folder as text."""
    return write_scan(folder, corpus(*args), **more)

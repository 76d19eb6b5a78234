"""Counters of the steps: items in and out, bytes, milliseconds, failures by cause."""

from __future__ import annotations

import collections
import contextlib
import time
from collections.abc import Iterator

from apache_beam.metrics import Metrics
from apache_beam.metrics.metric import MetricsFilter

NAMESPACE = "soundbeam"


def count(name: str, by: int = 1) -> None:
    """Adds ``by`` to the counter ``name``; outside of a running step it does nothing."""
    Metrics.counter(NAMESPACE, name).inc(int(by))


@contextlib.contextmanager
def milliseconds(name: str) -> Iterator[None]:
    """Adds the block's wall time to the counter ``<name>_ms``."""
    start = time.perf_counter()
    try:
        yield
    finally:
        count(f"{name}_ms", round(1000 * (time.perf_counter() - start)))


def totals(result) -> dict[str, int]:
    """All of soundbeam's counters of a finished pipeline, by name; those of one name in several steps are added up."""
    found = result.metrics().query(MetricsFilter().with_namespace(NAMESPACE))
    sums: collections.Counter[str] = collections.Counter()
    for counter in found["counters"]:
        sums[counter.key.metric.name] += counter.result
    return dict(sums)

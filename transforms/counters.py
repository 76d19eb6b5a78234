"""Counters of the steps: items in and out, bytes, milliseconds, failures by cause."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from apache_beam.metrics import Metrics

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
    """All of soundbeam's counters of a finished pipeline, by name."""
    from apache_beam.metrics.metric import MetricsFilter

    found = result.metrics().query(MetricsFilter().with_namespace(NAMESPACE))
    return {c.key.metric.name: c.result for c in found["counters"]}

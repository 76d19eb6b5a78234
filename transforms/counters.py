"""Counters of the steps: items in and out, bytes, milliseconds, and failures by cause."""

from __future__ import annotations

import collections
import contextlib
import functools
import sys
import time
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

NAMESPACE = "soundbeam"
_collected: ContextVar[collections.Counter[str] | None] = ContextVar("collected", default=None)


def count(name: str, by: int = 1) -> None:
    """Adds ``by`` to the counter ``name``; outside a running step this does nothing."""
    collected = _collected.get()
    if collected is not None:
        collected[name] += int(by)
    elif "apache_beam" in sys.modules:  # else no step is running, and Beam is not imported for nothing
        _counter(name).inc(int(by))


@functools.lru_cache
def _counter(name: str) -> Any:
    from apache_beam.metrics import Metrics

    return Metrics.counter(NAMESPACE, name)


@contextlib.contextmanager
def collected_counts() -> Iterator[collections.Counter[str]]:
    """Collects what is counted in the block instead of passing it to Beam."""
    counts: collections.Counter[str] = collections.Counter()
    token = _collected.set(counts)
    try:
        yield counts
    finally:
        _collected.reset(token)


@contextlib.contextmanager
def milliseconds(name: str) -> Iterator[None]:
    """Adds the block's wall time to the counter ``<name>_ms``."""
    start = time.perf_counter()
    try:
        yield
    finally:
        count(f"{name}_ms", round(1000 * (time.perf_counter() - start)))


def totals(result) -> dict[str, int]:
    """The values of soundbeam's counters after a pipeline has finished, by name, added up over its steps.

    They are what the runner reports, which may be nothing, or too much after retries.
    """
    from apache_beam.metrics.metric import MetricsFilter

    sums: collections.Counter[str] = collections.Counter()
    try:
        metrics = result.metrics().query(MetricsFilter().with_namespace(NAMESPACE))
    except Exception:  # the cluster has forgotten the job, or the runner has no metrics; no table depends on them
        return {}
    for counter in metrics["counters"]:
        sums[counter.key.metric.name] += counter.result or 0
    return dict(sums)

"""A scan from its options to its committed run: the graph, the ledger, what is taken over from a run that died."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import platform
import time
from typing import Any

import apache_beam as beam

from soundbeam.model.classifier.bundle import load_bundle
from soundbeam.model.errors import SoundbeamError
from soundbeam.model.storage.files import check_store
from soundbeam.pipelines.output.folder import Output, ledger_of, settings_of
from soundbeam.pipelines.output.staging import Abandoned
from soundbeam.pipelines.runners.options import described_only
from soundbeam.pipelines.runners.run import run as run_pipeline
from soundbeam.pipelines.scan.graph import build
from soundbeam.pipelines.scan.request import Scan, parameters_of
from soundbeam.transforms.counters import totals
from soundbeam.transforms.tables.completeness import Met


@dataclasses.dataclass(frozen=True)
class Finished:
    """How a scan ended.

    Attributes:
        info: The ``run.json``; None when there was nothing new, and so no run.
        done_before: How many files were scanned in earlier runs and left alone.
        taken_over: How many runs that had died were resumed.
        before_since: How many files were left out because they are from before ``--since``.
        built_for: ``dry run`` or ``template`` where the job was built and nothing has run yet, else "".
    """

    info: dict[str, Any] | None
    done_before: int
    taken_over: int
    before_since: int = 0
    built_for: str = ""


def scan(wanted: Scan, beam_opts) -> Finished:
    """Scans what is new and commits it as one run.

    Raises:
        SoundbeamError: Nothing matches, another scan writes there, or the pipeline failed; what was staged until then
            is taken over by the next scan.
    """
    for url in (wanted.classifier, *(pattern.removeprefix("@") for pattern in wanted.recordings)):
        check_store(url)
    bundle = load_bundle(wanted.classifier)
    parameters = parameters_of(wanted, bundle)
    output = Output(wanted.output)
    started, clock = time.time(), time.perf_counter()
    run, lock = output.begin(parameters)
    committed, built_for = False, described_only(beam_opts)
    try:
        output.sweep(run)
        dead = output.abandoned(settings_of(parameters), run)
        if wanted.rescan:  # their rows are older than this scan's: they go when it is committed
            dead = [Abandoned(d.run, ()) for d in dead]
        pipeline = beam.Pipeline(options=beam_opts)
        ledger = [] if wanted.rescan else ledger_of(output, settings_of(parameters), dead)
        build(pipeline, wanted, bundle, parameters, output.staging(run), ledger)
        result = run_pipeline(pipeline)
        if built_for:
            return Finished(None, 0, 0, built_for=built_for)
        counters = totals(result)
        shards, tally = output.staged_shards(run)
        met = Met.of(tally)
        if not met.listed:
            raise SoundbeamError(f"nothing to scan: no audio file matches {' '.join(wanted.recordings)}")
        met.check(shards)
        info = None
        if shards or any(d.shards for d in dead):
            info = {
                "run": run,
                **parameters,
                "settings": settings_of(parameters),
                "labels": list(bundle.labels),
                "versions": versions(),
                "counters": dict(sorted(counters.items())),
                "gone": met.gone,
                "taken_over": [d.run for d in dead],
                "started_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)),
                "wall_s": time.perf_counter() - clock,
            }
            output.commit(run, shards, dead, bundle.labels, info)
        else:
            for nothing in dead:  # died before their first checkpoint
                output.discard(nothing.run)
        committed = True
        return Finished(
            info,
            done_before=met.done_before,
            taken_over=len([d for d in dead if d.shards]),
            before_since=met.before_since,
        )
    finally:
        try:
            # A template's job has yet to begin; the next scan takes over what it will have done.
            if committed or not (built_for == "template" or output.has_checkpoints(run)):
                output.discard(run)
        finally:
            lock.release()


def versions() -> dict[str, str]:
    """The versions that a scan's rows depend on."""
    names = ("soundbeam", "tensorflow", "keras", "apache-beam", "soundfile", "soxr", "numpy", "pyarrow")
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in names}}

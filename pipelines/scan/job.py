"""A scan from its options to its committed run: the graph, the ledger, what is taken over from dead runs."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.metadata
import platform
import time

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from soundbeam.model.classifier.bundle import load_bundle
from soundbeam.model.errors import SoundbeamError
from soundbeam.model.storage.files import check_store
from soundbeam.pipelines.output.folder import Output
from soundbeam.pipelines.output.run_info import RunInfo
from soundbeam.pipelines.output.staging import DeadRun, Staging
from soundbeam.pipelines.runners.options import BuildOnly, build_only_mode
from soundbeam.pipelines.runners.run import run as run_pipeline
from soundbeam.pipelines.scan.graph import build
from soundbeam.pipelines.scan.request import Scan, parameters_of
from soundbeam.transforms.counters import totals
from soundbeam.transforms.listing.left_out import Told, commonest
from soundbeam.transforms.tables.completeness import FileCounts

_PACKAGES = ("soundbeam", "ai-edge-litert", "tensorflow", "keras", "apache-beam", "soundfile", "soxr", "numpy", "scipy",
             "pyarrow")  # fmt: skip


@dataclasses.dataclass(frozen=True)
class ScanResult:
    """How a scan ended.

    Attributes:
        info: The committed run; None where there was nothing new, and so no run.
        done_before: How many files were scanned in earlier runs and left alone.
        before_since: How many files were left out because they are from before ``--since``.
        told: What the listing tells of files that are not scanned.
        built_for: Why the job was built without being run; None where it ran.
    """

    info: RunInfo | None = None
    done_before: int = 0
    before_since: int = 0
    told: Told = dataclasses.field(default_factory=Told)
    built_for: BuildOnly | None = None


def scan(request: Scan, options: PipelineOptions) -> ScanResult:
    """Scans what is new and commits it as one run.

    Raises:
        SoundbeamError: Nothing matches, another scan is writing there, or the pipeline failed. The next scan takes
            over what was staged until then.
    """
    for url in (request.classifier, *(pattern.removeprefix("@") for pattern in request.recordings)):
        check_store(url)
    bundle = load_bundle(request.classifier)
    parameters = parameters_of(request, bundle)
    output = Output(request.output)
    staging = Staging(output)
    started_at, start_s = time.gmtime(), time.perf_counter()
    built_for = build_only_mode(options)
    # A template's job has yet to start: the next scan takes over what it will have staged.
    with staging.new_run(parameters, keep=built_for == "template") as run:
        dead_runs = staging.dead_runs(parameters.settings, run)
        if request.rescan:  # their rows are older than this scan's: they are removed when it is committed
            dead_runs = [DeadRun(dead.run, ()) for dead in dead_runs]
        pipeline = beam.Pipeline(options=options)
        ledger = [] if request.rescan else staging.ledger(parameters.settings, dead_runs)
        build(pipeline, request, bundle, parameters, output.staging_url(run), ledger)
        result = run_pipeline(pipeline)
        if built_for:
            return ScanResult(built_for=built_for)
        shards, numbers = staging.finished_shards(run)
        files = FileCounts.from_points(numbers)
        if not files.listed:
            raise SoundbeamError(nothing_to_scan(request.recordings, files.told))
        files.check_rows(shards)
        if not shards and not any(dead.shards for dead in dead_runs):
            for dead in dead_runs:  # died before their first checkpoint
                staging.discard(dead.run)
            return ScanResult(None, files.done_before, files.before_since, files.told)
        info = RunInfo(
            run=run,
            parameters=parameters,
            settings=parameters.settings,
            labels=list(bundle.labels),
            versions=versions(),
            counters=dict(sorted(totals(result).items())),
            gone=files.gone,
            renamed=files.renamed,
            left_out=commonest(files.told.left_out),
            taken_over=[dead.run for dead in dead_runs],
            started_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", started_at),
            wall_s=time.perf_counter() - start_s,
        )
        staging.commit(info, shards, dead_runs)
        return ScanResult(info, files.done_before, files.before_since, files.told)


def nothing_to_scan(patterns: list[str], told: Told) -> str:
    """Says that patterns name no recording, and what they may have meant."""
    kinds = ", ".join(f"{n} {kind}" for kind, n in commonest(told.left_out).items())
    reasons = "; ".join([*told.lines, *([f"left out: {kinds}"] if kinds else [])])
    return f"nothing to scan: no audio file matches {' '.join(patterns)}{f' ({reasons})' if reasons else ''}"


def versions() -> dict[str, str]:
    """The versions of the packages that a scan's rows depend on."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):  # TensorFlow, where one only scans
            found[name] = importlib.metadata.version(name)
    return found

"""A scan from its options to its committed run: the graph, the ledger, what is taken over from dead runs."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.metadata
import platform
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from soundbeam.model.classifier.bundle import ClassifierBundle, load_bundle
from soundbeam.model.errors import SoundbeamError
from soundbeam.model.storage.files import check_store
from soundbeam.pipelines.output.folder import Output
from soundbeam.pipelines.output.run_info import RunInfo, ScanParameters
from soundbeam.pipelines.output.staging import DeadRun, Staging
from soundbeam.pipelines.scan.nothing_new import find_unchanged
from soundbeam.pipelines.scan.request import Listening, parameters_of
from soundbeam.transforms.listing.deployments import Deployments
from soundbeam.transforms.listing.left_out import Told, commonest

if TYPE_CHECKING:
    from apache_beam.options.pipeline_options import PipelineOptions

    from soundbeam.pipelines.runners.options import BuildOnly

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
        deployments: Where and when recorders were; None: unknown.
    """

    info: RunInfo | None = None
    done_before: int = 0
    before_since: int = 0
    told: Told = dataclasses.field(default_factory=Told)
    built_for: BuildOnly | None = None
    deployments: Deployments | None = None


def scan(request: Listening, options: PipelineOptions | None = None) -> ScanResult:
    """Scans what is new, or takes its embeddings, and commits it as one run.

    Args:
        request: What to scan, and how.
        options: Beam's options; None: by default, on this machine. Beam is then imported only if something is new.

    Raises:
        SoundbeamError: Nothing matches, another scan is writing there, the output holds other tables, or the pipeline
            failed. The next scan takes over what was staged until then.
    """
    for url in (request.classifier, *(pattern.removeprefix("@") for pattern in request.recordings)):
        check_store(url)
    bundle = load_bundle(request.classifier)
    deployments = request.read_deployments()
    parameters = parameters_of(request, bundle, deployments)
    output = Output(request.output)
    check_kind(output, parameters.tables)
    staging = Staging(output)
    started_at, start_s = time.gmtime(), time.perf_counter()
    built_for = _build_only_mode(options)
    # A template's job has yet to start: the next scan takes over what it will have staged.
    with staging.new_run(parameters, keep=built_for == "template") as run:
        dead_runs = staging.dead_runs(parameters.settings, run)
        if request.rescan:  # their rows are older than this scan's: they are removed when it is committed
            dead_runs = [DeadRun(dead.run, ()) for dead in dead_runs]
        ledger = [] if request.rescan else staging.ledger(parameters.settings, dead_runs)
        resumes = any(dead.shards for dead in dead_runs)
        if options is None and not resumes:
            unchanged = find_unchanged(request.recordings, ledger, request.retry_failed)
            if unchanged is not None:
                return _nothing_new(staging, dead_runs, ScanResult(None, unchanged.files, told=unchanged.told))
        counters = _run_pipeline(request, bundle, parameters, output.staging_url(run), ledger, options, deployments)
        if built_for:
            return ScanResult(built_for=built_for)
        shards, numbers = staging.finished_shards(run)
        from soundbeam.transforms.tables.completeness import FileCounts

        files = FileCounts.from_points(numbers)
        if not files.listed:
            raise SoundbeamError(nothing_to_scan(request.recordings, files.told))
        files.check_rows(shards)
        if not shards and not resumes:
            return _nothing_new(staging, dead_runs, ScanResult(None, files.done_before, files.before_since, files.told))
        info = RunInfo(
            run=run,
            parameters=parameters,
            settings=parameters.settings,
            labels=list(parameters.labels),
            names={label: bundle.names[label] for label in parameters.labels if label in bundle.names},
            versions=versions(),
            counters=dict(sorted(counters.items())),
            gone=files.gone,
            renamed=files.renamed,
            left_out=commonest(files.told.left_out),
            taken_over=[dead.run for dead in dead_runs],
            started_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", started_at),
            wall_s=time.perf_counter() - start_s,
        )
        staging.commit(info, shards, dead_runs, deployments.to_csv() if deployments else "")
        return ScanResult(info, files.done_before, files.before_since, files.told, deployments=deployments)


def _build_only_mode(options: PipelineOptions | None) -> BuildOnly | None:
    if options is None:
        return None
    from soundbeam.pipelines.runners.options import build_only_mode

    return build_only_mode(options)


def _run_pipeline(
    request: Listening,
    bundle: ClassifierBundle,
    parameters: ScanParameters,
    staging_url: str,
    ledger: list[tuple[int, str]],
    options: PipelineOptions | None,
    deployments: Deployments | None,
) -> dict[str, int]:
    """Builds the graph and runs it; returns the counters. It imports Beam, which takes a second."""
    import apache_beam as beam

    from soundbeam.pipelines.runners.options import beam_options
    from soundbeam.pipelines.runners.run import run
    from soundbeam.pipelines.scan.graph import build
    from soundbeam.transforms.counters import totals

    pipeline = beam.Pipeline(options=options or beam_options([]))
    build(pipeline, request, bundle, parameters, staging_url, ledger, deployments)
    return totals(run(pipeline))


def _nothing_new(staging: Staging, dead_runs: list[DeadRun], result: ScanResult) -> ScanResult:
    for dead in dead_runs:  # died before their first checkpoint
        staging.discard(dead.run)
    return result


def check_kind(output: Output, tables: Sequence[str]) -> None:
    """Checks that an output holds only scans, or only runs of embeddings: their rows do not follow from each other.

    Raises:
        SoundbeamError: It holds a run of the other kind.
    """
    for info in output.runs():
        if ("counts" in info.parameters.tables) != ("counts" in tables):
            other = "scan" if "counts" in info.parameters.tables else "embed"
            raise SoundbeamError(f"{output.user_url}: holds the tables of 'soundbeam {other}'; choose another --output")


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

"""A scan from its options to its committed run: the graph, the ledger, what is taken over from a run that died."""

from __future__ import annotations

import dataclasses
import datetime
import importlib.metadata
import platform
import time
from typing import Any

import apache_beam as beam

from soundbeam.model.classifier.bundle import ClassifierBundle, load_bundle
from soundbeam.model.errors import SoundbeamError
from soundbeam.model.storage.files import check_store, has_wildcard, place_of
from soundbeam.model.windows import WindowSpec
from soundbeam.pipelines.console.output import redacted
from soundbeam.pipelines.output.folder import Abandoned, Output, settings_of
from soundbeam.pipelines.runners.run import cores_a_worker, described_only, progress_every_s
from soundbeam.pipelines.runners.run import run as run_pipeline
from soundbeam.transforms.counters import totals
from soundbeam.transforms.decoding.cut_recordings import CutRecordings
from soundbeam.transforms.decoding.decode_recordings import DecodeRecordings
from soundbeam.transforms.listing.describe import DescribeRecordings
from soundbeam.transforms.listing.recordings import ListRecordings
from soundbeam.transforms.listing.skip_done import SkipDone
from soundbeam.transforms.listing.times_in_names import Conventions, parse_date, zone_of
from soundbeam.transforms.scoring.count_calls import CountCalls, Counting, result_of_unscannable
from soundbeam.transforms.scoring.progress import ReportProgress, TellHowMany
from soundbeam.transforms.scoring.score_windows import ScoreWindows
from soundbeam.transforms.tables.completeness import Met, Tally
from soundbeam.transforms.tables.write_tables import NameShards, WriteTables


@dataclasses.dataclass(frozen=True)
class Scan:
    """What to scan, and how.

    Attributes:
        recordings: Patterns, as ``list_recordings`` takes them.
        classifier: URL of the bundle.
        output: URL of the output folder.
        hop: Seconds between windows; None: the bundle's.
        threshold: Of every label; None: the bundle's.
        rescan: Whether what was scanned before is scanned again.
        retry_failed: Whether what failed or was partial before is.
        decoder: ``soundfile`` or ``tensorflow-io``.
        segment: Seconds decoded at once.
        batch_size: Windows scored at once; None: the bundle's.
        checkpoint_every: Seconds of work that a death can cost.
        recorded_at: Pattern for the time in a recording's URI; None: usual names only.
        timezone: Of the recorders' clocks.
        site: Pattern for the site in a recording's URI.
        since: Only recordings from this date on; None: all.
    """

    recordings: list[str]
    classifier: str
    output: str
    hop: float | None = None
    threshold: float | None = None
    rescan: bool = False
    retry_failed: bool = False
    decoder: str = "soundfile"
    segment: float = 60.0
    batch_size: int | None = None
    checkpoint_every: float = 600.0
    recorded_at: str | None = None
    timezone: str = "UTC"
    site: str | None = None
    since: str | None = None

    @property
    def conventions(self) -> Conventions:
        """How times and sites are told."""
        return Conventions(self.recorded_at, self.timezone, self.site)

    @property
    def since_utc(self) -> datetime.datetime | None:
        """The date from which on recordings are scanned, UTC."""
        return None if self.since is None else parse_date(self.since, zone_of(self.timezone))

    def check(self) -> None:
        """Raises SoundbeamError where a pattern, the date or the time zone is not understood."""
        _ = self.conventions, self.since_utc


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


def parameters_of(wanted: Scan, bundle: ClassifierBundle) -> dict[str, Any]:
    """What decides a scan's rows, and what made them.

    Raises:
        SoundbeamError: The hop would skip sound.
    """
    hop_s = wanted.hop or bundle.hop_s
    WindowSpec(bundle.rate, bundle.window_s, hop_s)
    return {
        "recordings": [redacted(pattern) for pattern in wanted.recordings],
        "classifier": redacted(wanted.classifier),
        "fingerprint": bundle.fingerprint,
        "architecture": bundle.architecture,
        "task": bundle.task,
        "rate": bundle.rate,
        "window_s": bundle.window_s,
        "hop_s": hop_s,
        "thresholds": {label: wanted.threshold or bundle.thresholds[label] for label in bundle.labels},
        "call_rules": dataclasses.asdict(bundle.call_rules),
        "decoder": wanted.decoder,
        **dataclasses.asdict(wanted.conventions),
        "since": wanted.since,
    }


def build(
    pipeline: beam.Pipeline,
    wanted: Scan,
    bundle: ClassifierBundle,
    parameters: dict[str, Any],
    staging: str,
    ledger: list[tuple[int, str]],
) -> None:
    """Adds the scan to the pipeline: list → leave out what is done → decode → score → count → write."""
    thresholds = tuple(parameters["thresholds"][label] for label in bundle.labels)
    counting = Counting(bundle.labels, thresholds, bundle.call_rules, bundle.counting)
    spec = WindowSpec(bundle.rate, bundle.window_s, parameters["hop_s"])
    cores = cores_a_worker(pipeline.options)
    listed = pipeline | "ListRecordings" >> ListRecordings(wanted.recordings)
    recordings, unscannable = listed["recordings"], listed["unscannable"]
    points = {"listed": (recordings, unscannable)}
    if ledger:
        skip = SkipDone(ledger, roots_of(wanted.recordings), wanted.retry_failed)
        recordings, unscannable = (recordings, unscannable) | "SkipDone" >> skip
    points["new"] = (recordings, unscannable)
    describe = DescribeRecordings(wanted.conventions, wanted.since_utc)
    recordings = recordings | "DescribeRecordings" >> describe
    unscannable = unscannable | "DescribeUnscannable" >> dataclasses.replace(describe, spread=False)
    points["kept"] = (recordings, unscannable)
    # From decoding on one fused stage: sound never leaves it, and a recording's rows are written as soon as it has
    # ended, unless it was cut into ranges.
    results = (
        recordings
        | "TellHowMany" >> TellHowMany()
        | "CutRecordings" >> CutRecordings(spec, wanted.segment, wanted.decoder)
        | "DecodeRecordings" >> DecodeRecordings(spec, wanted.segment, wanted.decoder, processes=cores)
        | "ScoreWindows"
        >> ScoreWindows(
            wanted.classifier, bundle.fingerprint, wanted.batch_size, cores, spec.segment_samples(wanted.segment)
        )
        | "ReportProgress" >> ReportProgress(spec.hop_s, progress_every_s())
        | "CountCalls" >> CountCalls(counting)
    )
    whole, of_ranges = results["whole"], results["of_ranges"]
    others = unscannable | "ResultsOfUnscannable" >> beam.Map(result_of_unscannable, len(bundle.labels))
    write = WriteTables(staging, bundle.labels, bundle.fingerprint, parameters, wanted.checkpoint_every)
    _ = (
        # Written apart: a Flatten before it would end the fused stage.
        (whole | "WriteTables" >> write, of_ranges | "WriteCut" >> write, others | "WriteUnscannable" >> write)
        | "AllShards" >> beam.Flatten()
        | "NameShards" >> NameShards(staging, points | "Tally" >> Tally())
    )


def ledger_of(output: Output, settings: str, dead: list[Abandoned]) -> list[tuple[int, str]]:
    """(age, URL) of each shard of ``recordings`` that tells what is done: runs of these settings, and dead ones."""
    found = []
    runs = [run["run"] for run in output.runs() if run["settings"] == settings]
    for age, run in enumerate(runs):
        found += [(age, output.fs.unstrip_protocol(p)) for p in output.fs.glob(f"{output.table('recordings', run)}/*")]
    for age, abandoned in enumerate(dead, start=len(runs)):
        staging = output.staging(abandoned.run)
        found += [(age, f"{staging}/{s.table}/{s.name}") for s in abandoned.shards if s.table == "recordings"]
    return found


def roots_of(patterns: list[str]) -> tuple[str, ...]:
    """The folders, as URIs with a slash at their ends, that patterns list whole or by wildcards."""
    roots = []
    for pattern in patterns:
        if pattern.startswith("@"):
            continue
        place, path = place_of(pattern)
        if place.fs.isdir(path):
            roots.append(place.uri(path.rstrip("/")) + "/")
        elif has_wildcard(path) and not place.fs.exists(path):
            fixed = path[: min(i for i in map(path.find, "*?[") if i >= 0)]
            roots.append(place.uri(fixed.rpartition("/")[0]) + "/")
    return tuple(roots)


def versions() -> dict[str, str]:
    """The versions that a scan's rows depend on."""
    names = ("soundbeam", "tensorflow", "keras", "apache-beam", "soundfile", "soxr", "numpy", "pyarrow")
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in names}}

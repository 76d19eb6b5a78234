"""The graph of a scan."""

from __future__ import annotations

import dataclasses

import apache_beam as beam

from soundbeam.model.classifier.bundle import ClassifierBundle
from soundbeam.model.windows import WindowSpec
from soundbeam.pipelines.output.run_info import ScanParameters
from soundbeam.pipelines.runners.options import cores_a_worker
from soundbeam.pipelines.runners.run import progress_every_s
from soundbeam.pipelines.scan.request import Listening
from soundbeam.transforms.decoding.decode_recordings import DecodeRecordings
from soundbeam.transforms.decoding.split_recordings import SplitRecordings
from soundbeam.transforms.kept_scores import Keeping
from soundbeam.transforms.listing.deployments import Deployments
from soundbeam.transforms.listing.describe_recordings import DescribeRecordings
from soundbeam.transforms.listing.list_recordings import ListRecordings
from soundbeam.transforms.listing.patterns import roots_of
from soundbeam.transforms.listing.skip_done import SkipDone
from soundbeam.transforms.scoring.count_calls import CountCalls, Counting, result_of_unscannable
from soundbeam.transforms.scoring.expect_calls import ExpectCalls, Expecting
from soundbeam.transforms.scoring.progress import AddTotals, ReportProgress
from soundbeam.transforms.scoring.score_windows import ScoreWindows
from soundbeam.transforms.tables.completeness import CountFiles
from soundbeam.transforms.tables.write_tables import NameShards, WriteTables


def build(
    pipeline: beam.Pipeline,
    request: Listening,
    bundle: ClassifierBundle,
    parameters: ScanParameters,
    staging_url: str,
    ledger: list[tuple[int, str]],
    deployments: Deployments | None = None,
) -> None:
    """Adds a scan, or what takes embeddings, to the pipeline.

    List → leave out what is done → decode → score → count → say what is expected there and then → write.
    """
    labels, counting = parameters.labels, counting_of(bundle, parameters)
    columns = None if labels == bundle.labels else tuple(map(bundle.labels.index, labels))
    spec = WindowSpec(bundle.rate, bundle.window_s, parameters.hop_s)
    cores = cores_a_worker(pipeline.options)
    listed = pipeline | "ListRecordings" >> ListRecordings(request.recordings)
    recordings, unscannable = listed["recordings"], listed["unscannable"]
    points = {"listed": (recordings, unscannable)}
    if ledger:
        skip = SkipDone(ledger, roots_of(request.recordings), request.retry_failed)
        recordings, unscannable = (recordings, unscannable) | "SkipDone" >> skip
    points["new"] = (recordings, unscannable)
    describe = DescribeRecordings(request.conventions, request.chosen, deployments=deployments)
    recordings, left_out = recordings | "DescribeRecordings" >> describe
    unscannable, left_out_too = unscannable | "DescribeUnscannable" >> dataclasses.replace(describe, spread=False)
    points["kept"] = (recordings, unscannable)
    told = (listed["told"], left_out, left_out_too) | "AllTold" >> beam.Flatten()
    # One fused stage from decoding to writing: sound never leaves it, and a recording's rows are written as soon as it
    # has ended, unless it was cut into ranges.
    results = (
        recordings
        | "AddTotals" >> AddTotals()
        | "SplitRecordings" >> SplitRecordings(spec, request.segment, request.decoder)
        | "DecodeRecordings"
        >> DecodeRecordings(spec, request.segment, request.decoder, request.channel, processes=cores)
        | "ScoreWindows"
        >> ScoreWindows(
            request.classifier,
            bundle.fingerprint,
            request.batch_size,
            cores,
            spec.segment_samples(request.segment),
            Keeping(columns, parameters.min_score),
            "embeddings" in parameters.tables,
        )
        | "ReportProgress" >> ReportProgress(spec.hop_s, progress_every_s())
        | "CountCalls" >> CountCalls(counting)
    )
    whole, of_ranges = results["whole"], results["of_ranges"]
    if (expecting := expecting_of(request, bundle, parameters, deployments)) is not None:
        expect = ExpectCalls(expecting, (bundle.url, bundle.geo["file"], bundle.geo["sha256"]))
        whole, of_ranges = whole | "ExpectCalls" >> expect, of_ranges | "ExpectCut" >> expect
    others = unscannable | "ResultsOfUnscannable" >> beam.Map(result_of_unscannable, len(labels))
    numbers = points | "CountFiles" >> CountFiles(told)
    write = WriteTables(
        staging_url, labels, bundle.fingerprint, dataclasses.asdict(parameters), request.checkpoint_every
    )
    _ = (
        # Three steps: a Flatten in front of a single one would end the fused stage.
        (whole | "WriteTables" >> write, of_ranges | "WriteCut" >> write, others | "WriteUnscannable" >> write)
        | "AllShards" >> beam.Flatten()
        | "NameShards" >> NameShards(staging_url, numbers)
    )


def counting_of(bundle: ClassifierBundle, parameters: ScanParameters) -> Counting:
    """How a scan's scores become calls."""
    thresholds, zeros = tuple(parameters.thresholds.values()), not parameters.sparse_counts
    return Counting(parameters.labels, thresholds, bundle.call_rules, bundle.counting, zeros)


def expecting_of(
    request: Listening, bundle: ClassifierBundle, parameters: ScanParameters, deployments: Deployments | None
) -> Expecting | None:
    """What tells how far calls are expected there and then; None: nothing does."""
    if deployments is None or not parameters.geo:
        return None
    return Expecting(deployments, request.conventions.timezone, bundle.labels, parameters.min_expected)

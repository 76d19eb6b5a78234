"""Stored scores of one calibration → the rows that a scan with another one would write; nothing is decoded."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from soundbeam.model.classifier.bundle import ClassifierBundle
from soundbeam.model.classifier.bundle_files import checked
from soundbeam.model.classifier.calibration import Calibration, log_odds
from soundbeam.model.classifier.changed_calibration import ChangedCalibration, ChangedScores
from soundbeam.model.classifier.occurrence import OccurrenceNetwork
from soundbeam.model.errors import ResultsError
from soundbeam.pipelines import results
from soundbeam.pipelines.output.run_info import RunInfo, ScanParameters
from soundbeam.pipelines.scan.graph import counting_of, expecting_of
from soundbeam.pipelines.scan.request import Listening
from soundbeam.transforms.counters import collected_counts
from soundbeam.transforms.kept_scores import KeptScores
from soundbeam.transforms.listing.deployments import Deployments
from soundbeam.transforms.listing.times_in_names import zone_of
from soundbeam.transforms.records import DecodeReport, Recording, RecordingResult, SegmentScores
from soundbeam.transforms.scoring.count_calls import Counting, count_calls
from soundbeam.transforms.scoring.expect_calls import expect_calls
from soundbeam.transforms.tables.schemas import Shard
from soundbeam.transforms.tables.write_tables import ShardWriter, WriteTables

# How far scores may be from those of a scan, and their log-odds, in which calls are told apart, as a share of the dip
# that parts two calls. Scores of a scan differ by as much where windows are scored in other batches.
_WORST_SCORE = 1e-5
_WORST_SHARE_OF_DIP = 0.05

_BATCH = 4096  # how many rows become Python's objects at once

Row = dict[str, Any]


class Rescoring:
    """Rescores recordings and stages their rows; closed, it has written all of them.

    Args:
        request, bundle, parameters, deployments: What is scanned, and how.
        staging_url: URL of the run's staging folder.

    Attributes:
        shards: What was written.
    """

    def __init__(
        self,
        request: Listening,
        bundle: ClassifierBundle,
        parameters: ScanParameters,
        staging_url: str,
        deployments: Deployments | None,
    ):
        self._request, self._parameters, self._deployments = request, parameters, deployments
        self._counting = counting_of(bundle, parameters)
        self._expecting = expecting_of(request, bundle, parameters, deployments)
        if self._expecting is not None:
            network = checked(bundle.url, bundle.geo["file"], bundle.geo["sha256"])
            self._network = OccurrenceNetwork(network, len(bundle.labels))
        described = dataclasses.asdict(parameters)
        self._writer = ShardWriter(
            WriteTables(staging_url, parameters.labels, bundle.fingerprint, described, request.checkpoint_every)
        )
        self.shards: list[Shard] = []

    def reuse(self, info: RunInfo, recordings: Mapping[str, datetime | None]) -> int:
        """Stages the rows of a former run's recordings; returns how many they are.

        Args:
            info: The run.
            recordings: URI → when the file was modified.
        """
        then, now = (Calibration.from_plain(of.calibration) for of in (info.parameters, self._parameters))
        change, reused = ChangedCalibration(then, now), 0
        if not change.possible:
            return 0
        try:
            for row, windows in self._scanned(info.run, recordings):
                if (result := self._result(row, windows, change)) is not None:
                    self.shards += self._writer.add(result)
                    reused += 1
        except ResultsError:  # damaged: the recordings that are left are scanned
            pass
        return reused

    def close(self) -> None:
        """Writes what is not written yet."""
        self.shards += self._writer.write()

    def _scanned(self, run: str, recordings: Mapping[str, datetime | None]) -> Iterator[tuple[Row, pa.Table | None]]:
        """Each recording's row, and the rows of its windows if it has any; of the time that is asked for.

        The tables hold recordings in the same order, so that no more rows are in memory than a row group has.
        """
        output, uris = self._request.output, list(recordings)
        columns = ["recording", "start_s", "end_s", "label", "score"]
        columns += ["channel"] if self._parameters.channel == "each" else []
        rows = self._rows(results.stream(output, "recordings", run=run, recordings=uris), recordings)
        ahead: dict[str, Row] = {}
        predictions = results.stream(output, "predictions", run=run, columns=columns, recordings=uris)
        for uri, windows in _by_recording(predictions):
            while uri not in ahead and (row := next(rows, None)) is not None:
                if row["windows"]:
                    ahead[row["recording"]] = row
                else:
                    yield row, None
            if uri in ahead:
                yield ahead.pop(uri), windows
        for row in rows:
            if not row["windows"]:
                yield row, None

    def _rows(self, parts: Iterable[pa.Table], modified: Mapping[str, datetime | None]) -> Iterator[Row]:
        """The rows of recordings that begin when it is asked for."""
        for part in parts:
            for batch in part.to_batches(max_chunksize=_BATCH):
                for row in batch.to_pylist():
                    zone = (
                        self._deployments and self._deployments.timezone_of(row["site"])
                    ) or self._parameters.timezone
                    when = row["recorded_at"], modified[row["recording"]], zone_of(zone)
                    if not self._request.chosen.why_not(*when):
                        yield row

    def _result(self, row: Row, windows: pa.Table | None, change: ChangedCalibration) -> RecordingResult | None:
        """What a scan would find; None where the stored scores do not tell it."""
        segments = [] if windows is None else self._segments(row, windows, change)
        if segments is None:
            return None
        recording = Recording(
            row["recording"], row["bytes"], row["version"], None, row["recorded_at"], row["site"],
            row["latitude"], row["longitude"], row["recorder"],
        )  # fmt: skip
        report = DecodeReport(
            recording, row["status"], row["stage"] or "", row["error"] or "", row["duration_s"], row["sample_rate"],
            row["channels"], row["windows"], len(segments), row["listened_s"], row["notes"] or "", row["content"] or "",
        )  # fmt: skip
        with collected_counts():  # the counters are the pipeline's
            result = count_calls(report, segments, self._counting)
            return result if self._expecting is None else expect_calls(result, self._expecting, self._network)

    def _segments(self, row: Row, windows: pa.Table, change: ChangedCalibration) -> list[SegmentScores] | None:
        """The scores of each channel; None where some are missing, no numbers, or too coarse."""
        labels = len(self._parameters.labels)
        label = pc.index_in(windows["label"], value_set=pa.array(self._parameters.labels, pa.string()))
        label = pc.fill_null(label, -1).to_numpy()
        n, odd = divmod(len(label), labels)
        channel = pc.fill_null(windows["channel"], 0).to_numpy() if "channel" in windows.column_names else 0 * label
        start_s, end_s, score = (windows[name].to_numpy() for name in ("start_s", "end_s", "score"))
        order = np.lexsort((label, start_s, channel))
        if odd or n != row["windows"] or not (label[order].reshape(n, labels) == np.arange(labels)).all():
            return None
        stored = score[order].reshape(n, labels)
        first = order[::labels]
        channel, start_s, end_s = channel[first], start_s[first], end_s[first]
        if not np.isfinite(stored).all():
            return None
        changed = change.apply(stored)
        if not tell_calls(changed, self._counting):
            return None
        segments = []
        for one in np.unique(channel).tolist():
            of = channel == one
            scores = KeptScores.of(changed.scores[of])
            segments.append(SegmentScores(row["recording"], 0, start_s[of], end_s[of], scores, channel=one or None))
        return segments


def tell_calls(changed: ChangedScores, counting: Counting) -> bool:
    """Whether scores are so near to those of a scan that they and the calls in them can stand for its."""
    low, high = changed.low.astype(np.float64), changed.high.astype(np.float64)
    thresholds = np.array(counting.thresholds)
    return bool(
        np.max(high - low, initial=0.0) <= _WORST_SCORE
        and np.max(log_odds(high) - log_odds(low), initial=0.0) <= _WORST_SHARE_OF_DIP * counting.rules.dip
        and not ((low < thresholds) & (thresholds <= high)).any()
    )


def _by_recording(parts: Iterable[pa.Table]) -> Iterator[tuple[str, pa.Table]]:
    """Rows of each recording, which follow one another, maybe in two parts."""
    uri, of_uri = "", list[pa.Table]()
    for part in parts:
        encoded = part["recording"].combine_chunks().dictionary_encode()
        codes = encoded.indices.to_numpy()
        bounds = [0, *(np.flatnonzero(np.diff(codes)) + 1).tolist(), len(codes)]
        for first, end in itertools.pairwise(bounds):
            if first == end:
                continue
            name = encoded.dictionary[int(codes[first])].as_py()
            if of_uri and name != uri:
                yield uri, pa.concat_tables(of_uri)
                of_uri = []
            uri = name
            of_uri.append(part.slice(first, end - first))
    if of_uri:
        yield uri, pa.concat_tables(of_uri)

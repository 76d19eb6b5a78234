"""Scores → the calls and counts of each recording; checks that every decoded window has a score."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
from apache_beam.transforms.window import GlobalWindows

from soundbeam.model.classifier.calls import Call, CallRules, contiguous, find_calls, find_peaks
from soundbeam.model.classifier.count_interval import AS_SCORED, CountModel
from soundbeam.transforms.counters import count
from soundbeam.transforms.decoding.ranges import report_of
from soundbeam.transforms.records import DecodeReport, RangeReport, RecordingResult, Scored, SegmentScores, Unscannable


@dataclasses.dataclass(frozen=True)
class Counting:
    """How scores become calls.

    Attributes:
        labels: The labels, in the order of the scores.
        thresholds: One for each label.
        rules: How neighbouring windows are joined into calls.
        count_model: Gives the interval in which the true count plausibly lies.
    """

    labels: tuple[str, ...]
    thresholds: tuple[float, ...]
    rules: CallRules
    count_model: CountModel = AS_SCORED


def count_calls(report: DecodeReport, scored: Iterable[SegmentScores], counting: Counting) -> RecordingResult:
    """Joins the scores of a recording and finds its calls.

    If some windows have no score, because their segment could not be scored, the status becomes ``partial`` (``failed``
    if none has one), with stage ``score`` and an error that says so.
    """
    # A runner may deliver a segment twice after a retry on another worker; its windows count once.
    segments = {_place(s): s for s in sorted(scored, key=lambda s: s.scores is not None)}
    good = [s for _, s in sorted(segments.items()) if s.scores is not None]
    windows = sum(len(s.start_s) for s in good)
    if windows != report.windows:
        reasons = [s.error for s in segments.values() if s.error] or ["scores were lost between two steps"]
        lost = f"{report.windows - windows} of {report.windows} windows have no score: {reasons[0]}"
        report = dataclasses.replace(
            report,
            status="partial" if windows else "failed",
            stage="score",
            error=f"{report.error}; {lost}" if report.error else lost,
            windows=windows,
        )
    by_channel: dict[int | None, list[SegmentScores]] = {}
    for segment in good:
        by_channel.setdefault(segment.channel, []).append(segment)
    results = [_result(report, of_channel, counting) for of_channel in by_channel.values()]
    if not results:
        results = [_without_windows(report, len(counting.labels))]
    count(f"recordings_{report.status}")
    count("calls", sum(len(calls) for result in results for calls in result.calls.values()))
    return dataclasses.replace(results[0], other_channels=tuple(results[1:]))


def _place(segment: SegmentScores) -> tuple[int, int]:
    return segment.channel or 0, segment.index


def _result(report: DecodeReport, segments: Sequence[SegmentScores], counting: Counting) -> RecordingResult:
    """The calls of one channel, in all of whose segments there are scores."""
    start_s = np.concatenate([s.start_s for s in segments])
    end_s = np.concatenate([s.end_s for s in segments])
    scores = np.concatenate([s.scores for s in segments if s.scores is not None])
    embeddings = [s.embeddings for s in segments if s.embeddings is not None]
    calls: dict[str, list[Call]] = {label: [] for label in counting.labels}
    intervals = {}
    stretches = contiguous(start_s, end_s)
    for i, label in enumerate(counting.labels):
        heights = []
        for part in stretches:  # calls on two sides of a gap are two
            height, peaks = find_peaks(start_s[part], scores[part, i].astype(np.float64), counting.rules)
            windows = start_s[part], end_s[part], scores[part, i]
            calls[label] += find_calls(*windows, counting.thresholds[i], counting.rules, (height, peaks))
            heights.append(height[peaks])
        intervals[label] = counting.count_model.interval(np.concatenate(heights), len(calls[label]))
    result = RecordingResult(report, start_s, end_s, scores, calls, intervals, segments[0].channel)
    return dataclasses.replace(result, embeddings=np.concatenate(embeddings)) if embeddings else result


def result_of_unscannable(file: Unscannable, labels: int) -> RecordingResult:
    """The result of a file that was listed but not decoded."""
    report = DecodeReport(file.recording, file.status, file.stage, file.error, None, None, None, 0, 0)
    count(f"recordings_{file.status}")
    return _without_windows(report, labels)


def _without_windows(report: DecodeReport, labels: int) -> RecordingResult:
    return RecordingResult(report, np.zeros(0), np.zeros(0), np.zeros((0, labels), np.float32), {})


def count_calls_of_ranges(items: Iterable[SegmentScores | RangeReport], counting: Counting) -> RecordingResult:
    """Joins the ranges of a split recording into the result that the whole recording would have.

    Args:
        items: The scores of all its segments and the reports of all its ranges, in any order.
        counting: How to count.
    """
    items = list(items)
    scored = [item for item in items if isinstance(item, SegmentScores)]
    parts = [item for item in items if isinstance(item, RangeReport)]
    report = report_of(parts)
    # Segments after a break were scored in vain.
    channels = len({s.channel for s in scored}) or 1
    return count_calls(report, [s for s in scored if s.index < report.segments // channels], counting)


@dataclasses.dataclass
class CountCalls(beam.PTransform):
    """Joins the scores and the report of each recording, and counts: one `RecordingResult` per `DecodeReport`.

    A recording is decoded and scored in one bundle, so nothing has to be grouped, and a result can be written as soon
    as its recording is finished. Only the scores and reports of recordings that were split into ranges are grouped;
    their results are the output ``of_ranges``, one per recording.
    """

    counting: Counting

    def expand(self, scored: beam.PCollection) -> Any:
        """Adds the steps to the graph; returns ``{"whole": …, "of_ranges": …}``."""
        joined = scored | "JoinAndCount" >> beam.ParDo(_JoinAndCount(self.counting)).with_outputs(_PARTS, main="whole")
        of_ranges = (
            joined[_PARTS]
            | "GroupRanges" >> beam.GroupByKey()
            | "Ranges" >> beam.Values()
            | "JoinRanges" >> beam.Map(count_calls_of_ranges, self.counting)
        )
        return {"whole": joined.whole, "of_ranges": of_ranges}


_PARTS = "parts"


class _JoinAndCount(beam.DoFn):
    def __init__(self, counting: Counting):
        self._counting = counting

    def start_bundle(self) -> None:
        self._scores: dict[str, list[SegmentScores]] = {}
        self._reports: dict[str, DecodeReport] = {}

    def process(self, item: Scored) -> Iterator[Any]:
        if isinstance(item, RangeReport):
            yield beam.pvalue.TaggedOutput(_PARTS, (item.part.recording.uri, item))
            return
        if isinstance(item, SegmentScores):
            if item.of_range:
                yield beam.pvalue.TaggedOutput(_PARTS, (item.uri, item))
                return
            uri = item.uri
            self._scores.setdefault(uri, []).append(item)
        else:
            uri = item.recording.uri
            self._reports[uri] = item
        report = self._reports.get(uri)
        if report is not None and len(self._scores.get(uri, ())) >= report.segments:
            yield self._count(uri)

    def finish_bundle(self) -> Iterator[Any]:
        for uri in list(self._reports):  # some of their scores are missing, which their rows will say
            yield GlobalWindows.windowed_value(self._count(uri))

    def _count(self, uri: str) -> RecordingResult:
        return count_calls(self._reports.pop(uri), self._scores.pop(uri, []), self._counting)

"""Scores → the calls and counts of each recording; checks that every decoded window has a score."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
from apache_beam.transforms.window import GlobalWindows

from soundbeam.model.classifier.calibration import log_odds, sigmoid
from soundbeam.model.classifier.calls import Call, CallRules, contiguous, find_calls, find_peaks
from soundbeam.model.classifier.count_interval import AS_SCORED, CountModel
from soundbeam.transforms.counters import count
from soundbeam.transforms.decoding.ranges import report_of
from soundbeam.transforms.kept_scores import KeptScores
from soundbeam.transforms.records import DecodeReport, RangeReport, RecordingResult, Scored, SegmentScores, Unscannable

_ROUNDING = 1e-6  # of log-odds that are summed up


@dataclasses.dataclass(frozen=True)
class Counting:
    """How scores become calls.

    Attributes:
        labels: The labels, in the order of the scores.
        thresholds: One for each label.
        rules: How neighbouring windows are joined into calls.
        count_model: Gives the interval in which the true count plausibly lies.
        zeros: Whether labels without a call are counted too.
    """

    labels: tuple[str, ...]
    thresholds: tuple[float, ...]
    rules: CallRules
    count_model: CountModel = AS_SCORED
    zeros: bool = True

    def below_floor(self, label: int, floor: float | None) -> float:
        """What a label's score counts as that lies below the floor from which on scores are kept.

        As the floor; where that is nearer to the threshold than a dip, as a dip below the threshold, so that two calls
        with nothing kept between them are two.
        """
        if floor is None:
            return 0.0
        threshold = self.thresholds[label]
        lowest = min(floor, float(sigmoid(log_odds(threshold) - self.rules.dip)))
        return float(np.nextafter(np.float32(lowest), np.float32(0)))  # float32 may lie above the threshold


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
    scores = KeptScores.joined([s.scores for s in segments if s.scores is not None])
    calls: dict[str, list[Call]] = {label: [] for label in counting.labels} if counting.zeros else {}
    intervals = dict.fromkeys(calls, (0, 0))
    stretches = contiguous(start_s, end_s)
    highest = scores.highest().astype(np.float64)
    # A label without a score over its threshold has no call, and one that was not kept at all has no peak either.
    searched = highest > -np.inf if counting.zeros else highest >= np.asarray(counting.thresholds)
    for i in np.flatnonzero(searched).tolist():
        of_label, interval = _calls_of_label(i, start_s, end_s, scores, stretches, counting)
        if of_label or counting.zeros:
            calls[counting.labels[i]], intervals[counting.labels[i]] = of_label, interval
    result = RecordingResult(report, start_s, end_s, scores, calls, intervals, segments[0].channel)
    embeddings = [s.embeddings for s in segments if s.embeddings is not None]
    return dataclasses.replace(result, embeddings=np.concatenate(embeddings)) if embeddings else result


def _calls_of_label(
    label: int,
    start_s: np.ndarray,
    end_s: np.ndarray,
    scores: KeptScores,
    stretches: Sequence[slice],
    counting: Counting,
) -> tuple[list[Call], tuple[int, int]]:
    """A label's calls, and the interval of their number."""
    below = counting.below_floor(label, scores.floor)
    column = scores.column(label, below)
    calls, heights = list[Call](), list[np.ndarray]()
    for part in stretches:  # calls on two sides of a gap are two
        height, peaks = find_peaks(start_s[part], column[part].astype(np.float64), counting.rules)
        windows = start_s[part], end_s[part], column[part]
        calls += find_calls(*windows, counting.thresholds[label], counting.rules, (height, peaks))
        heights.append(height[peaks])
    tops = np.concatenate(heights)
    if scores.floor is not None:  # where nothing was kept there is no peak
        tops = tops[tops > log_odds(below) + _ROUNDING]
    return calls, counting.count_model.interval(tops, len(calls))


def result_of_unscannable(file: Unscannable, labels: int) -> RecordingResult:
    """The result of a file that was listed but not decoded."""
    report = DecodeReport(file.recording, file.status, file.stage, file.error, None, None, None, 0, 0)
    count(f"recordings_{file.status}")
    return _without_windows(report, labels)


def _without_windows(report: DecodeReport, labels: int) -> RecordingResult:
    none = KeptScores.of(np.zeros((0, labels), np.float32))
    return RecordingResult(report, np.zeros(0), np.zeros(0), none, {})


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

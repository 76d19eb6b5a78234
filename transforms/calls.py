"""Scores → calls and counts of each recording, checked window by window against what was decoded."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import apache_beam as beam
import numpy as np

from model.calls import CallRules, find_calls
from transforms.counters import count
from transforms.records import DecodeReport, RecordingResult, SegmentScores, Unscannable


@dataclasses.dataclass(frozen=True)
class Counting:
    """How scores become calls.

    Attributes:
        labels: In the order of the scores.
        thresholds: One for each label.
        rules: How neighbouring windows are joined and told apart.
    """

    labels: tuple[str, ...]
    thresholds: tuple[float, ...]
    rules: CallRules


def count_calls(report: DecodeReport, scored: Iterable[SegmentScores], counting: Counting) -> RecordingResult:
    """Joins a recording's scores, finds its calls, and says so where windows were lost on the way.

    A window is lost when its segment could not be scored; then the status becomes ``partial`` (``failed`` when none is
    left) with stage ``score``.
    """
    # A runner may give a segment twice after a retry on another worker; its windows count once.
    segments = {s.index: s for s in sorted(scored, key=lambda s: (s.index, s.scores is not None))}
    good = [s for s in sorted(segments.values(), key=lambda s: s.index) if s.scores is not None]
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
    labels = len(counting.labels)
    start_s = np.concatenate([s.start_s for s in good]) if good else np.zeros(0)
    end_s = np.concatenate([s.end_s for s in good]) if good else np.zeros(0)
    scores = np.concatenate([s.scores for s in good]) if good else np.zeros((0, labels), np.float32)
    calls = {
        label: find_calls(start_s, end_s, scores[:, i], counting.thresholds[i], counting.rules)
        for i, label in enumerate(counting.labels)
        if windows
    }
    count(f"recordings_{report.status}")
    count("calls", sum(len(found) for found in calls.values()))
    return RecordingResult(report, start_s, end_s, scores, calls)


def result_of_unscannable(file: Unscannable, labels: int) -> RecordingResult:
    """The row of a file that was listed and not decoded."""
    report = DecodeReport(file.recording, file.status, file.stage, file.error, None, None, None, 0, 0)
    count(f"recordings_{file.status}")
    return RecordingResult(report, np.zeros(0), np.zeros(0), np.zeros((0, labels), np.float32), {})


@dataclasses.dataclass
class CountCalls(beam.PTransform):
    """Joins reports and scores by recording and counts.

    Takes a tuple of PCollections ``(reports: DecodeReport, scores: SegmentScores)``; gives one `RecordingResult` for
    each report.
    """

    counting: Counting

    def expand(self, inputs: tuple[beam.PCollection, beam.PCollection]) -> beam.PCollection[RecordingResult]:
        """Adds the steps to the graph."""
        reports, scores = inputs
        keyed_reports = reports | "ReportByRecording" >> beam.Map(lambda r: (r.recording.uri, r))
        keyed_scores = scores | "ScoresByRecording" >> beam.Map(lambda s: (s.uri, s))
        return (
            {"reports": keyed_reports, "scores": keyed_scores}
            | "JoinByRecording" >> beam.CoGroupByKey()
            | "FindCalls" >> beam.FlatMap(_count_joined, self.counting)
        )


def _count_joined(item: tuple[str, dict[str, Iterable]], counting: Counting) -> Iterable[RecordingResult]:
    _, joined = item
    reports = list(joined["reports"])
    if reports:
        yield count_calls(reports[0], joined["scores"], counting)

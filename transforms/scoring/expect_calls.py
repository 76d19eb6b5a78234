"""Adds to calls how far their label is expected there and then, and leaves out those that are not."""

from __future__ import annotations

import dataclasses
import functools
from datetime import datetime, timedelta
from typing import Any

import apache_beam as beam
from apache_beam.utils.shared import Shared

from soundbeam.model.classifier.bundle_files import checked
from soundbeam.model.classifier.occurrence import OccurrenceNetwork, week_of
from soundbeam.transforms.counters import count
from soundbeam.transforms.listing.deployments import Deployments
from soundbeam.transforms.listing.times_in_names import zone_of
from soundbeam.transforms.records import RecordingResult


@dataclasses.dataclass(frozen=True)
class Expecting:
    """What is needed to say how far a call's label is expected.

    Attributes:
        deployments: Where and when recorders were.
        timezone: Of the recorders' clocks whose deployment names none.
        labels: All of the classifier's, in its order.
        min_expected: Calls of labels that are less expected are left out; None: none are.
    """

    deployments: Deployments
    timezone: str
    labels: tuple[str, ...]
    min_expected: float | None = None

    @functools.cached_property
    def index(self) -> dict[str, int]:
        """Label → its place among the classifier's."""
        return {label: i for i, label in enumerate(self.labels)}

    def leaves_out(self, expected: float | None) -> bool:
        """Whether calls of a label that is so far expected are left out."""
        return self.min_expected is not None and expected is not None and expected < self.min_expected


def expect_calls(result: RecordingResult, expecting: Expecting, network: OccurrenceNetwork) -> RecordingResult:
    """Gives each call what is expected of its label in its week at its recorder's place.

    Where the place or the time is not known, nothing is: the calls stay as they are. Calls of labels that are less
    expected than ``min_expected`` are left out, and counted in ``unlikely``; the plausible number of calls is less by
    as many, and zero in a recording all of whose weeks are such.
    """
    recording = result.report.recording
    if recording.latitude is None or recording.longitude is None or recording.recorded_at is None:
        return result
    zone = zone_of(expecting.deployments.timezone_of(recording.site) or expecting.timezone)
    place = recording.latitude, recording.longitude
    when = _When(recording.recorded_at.astimezone(zone), place, expecting, network)
    others = tuple(expect_calls(channel, expecting, network) for channel in result.other_channels)
    calls, intervals, unlikely = dict(result.calls), dict(result.intervals), dict[str, int]()
    for label in calls:
        told = [dataclasses.replace(call, expected=when.expected(label, call.start_s)) for call in calls[label]]
        calls[label] = [call for call in told if not expecting.leaves_out(call.expected)]
        if out := len(told) - len(calls[label]):
            unlikely[label] = out
        if label in intervals and expecting.min_expected is not None:
            low, high = intervals[label]
            at = (0.0, float(result.end_s[-1])) if len(result.end_s) else (0.0,)
            if not calls[label] and all(expecting.leaves_out(when.expected(label, second)) for second in at):
                high = out
            intervals[label] = max(0, low - out), max(len(calls[label]), high - out)
    count("calls_unlikely", sum(unlikely.values()))
    return dataclasses.replace(result, calls=calls, intervals=intervals, unlikely=unlikely, other_channels=others)


class _When:
    """What is expected in one recording."""

    def __init__(self, start: datetime, place: tuple[float, float], expecting: Expecting, network: OccurrenceNetwork):
        self._start, self._place, self._network = start, place, network
        self._index = expecting.index

    def expected(self, label: str, second: float) -> float:
        week = week_of(self._start + timedelta(seconds=second))
        return float(self._network.expected(*self._place, week)[self._index[label]])


@dataclasses.dataclass
class ExpectCalls(beam.PTransform):
    """Adds to calls how far they are expected: `RecordingResult` → `RecordingResult`.

    Args:
        expecting: What is expected where.
        network: Of the classifier's network for place and season: the bundle's URL, the file's name and its SHA-256.
    """

    expecting: Expecting
    network: tuple[str, str, str]

    def expand(self, results: beam.PCollection[RecordingResult]) -> beam.PCollection[RecordingResult]:
        """Adds the step to the graph."""
        return results | "Expect" >> beam.ParDo(_Expect(self))


class _Expect(beam.DoFn):
    def __init__(self, step: ExpectCalls):
        self._expecting, self._file, self._shared = step.expecting, step.network, Shared()
        self._network: OccurrenceNetwork | None = None

    def process(self, result: RecordingResult) -> Any:
        if self._network is None:  # not before a recording was scanned: most nights there is none
            labels = len(self._expecting.labels)
            self._network = self._shared.acquire(lambda: OccurrenceNetwork(checked(*self._file), labels))
        yield expect_calls(result, self._expecting, self._network)

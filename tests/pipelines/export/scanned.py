"""A scan's tables, written without a scan, that exports are made of."""

import dataclasses
import datetime

from soundbeam.model.classifier.calls import Call
from soundbeam.pipelines.export.program import main
from tests.pipelines.written_scan import result, write_scan

UTC = datetime.timezone.utc
MORNING = datetime.datetime(2024, 5, 1, 3, 30, tzinfo=UTC)
# Recording → (site, when, seconds, calls: label, start, end, score).
RECORDINGS = {
    "file:///data/creek/20240501_033000.wav": ("creek", MORNING, 60.0, [("low", 1.0, 2.5, 0.75)]),
    "file:///data/ridge/20240501_033000.wav": (
        "ridge", MORNING, 60.0, [("low", 12.0, 14.512345, 0.9), ("high", 3.0, 4.0, 0.6), ("high", 13.0, 15.0, 0.8)],
    ),
    "file:///data/ridge/20240502_033000.wav": ("ridge", MORNING + datetime.timedelta(days=1), 40.0, []),
    "file:///data/ridge/20240503_220000.flac": (
        "ridge", datetime.datetime(2024, 5, 3, 22, tzinfo=UTC), 7200.0, [("low", 60.0, 61.0, 0.5)],
    ),
}  # fmt: skip
LABELS = ("low", "high")


def listened(uri, site, when, seconds, calls, rate=16000, status="ok", labels=LABELS, channels=1, error=""):
    """One recording's result."""
    found = result(
        uri, seconds or 0.0, labels=labels, status=status, hop_s=max(1.0, (seconds or 0.0) / 10), error=error
    )
    report = dataclasses.replace(
        found.report,
        recording=dataclasses.replace(found.report.recording, site=site, recorded_at=when),
        duration_s=seconds,
        sample_rate=rate,
        channels=channels,
        listened_s=seconds,
    )
    events = {label: [Call(s, e, score) for name, s, e, score in calls if name == label] for label in labels}
    return dataclasses.replace(found, report=report, calls=events if status in ("ok", "partial") else {})


def written(folder, recordings=RECORDINGS, labels=LABELS, extra=(), **more):
    """Writes the tables, and gives their folder as text."""
    rows = [listened(uri, *values, labels=labels) for uri, values in recordings.items()]
    values = {"timezone": "Europe/Berlin", "site": "{site}/*", **more}
    return write_scan(folder, [*rows, *extra], labels, **values)


def export(*arguments):
    """Runs the program."""
    return main([str(argument) for argument in arguments])


def exported(scan, to, name, *options):
    """Exports in a format, which has to succeed; gives the folder."""
    assert export("--output", scan, "--format", name, "--to", to, *options) == 0
    return to


def calls_of(recordings=RECORDINGS):
    """(recording, label, start, end, score) of all calls, in order."""
    rows = [(uri, *call) for uri, (_, _, _, calls) in recordings.items() for call in calls]
    return sorted(rows, key=lambda row: (row[0], row[2], row[3]))

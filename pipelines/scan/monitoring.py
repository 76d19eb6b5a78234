"""Reports for monitoring how a run ended: one line of JSON, and metrics for Prometheus' textfile collector."""

from __future__ import annotations

import calendar
import contextlib
import importlib.metadata
import json
import os
import sys
import time
from typing import Any

from fsspec.implementations.local import LocalFileSystem

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.storage.files import write_at_once
from soundbeam.pipelines.console.errors import exit_code, explain
from soundbeam.pipelines.console.output import redacted

STDOUT = "-"


class Monitor(contextlib.AbstractContextManager["Monitor"]):
    """Reports how a scan ended or why it failed.

    Each file is replaced as a whole. With ``-`` the line of JSON is the only thing on standard output; the text for
    people goes to standard error.

    Args:
        output: The scan's output folder, as the user wrote it.
        summary: Path of the JSON file, ``-`` for standard output, or None.
        metrics: Path of the file of metrics, or None.
        program: ``scan`` or ``embed``.

    Attributes:
        figures: The scan's figures, as far as they are available.

    Raises:
        SoundbeamError: A file cannot be written there; raised before anything is scanned.
    """

    def __init__(self, output: str, summary: str | None, metrics: str | None, program: str = "scan"):
        self._output, self._summary, self._metrics, self._program = output, summary, metrics, program
        self._started_at, self._start_s = time.gmtime(), time.monotonic()
        self.figures: dict[str, Any] = {}
        for option, path in (("--summary-json", summary), ("--metrics", metrics)):
            if not path or path == STDOUT:
                continue
            if not os.access(os.path.dirname(os.path.abspath(path)), os.W_OK) or os.path.isdir(path):
                raise SoundbeamError(f"{option} {path}: cannot be written; give a file in a folder that exists")

    def __enter__(self) -> Monitor:
        self._stdout = sys.stdout
        if self._summary == STDOUT:
            sys.stdout = sys.stderr
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        sys.stdout = self._stdout
        report = self._report(error)
        line = json.dumps(report, ensure_ascii=False)
        if self._summary == STDOUT:
            print(line, flush=True)
        elif self._summary:
            _write(self._summary, line + "\n")
        if self._metrics:
            _write(self._metrics, prometheus(report))

    def _report(self, error: BaseException | None) -> dict[str, Any]:
        figures = self.figures
        status = "failed" if error is not None else "ok" if figures.get("run") else "nothing_new"
        return {
            "program": f"soundbeam {self._program}",
            "version": importlib.metadata.version("soundbeam"),
            "status": status,
            "exit_code": exit_code(error) if error is not None else 0,
            "error": redacted(explain(error)) if error is not None else None,
            "output": redacted(self._output),
            "started_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", self._started_at),
            "ended_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "wall_s": round(time.monotonic() - self._start_s, 3),
            "run": figures.get("run"),
            "classifier": figures.get("classifier"),
            "recordings": figures.get("recordings", {}),
            "unchanged": figures.get("unchanged", 0),
            **{name: figures.get(name, 0) for name in ("before_since", "after_until", "outside_hours", "without_hour")},
            "gone": figures.get("gone", 0),
            "left_out": figures.get("left_out", {}),
            "reused": figures.get("reused", 0),
            "resumed_runs": figures.get("resumed_runs", []),
            "hours": figures.get("hours", 0.0),
            "windows": figures.get("windows", 0),
            "calls": figures.get("calls", {}),
        }


def prometheus(report: dict[str, Any]) -> str:
    """A report in Prometheus' text format, version 0.0.4."""
    from prometheus_client import CollectorRegistry, Gauge, generate_latest

    registry, output = CollectorRegistry(), _printable(report["output"])
    prefix = report["program"].replace(" ", "_")

    def gauge(name: str, description: str, *labels: str) -> Gauge:
        return Gauge(f"{prefix}_{name}", description, ("output", *labels), registry=registry)

    def set_gauge(name: str, description: str, value: float) -> None:
        gauge(name, description).labels(output).set(value)

    ended = time.strptime(report["ended_at"], "%Y-%m-%dT%H:%M:%SZ")
    set_gauge("success", "Whether the last scan ended well.", report["exit_code"] == 0)
    set_gauge("exit_code", "Exit code of the last scan.", report["exit_code"])
    set_gauge("ended_timestamp_seconds", "When the last scan ended.", calendar.timegm(ended))
    set_gauge("duration_seconds", "How long the last scan took.", report["wall_s"])
    recordings = gauge("recordings", "Recordings that the last scan scanned, by status.", "status")
    for status in ("failed", "ok", "partial", "skipped"):
        recordings.labels(output, status).set(report["recordings"].get(status, 0))
    set_gauge("recordings_unchanged", "Recordings left alone: scanned before.", report["unchanged"])
    set_gauge("recordings_reused", "Recordings whose stored scores were used again.", report["reused"])
    set_gauge("recordings_before_since", "Recordings left out: older than --since.", report["before_since"])
    set_gauge("recordings_gone", "Recordings that were scanned and are gone.", report["gone"])
    set_gauge("audio_seconds", "Sound that the last scan scanned.", round(3600 * report["hours"], 3))
    calls = gauge("calls", "Calls that the last scan found, by label.", "label")
    for label, number in report["calls"].items():
        calls.labels(output, _printable(label)).set(number)
    info = gauge("info", "The run that the last scan committed, if any.", "run", "classifier")
    info.labels(output, report["run"] or "", report["classifier"] or "").set(1)
    return generate_latest(registry).decode()


def _printable(text: str) -> str:
    """A text in which bytes of a path that are not UTF-8 are written as escapes: the format is UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()


def _write(path: str, text: str) -> None:
    """Writes a local file so that a reader finds the old one or the new one, never a part."""
    write_at_once(LocalFileSystem(), os.path.abspath(path), text.encode("utf-8", "backslashreplace"))

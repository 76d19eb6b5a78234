"""What a monitor reads of a scan, however it ends: one line of JSON, and metrics for Prometheus' textfile collector."""

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
    """Tells, when a scan has ended or failed, how.

    Each file is replaced as a whole. With ``-`` the line of JSON is all that standard output gets; what a person reads
    goes to standard error.

    Args:
        output: The scan's output folder, as the user gave it.
        summary: Path of the JSON file, ``-`` for standard output, or None.
        metrics: Path of the metrics' file, or None.

    Raises:
        SoundbeamError: A file could not be written there; said before anything is scanned.
    """

    def __init__(self, output: str, summary: str | None, metrics: str | None):
        self._output, self._summary, self._metrics = output, summary, metrics
        self._started, self._clock = time.time(), time.monotonic()
        self.figures: dict[str, Any] = {}
        for option, path in (("--summary-json", summary), ("--metrics", metrics)):
            folder = os.path.dirname(os.path.abspath(path)) if path and path != STDOUT else "."
            if not os.access(folder, os.W_OK) or (path and os.path.isdir(path)):
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
        found = dict(self.figures)
        status = "failed" if error is not None else "ok" if found.get("run") else "nothing_new"
        return {
            "program": "soundbeam scan",
            "version": importlib.metadata.version("soundbeam"),
            "status": status,
            "exit_code": exit_code(error) if error is not None else 0,
            "error": redacted(explain(error)) if error is not None else None,
            "output": redacted(self._output),
            "started_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._started)),
            "ended_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "wall_s": round(time.monotonic() - self._clock, 3),
            "run": found.get("run"),
            "classifier": found.get("classifier"),
            "recordings": found.get("recordings", {}),
            "unchanged": found.get("unchanged", 0),
            "before_since": found.get("before_since", 0),
            "gone": found.get("gone", 0),
            "resumed_runs": found.get("resumed_runs", []),
            "hours": found.get("hours", 0.0),
            "windows": found.get("windows", 0),
            "calls": found.get("calls", {}),
        }


def prometheus(report: dict[str, Any]) -> str:
    """A report in Prometheus' text format, version 0.0.4."""
    output = {"output": report["output"]}
    ended = time.strptime(report["ended_at"], "%Y-%m-%dT%H:%M:%SZ")
    run = {**output, "run": report["run"] or "", "classifier": report["classifier"] or ""}
    statuses = dict.fromkeys(("ok", "partial", "failed", "skipped"), 0) | report["recordings"]
    metrics: list[tuple[str, str, list[tuple[dict[str, str], float]]]] = [
        ("success", "Whether the last scan ended well.", [(output, int(report["exit_code"] == 0))]),
        ("exit_code", "Exit code of the last scan.", [(output, report["exit_code"])]),
        ("ended_timestamp_seconds", "When the last scan ended.", [(output, calendar.timegm(ended))]),
        ("duration_seconds", "How long the last scan took.", [(output, report["wall_s"])]),
        (
            "recordings",
            "Recordings that the last scan scanned, by status.",
            [({**output, "status": name}, n) for name, n in sorted(statuses.items())],
        ),
        ("recordings_unchanged", "Recordings left alone: scanned before.", [(output, report["unchanged"])]),
        ("recordings_before_since", "Recordings left out: older than --since.", [(output, report["before_since"])]),
        ("recordings_gone", "Recordings that were scanned and are gone.", [(output, report["gone"])]),
        ("audio_seconds", "Sound that the last scan scanned.", [(output, round(3600 * report["hours"], 3))]),
        (
            "calls",
            "Calls that the last scan found, by label.",
            [({**output, "label": label}, n) for label, n in report["calls"].items()],
        ),
        ("info", "The run that the last scan committed, if any.", [(run, 1)]),
    ]
    lines = []
    for name, what, samples in metrics:
        lines += [f"# HELP soundbeam_scan_{name} {what}", f"# TYPE soundbeam_scan_{name} gauge"]
        for labels, value in samples:
            said = ",".join(f'{key}="{_escape(text)}"' for key, text in labels.items())
            lines.append(f"soundbeam_scan_{name}{{{said}}} {value}")
    return "\n".join(lines) + "\n"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _write(path: str, text: str) -> None:
    """Writes a local file so that a reader finds the old one or the new one, never a part."""
    write_at_once(LocalFileSystem(), os.path.abspath(path), text.encode("utf-8", "backslashreplace"))

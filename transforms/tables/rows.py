"""A recording's result → its rows of each table, as Arrow arrays."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from soundbeam.transforms.records import RecordingResult
from soundbeam.transforms.tables.schemas import schemas


class TableRows:
    """Makes the rows of the tables.

    A recording that could not be scored has counts with null calls: they are unknown, not zero. A skipped file has no
    counts.

    Args:
        labels: In the order of the scores.
        classifier: The bundle's fingerprint.
        parameters: The run's parameters. With ``sparse_counts``, labels without a call have no counts.

    Attributes:
        schemas: Table → its schema.
    """

    def __init__(self, labels: tuple[str, ...], classifier: str, parameters: dict[str, Any]):
        self._labels, self._classifier = pa.array(labels, pa.string()), classifier
        self._label_names = labels
        self._counts_zeros = not parameters.get("sparse_counts")
        self.schemas = schemas(labels, parameters)

    def of(self, result: RecordingResult) -> Iterator[tuple[str, pa.RecordBatch]]:
        """(table, rows) of one recording; a table may come several times, or not at all."""
        report, recording = result.report, result.report.recording
        channels = (result, *result.other_channels)
        for channel in channels:
            for table, n, columns in self._of_channel(channel):
                if n:
                    columns |= {
                        "recording": _repeated(recording.uri, pa.string(), n),
                        "channel": _repeated(channel.channel, pa.int64(), n),
                        "site": _repeated(recording.site, pa.string(), n),
                    }
                    yield table, self._batch(table, columns)
        row = {
            "recording": recording.uri,
            "bytes": recording.bytes,
            "version": recording.version,
            "status": report.status,
            "stage": report.stage or None,
            "error": report.error or None,
            "duration_s": report.duration_s,
            "sample_rate": report.sample_rate,
            "channels": report.channels,
            "recorded_at": recording.recorded_at,
            "windows": sum(len(channel.start_s) for channel in channels),
            "classifier": self._classifier,
            "site": recording.site,
            "listened_s": report.listened_s,
            "notes": report.notes or None,
            "content": report.content or None,
            "latitude": recording.latitude,
            "longitude": recording.longitude,
            "recorder": recording.recorder,
        }
        yield "recordings", self._batch("recordings", {name: [value] for name, value in row.items()})

    def _batch(self, table: str, columns: dict[str, Any]) -> pa.RecordBatch:
        schema = self.schemas[table]
        arrays = [
            columns[field.name]
            if isinstance(columns[field.name], pa.Array)
            else pa.array(columns[field.name], field.type)
            for field in schema
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=schema)

    def _of_channel(self, result: RecordingResult) -> Iterator[tuple[str, int, dict[str, Any]]]:
        """(table, number of rows, columns) of a recording, or of one channel of it, without ``recordings``."""
        if "embeddings" in self.schemas:
            columns = {"start_s": result.start_s, "end_s": result.end_s, "embedding": _as_lists(result.embeddings)}
            yield "embeddings", len(result.start_s), columns
        if "predictions" in self.schemas:
            yield from self._of_scores(result)

    def _of_scores(self, result: RecordingResult) -> Iterator[tuple[str, int, dict[str, Any]]]:
        """Those that follow from the scores."""
        recorded_at, scores = result.report.recording.recorded_at, result.scores
        yield (
            "predictions",
            len(scores.window),
            {
                "start_s": result.start_s[scores.window],
                "end_s": result.end_s[scores.window],
                "label": self._labels.take(pa.array(scores.label)),
                "score": scores.value,
            },
        )
        calls = [(label, call) for label, of_label in result.calls.items() for call in of_label]
        yield (
            "calls",
            len(calls),
            {
                "label": [label for label, _ in calls],
                "start_s": [call.start_s for _, call in calls],
                "end_s": [call.end_s for _, call in calls],
                "score": [call.score for _, call in calls],
                "expected": [call.expected for _, call in calls],
                "started_at": [recorded_at and recorded_at + timedelta(seconds=call.start_s) for _, call in calls],
            },
        )
        windows = len(result.start_s)
        # A recording in which nothing triggered has no windows and no calls, and that is known.
        known = bool(windows) or result.report.status == "ok"
        labels = self._label_names if self._counts_zeros else tuple(result.calls)
        if result.report.status == "skipped":
            labels = ()
        intervals = [result.intervals.get(label, (0, 0) if known and not windows else (None, None)) for label in labels]
        yield (
            "counts",
            len(labels),
            {
                "label": list(labels),
                "windows": np.full(len(labels), windows),
                "calls": [len(result.calls.get(label, ())) if known else None for label in labels],
                "calls_low": [low for low, _ in intervals],
                "calls_high": [high for _, high in intervals],
                "unlikely": [result.unlikely.get(label, 0) if known else None for label in labels],
            },
        )


def _as_lists(matrix: np.ndarray | None) -> pa.Array | None:
    """float32 ``[rows, size]`` as it lies in memory."""
    if matrix is None:
        return None
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(matrix).reshape(-1)), matrix.shape[1])


def _repeated(value: Any, kind: pa.DataType, n: int) -> pa.Array:
    return pa.nulls(n, kind) if value is None else pa.repeat(pa.scalar(value, kind), n)

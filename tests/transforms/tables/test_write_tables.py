"""The four tables: their columns, zeros and nulls where they belong, shards that count only when they are named."""

import dataclasses
import json
from datetime import datetime, timezone

import apache_beam as beam
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from apache_beam.testing.test_pipeline import TestPipeline as PipelineOfTest
from apache_beam.testing.util import assert_that

from soundbeam.model.classifier.calls import Call
from soundbeam.transforms.kept_scores import KeptScores
from soundbeam.transforms.records import DecodeReport, Recording, RecordingResult
from soundbeam.transforms.tables import write_tables as tables
from soundbeam.transforms.tables.rows import TableRows
from soundbeam.transforms.tables.schemas import METADATA_KEY, schemas
from soundbeam.transforms.tables.write_tables import NameShards, WriteTables

LABELS = ("x", "y")


def result(name, windows=3, status="ok", calls=None, intervals=None):
    report = DecodeReport(Recording(name, 10, "v"), status, "", "", 4.0, 48000, 2, windows, 1)
    start = np.arange(windows, dtype=float)
    scores = np.tile(np.array([[0.25, 0.75]], np.float32), (windows, 1))
    kept = KeptScores.of(scores)
    return RecordingResult(
        report, start, start + 1, kept, {label: [] for label in LABELS} if calls is None else calls, intervals or {}
    )


def batches_of(of_recording, parameters=None):
    return dict(TableRows(LABELS, "f" * 64, parameters or {}).of(of_recording))


def test_rows_hold_every_window_call_and_label():
    detected, intervals = {"x": [], "y": [Call(0.5, 2.0, 0.75)]}, {"x": (0, 2), "y": (1, 3)}
    batches = batches_of(result("a", calls=detected, intervals=intervals))
    predictions = batches["predictions"].to_pylist()
    assert [(r["start_s"], r["label"], r["score"]) for r in predictions] == [
        (float(start), label, score) for start in range(3) for label, score in (("x", 0.25), ("y", 0.75))
    ]
    assert predictions[1] == {
        "recording": "a", "start_s": 0.0, "end_s": 1.0, "label": "y", "score": 0.75, "site": None,
    }  # fmt: skip
    (call,) = batches["calls"].to_pylist()
    assert (call["label"], call["start_s"], call["end_s"], call["started_at"]) == ("y", 0.5, 2.0, None)
    names = ("label", "windows", "calls", "calls_low", "calls_high")
    counts = [tuple(row[name] for name in names) for row in batches["counts"].to_pylist()]
    assert counts == [("x", 3, 0, 0, 2), ("y", 3, 1, 1, 3)]
    (recording,) = batches["recordings"].to_pylist()
    assert (recording["status"], recording["error"], recording["classifier"]) == ("ok", None, "f" * 64)


def test_site_is_in_every_table_and_a_call_starts_where_its_recording_did():
    when = datetime(2024, 1, 31, 23, 59, 58, 500_000, timezone.utc)
    with_time = result("a", calls={"x": [Call(2.25, 3.0, 0.75)], "y": []})
    with_time = dataclasses.replace(with_time, report=dataclasses.replace(
        with_time.report, recording=Recording("a", 10, "v", recorded_at=when, site="ridge")
    ))  # fmt: skip
    batches = batches_of(with_time)
    assert all({r["site"] for r in batch.to_pylist()} == {"ridge"} for batch in batches.values())
    assert batches["recordings"].to_pylist()[0]["recorded_at"] == when
    (call,) = batches["calls"].to_pylist()
    assert call["started_at"] == datetime(2024, 2, 1, 0, 0, 0, 750_000, timezone.utc)


def test_nothing_is_known_of_a_failed_recordings_calls_and_nothing_counted_in_a_skipped_file():
    failed = batches_of(result("a", 0, "failed", {}))["counts"].to_pydict()
    assert failed["calls"] == failed["calls_low"] == failed["calls_high"] == [None, None]
    skipped = batches_of(result("a", 0, "skipped", {}))
    assert "counts" not in skipped and skipped["recordings"].to_pydict()["status"] == ["skipped"]


def test_sparse_counts_have_rows_of_labels_with_a_call_only():
    parameters = {"sparse_counts": True}
    found = batches_of(result("a", calls={"y": [Call(0.5, 2.0, 0.75)]}, intervals={"y": (1, 3)}), parameters)
    assert [(r["label"], r["calls"], r["calls_high"]) for r in found["counts"].to_pylist()] == [("y", 1, 3)]
    assert "counts" not in batches_of(result("a", 0, "failed", {}), parameters)


def test_the_parameters_and_labels_are_metadata():
    schema = schemas(LABELS, {"hop_s": 0.5})["predictions"]
    assert json.loads(schema.metadata[METADATA_KEY]) == {"hop_s": 0.5, "labels": ["x", "y"]}


@pytest.mark.parametrize("rows_a_shard", [1, 4, 1_000_000])
def test_shards_hold_every_row_once_whatever_their_size(tmp_path, monkeypatch, rows_a_shard):
    monkeypatch.setattr(tables, "ROWS_A_SHARD", rows_a_shard)
    results = [result(f"r{i}", windows=i) for i in range(1, 6)]
    with PipelineOfTest(runner="FnApiRunner") as pipeline:
        shards = pipeline | beam.Create(results) | WriteTables(str(tmp_path), LABELS, "f", {})
        assert_that(shards | NameShards(str(tmp_path)), lambda urls: len(urls) == 1)
    named = json.loads((tmp_path / "shards.json").read_text())["shards"]
    assert {(s["table"], s["name"]) for s in named} == {(p.parent.name, p.name) for p in tmp_path.glob("*/*.parquet")}
    for shard in named:
        assert pq.read_metadata(tmp_path / shard["table"] / shard["name"]).num_rows == shard["rows"]
    frame = pd.concat(pd.read_parquet(p) for p in tmp_path.glob("predictions/*.parquet"))
    assert sorted(frame.groupby("recording").size().items()) == [(f"r{i}", 2 * i) for i in range(1, 6)]
    frame = pd.concat(pd.read_parquet(p) for p in tmp_path.glob("recordings/*.parquet"))
    assert sorted(frame.recording) == [f"r{i}" for i in range(1, 6)]
    assert not list(tmp_path.glob("calls/*"))

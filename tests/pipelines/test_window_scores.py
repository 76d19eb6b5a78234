"""Rows of predictions → matrices; rows of earlier versions; counts of labels without a call."""

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from soundbeam.model.errors import ResultsError, SoundbeamError
from soundbeam.pipelines.output.folder import Output
from soundbeam.pipelines.output.staging import DeadRun, Staging
from soundbeam.pipelines.results import read, stream
from soundbeam.pipelines.window_scores import COLUMNS, read_window_scores, window_scores
from soundbeam.transforms.tables import schemas as table_schemas
from soundbeam.transforms.tables.schemas import METADATA_KEY, Shard
from tests.pipelines.written_scan import result, run_info, write_scan

LABELS = tuple(f"bird{i}" for i in range(12))


def random_scores(windows, labels=12, seed=0):
    return np.random.default_rng(seed).random((windows, labels), np.float32) ** 8


def rows_as_earlier(uri, scores, labels):
    """Predictions as versions before wrote them: a row a window, and all scores as a list."""
    start = np.arange(len(scores), dtype=float)
    best = scores.argmax(axis=1)
    columns = {
        "recording": pa.array([uri] * len(scores)),
        "start_s": start,
        "end_s": start + 2,
        "label": pa.array([labels[i] for i in best], pa.string()),
        "score": scores.max(axis=1),
        "scores": pa.array(list(scores), pa.list_(pa.float32())),
        "site": pa.nulls(len(scores), pa.string()),
    }
    return pa.table(columns).replace_schema_metadata({METADATA_KEY: json.dumps({"labels": list(labels)})})


def rewrite_as_earlier(folder, run, uri, scores, labels):
    (path,) = (folder / "predictions" / f"run={run}").glob("*.parquet")
    pq.write_table(rows_as_earlier(uri, scores, labels), path)


def test_the_matrix_has_the_scores_that_were_kept_and_zeros(tmp_path):
    scores = {name: random_scores(9, seed=i) for i, name in enumerate(("s3://b/a.wav", "s3://b/b.wav"))}
    results = [result(uri, scores=of, labels=LABELS, floor=0.05) for uri, of in scores.items()]
    out = write_scan(tmp_path / "out", results, LABELS)
    chosen = ["bird7", "bird2", "unknown"]
    found = read_window_scores(out, list(scores), chosen)
    for uri, of in scores.items():
        kept = (of >= np.float32(0.05)) | (of == of.max(axis=1, keepdims=True))
        expected = np.where(kept, of, 0)[:, [7, 2]]
        np.testing.assert_array_equal(found[uri].scores, np.column_stack([expected, np.zeros(9)]))
        assert found[uri].start_s.tolist() == list(range(9)) and found[uri].end_s.tolist() == list(range(2, 11))
    rows = read(out, "predictions", columns=COLUMNS)
    cut = window_scores([rows.slice(0, 5), rows.slice(5, 0), rows.slice(5)], chosen)
    for uri in scores:
        np.testing.assert_array_equal(cut[uri].scores, found[uri].scores)


def test_scores_that_are_no_numbers_are_said():
    rows = pa.table({"recording": ["a"], "start_s": [0.0], "end_s": [1.0], "label": ["x"], "score": [np.nan]})
    with pytest.raises(SoundbeamError, match="no numbers"):
        window_scores([rows], ["x"])


@pytest.mark.parametrize("part", [500_000, 24])
def test_rows_of_an_earlier_version_and_of_this_one_read_as_one_table(tmp_path, monkeypatch, part):
    monkeypatch.setattr(table_schemas, "_PART", part)
    labels = LABELS[:3]
    old, new = random_scores(9, 3, 1), random_scores(9, 3, 2)
    out = write_scan(tmp_path / "out", [result("s3://b/a.wav", scores=old, labels=labels)], labels, "run1")
    write_scan(tmp_path / "out", [result("s3://b/b.wav", scores=new, labels=labels)], labels, "run2")
    rewrite_as_earlier(tmp_path / "out", "run1", "s3://b/a.wav", old, labels)
    rows = read(out, "predictions")
    assert rows.column_names == ["recording", "start_s", "end_s", "label", "score", "site", "run"]
    assert rows["label"].to_pylist() == list(labels) * 18
    np.testing.assert_array_equal(rows["score"].to_numpy(), np.concatenate([old.ravel(), new.ravel()]))
    assert rows["start_s"].to_pylist() == [float(i) for _ in range(2) for i in range(9) for _ in labels]
    assert (
        read(out, "predictions", columns=["run", "label"], recordings=["s3://b/a.wav"]).to_pylist()
        == [{"run": "run1", "label": label} for label in labels] * 9
    )
    assert all(len(of) <= max(part, 27) for of in stream(out, "predictions"))
    with pytest.raises(ResultsError, match="no column 'scores' in predictions"):
        read(out, "predictions", columns=["scores"])


def test_what_a_dead_run_of_an_earlier_version_staged_is_taken_over_as_rows_of_now(tmp_path):
    labels, old = LABELS[:3], random_scores(9, 3, 1)
    whole = write_scan(tmp_path / "whole", [result("s3://b/a.wav", scores=old, labels=labels)], labels, "run1")
    output = Output(str(tmp_path / "out"))
    shards = []
    for table in ("predictions", "calls", "counts", "recordings"):
        (path,) = (tmp_path / "whole" / table / "run=run1").glob("*.parquet")
        folder = tmp_path / "out" / "_staging" / "dead" / table
        folder.mkdir(parents=True)
        if table == "predictions":
            pq.write_table(rows_as_earlier("s3://b/a.wav", old, labels), folder / "part-1.parquet")
        else:
            shutil.copy(path, folder / "part-1.parquet")
        shards.append(Shard(table, "part-1.parquet", 1))
    Staging(output).commit(run_info("run2", labels), [], [DeadRun("dead", tuple(shards))])
    assert read(str(tmp_path / "out"), "predictions").drop_columns(["run"]) == read(whole, "predictions").drop_columns(
        ["run"]
    )


def sparse_scan(folder, channel="mean"):
    """Three recordings, of which one failed, and calls of two of twelve labels."""
    results = [
        result("s3://b/a.wav", calls=[("bird3", 1, 2), ("bird3", 4, 5), ("bird9", 1, 2)], labels=LABELS, floor=0.05),
        result("s3://b/b.wav", calls=[], labels=LABELS, floor=0.05),
        result("s3://b/c.wav", status="failed", error="cut off", labels=LABELS, floor=0.05),
        result("s3://b/d.txt", status="skipped", labels=LABELS, floor=0.05),
    ]
    for one in results:
        for label in [label for label, calls in one.calls.items() if not calls]:
            del one.calls[label]
    return write_scan(folder, results, LABELS, sparse_counts=True, channel=channel)


@pytest.mark.parametrize("rows", [500_000, 12])
def test_zeros_are_filled_in_for_what_was_scanned_and_nulls_for_what_failed(tmp_path, monkeypatch, rows):
    monkeypatch.setattr("soundbeam.pipelines.zero_counts._ROWS", rows)
    out = sparse_scan(tmp_path / "out")
    assert {(r["label"], r["calls"]) for r in read(out, "counts").to_pylist()} == {("bird3", 2), ("bird9", 1)}
    found = {(r["recording"][-5:], r["label"]): r for r in read(out, "counts", zeros=True).to_pylist()}
    assert len(found) == 36 == read(out, "counts", zeros=True).num_rows
    for (name, label), row in found.items():
        calls = {("a.wav", "bird3"): 2, ("a.wav", "bird9"): 1}.get((name, label), None if name == "c.wav" else 0)
        assert (row["calls"], row["windows"]) == (calls, 0 if name == "c.wav" else 9)
        assert row["calls_low"] == (None if row["calls"] != 0 else 0)
    one = read(out, "counts", columns=["run", "label"], recordings=["s3://b/b.wav"], zeros=True)
    assert one.column_names == ["run", "label"] and sorted(one["label"].to_pylist()) == sorted(LABELS)
    with pytest.raises(ResultsError, match="no column 'x' in counts"):
        read(out, "counts", columns=["x"], zeros=True)
    with pytest.raises(ResultsError, match="zeros belong to the table counts"):
        read(out, "calls", zeros=True)


def test_zeros_of_a_scan_that_wrote_them_are_its_rows(tmp_path):
    out = write_scan(tmp_path / "out", [result("s3://b/a.wav", labels=LABELS)], LABELS)
    assert read(out, "counts", zeros=True) == read(out, "counts")

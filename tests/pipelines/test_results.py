"""Runs become visible as a whole; the newest run's rows are current; two classifiers are never mixed."""

import os
import subprocess
import sys

import duckdb
import fsspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from soundbeam.model.errors import ResultsError, SoundbeamError
from soundbeam.model.storage.files import write_at_once
from soundbeam.pipelines.output import compaction
from soundbeam.pipelines.output.folder import Output
from soundbeam.pipelines.output.staging import Staging
from soundbeam.pipelines.results import latest_run, parameters, read, stream
from soundbeam.transforms.tables.schemas import SCAN_TABLES, Shard, schemas
from tests.pipelines.written_scan import run_info


def stage(output, run, recordings, score):
    """Writes a run's shards as the pipeline would, one window a recording, and returns their names."""
    shards = []
    columns = {
        "predictions": {"recording": recordings, "start_s": 0.0, "end_s": 1.0, "label": "x", "score": score},
        "counts": {"recording": recordings, "label": "x", "windows": 1, "calls": 0},
        "recordings": {"recording": recordings, "bytes": 1, "version": "v", "status": "ok", "windows": 1},
    }
    for table, values in columns.items():
        schema = schemas(("x",), {"run": run})[table]
        rows = [
            {name: v if name != "recording" else r for name, v in values.items()} | {"recording": r} for r in recordings
        ]
        output.fs.makedirs(f"{output.path}/_staging/{run}/{table}", exist_ok=True)
        with output.fs.open(f"{output.path}/_staging/{run}/{table}/part-1.parquet", "wb") as file:
            pq.write_table(pa.Table.from_pylist(rows, schema=schema), file)
        shards.append(Shard(table, "part-1.parquet", len(rows)))
    return shards


def commit(output, run, recordings, score=0.5, fingerprint="a" * 64):
    shards = stage(output, run, recordings, score)
    info = run_info(run, ["x"], fingerprint=fingerprint, settings=fingerprint)
    Staging(output).commit(info, shards, [])


@pytest.fixture(params=["local", "memory"])
def output(request, tmp_path):
    return Output(str(tmp_path / "out") if request.param == "local" else f"memory://{tmp_path.name}/out")


def scores(output, **which):
    table = read(output.url, "predictions", **which)
    return dict(zip(table["recording"].to_pylist(), table["score"].to_pylist(), strict=True))


def test_a_staged_run_is_no_result_and_a_discarded_one_leaves_nothing(output):
    stage(output, "run1", ["a"], 0.5)
    with pytest.raises(SoundbeamError, match="no finished scan"):
        read(output.url, "predictions")
    Staging(output).discard("run1")
    assert not output.fs.exists(f"{output.path}/_staging/run1")


def test_tables_without_run_json_are_no_result(output):
    commit(output, "run1", ["a"])
    output.fs.rm(f"{output.path}/runs/run=run1/run.json")
    with pytest.raises(SoundbeamError, match="no finished scan"):
        read(output.url, "predictions")


def test_only_named_shards_are_committed_and_every_table_can_be_read(output):
    shards = stage(output, "run1", ["a"], 0.5)
    lost = f"{output.path}/_staging/run1/predictions/part-2.parquet"
    output.fs.copy(lost.replace("part-2", "part-1"), lost)
    Staging(output).commit(run_info("run1", ["x"]), shards, [])
    assert len(read(output.url, "predictions")) == 1
    assert read(output.url, "calls").num_rows == 0
    assert set(read(output.url, "recordings").column_names) >= {"status", "classifier", "run"}
    assert not output.fs.exists(f"{output.path}/_staging/run1")


def test_the_newest_runs_rows_supersede_recording_by_recording(output):
    commit(output, "run1", ["a", "b"], 0.25)
    commit(output, "run2", ["b", "c"], 0.75)
    assert scores(output) == {"a": 0.25, "b": 0.75, "c": 0.75}
    assert scores(output, run="run1") == {"a": 0.25, "b": 0.25}
    assert latest_run(output.url).run == "run2"
    assert parameters(read(output.url, "counts"))["run"] == "run2"


def test_two_classifiers_are_never_mixed(output):
    commit(output, "run1", ["a", "b"], 0.25, "a" * 64)
    commit(output, "run2", ["b"], 0.75, "b" * 64)
    assert scores(output) == {"b": 0.75}
    assert scores(output, classifier="aaaa") == {"a": 0.25, "b": 0.25}


def test_columns_and_recordings_are_all_that_is_given(output):
    commit(output, "run1", ["a", "b"], 0.25)
    commit(output, "run2", ["b", "c"], 0.75)
    rows = read(output.url, "predictions", columns=["run", "score"], recordings=["b", "c", "unknown"])
    assert rows.column_names == ["run", "score"]
    assert rows.to_pylist() == [{"run": "run2", "score": 0.75}] * 2
    assert read(output.url, "predictions", columns=["score"]).column_names == ["score"]
    assert read(output.url, "calls", recordings=[]).num_rows == 0
    assert read(output.url, "recordings", columns=["run"])["run"].to_pylist() == ["run1", "run2", "run2"]
    with pytest.raises(SoundbeamError, match="no column 'x' in predictions; there are recording"):
        read(output.url, "predictions", columns=["x"])


def test_parts_are_row_groups_and_those_without_a_wanted_recording_are_not_read(output, monkeypatch):
    monkeypatch.setattr(compaction, "ROWS_A_GROUP", 1)
    monkeypatch.setattr(compaction, "ROWS_A_FILE", 3)
    names = [f"r{i}" for i in range(8)]
    shards = []
    for name in names:  # a shard each, as checkpoints write them
        for shard in stage(output, "run1", [name], 0.5):
            path = f"{output.path}/_staging/run1/{shard.table}"
            output.fs.mv(f"{path}/part-1.parquet", f"{path}/{name}.parquet")
            shards.append(Shard(shard.table, f"{name}.parquet", 1))
    Staging(output).commit(run_info("run1", ["x"]), shards, [])
    assert len(output.fs.glob(f"{output.path}/predictions/run=run1/*.parquet")) == 3
    parts = [p["recording"].to_pylist() for p in stream(output.url, "predictions") if len(p)]
    assert parts == [[name] for name in names]
    read_groups = []
    real = pq.ParquetFile.read_row_group
    monkeypatch.setattr(pq.ParquetFile, "read_row_group", lambda *a, **k: read_groups.append(a[1]) or real(*a, **k))
    assert read(output.url, "predictions", recordings=["r5"])["recording"].to_pylist() == ["r5"]
    assert len(read_groups) == 8 + 1  # the recordings, to see which are current, and one of the predictions


def test_what_was_deleted_is_not_current_and_what_came_back_is(output):
    commit(output, "run1", ["a", "b"], 0.25)
    info = run_info("run2", ["x"], fingerprint="a" * 64, settings="a" * 64)
    gone = {"recording": "a", "bytes": 0, "version": "", "status": "skipped", "stage": "deleted", "windows": 0}
    folder = f"{output.path}/_staging/run2/recordings"
    output.fs.makedirs(folder)
    with output.fs.open(f"{folder}/part-1.parquet", "wb") as file:
        pq.write_table(pa.Table.from_pylist([gone], schema=schemas(("x",), {})["recordings"]), file)
    Staging(output).commit(info, [Shard("recordings", "part-1.parquet", 1)], [])
    assert scores(output) == {"b": 0.25}
    assert read(output.url, "recordings")["recording"].to_pylist() == ["b"]
    assert read(output.url, "recordings", run="run2").num_rows == 0
    commit(output, "run3", ["a"], 0.75)
    assert scores(output) == {"a": 0.75, "b": 0.25}


@pytest.mark.parametrize(
    ("which", "words"), [({"table": "x"}, "no table"), ({"run": "x"}, "no run"), ({"classifier": "x"}, "no run of a")]
)
def test_what_is_not_there_is_said_in_one_line(output, which, words):
    commit(output, "run1", ["a"])
    with pytest.raises(SoundbeamError, match=words):
        read(output.url, **{"table": "calls", **which})


def test_an_output_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "f").write_text("")
    with pytest.raises(SoundbeamError, match="is a file"):
        Output(str(tmp_path / "f"))


def test_the_tables_read_in_pyarrow_pandas_and_duckdb(tmp_path):
    output = Output(str(tmp_path / "out"))
    commit(output, "20240101T000000Z-abcdef", ["a", "b"], 0.25)
    for table in SCAN_TABLES:
        folder = str(tmp_path / "out" / table)
        assert pq.read_table(folder).num_rows == pd.read_parquet(folder).shape[0]
        counted = duckdb.sql(f"select count(*) from read_parquet('{folder}/*/*.parquet', hive_partitioning=true)")
        assert counted.fetchall()[0][0] == pq.read_table(folder).num_rows
    runs = duckdb.sql(f"select distinct run from read_parquet('{folder}/*/*.parquet', hive_partitioning=true)")
    assert runs.fetchall() == [("20240101T000000Z-abcdef",)]
    assert fsspec.filesystem("file").exists(f"{folder}/run=20240101T000000Z-abcdef")


def test_what_is_no_finished_output_is_said_in_one_line(output):
    def said():
        with pytest.raises(ResultsError) as e:
            read(output.url, "calls")
        assert str(e.value).count("\n") == 0 and str(e.value).startswith((output.url, output.place.uri(output.path)))
        return str(e.value)

    fs, path = output.fs, output.path
    assert "no such folder" in said()
    write_at_once(fs, f"{path}/notes.txt", b"")
    assert "no finished scan in it; make one" in said()
    write_at_once(fs, f"{path}/_staging/run1/begin.json", b"{}")
    assert "run1 is running or was interrupted" in said()
    Staging(output).discard("run1")
    commit(output, "run1", ["a"])
    part = output.parts_of("calls", "run1")[0]
    write_at_once(fs, f"{path}/calls/run=run1/._part-00000.parquet", b"another program's")
    assert read(output.url, "calls").num_rows == 0
    for inside in ("calls", "calls/run=run1"):
        with pytest.raises(ResultsError, match="give the folder above"):
            read(f"{output.url}/{inside}", "calls")
    with pytest.raises(ResultsError, match="is a file"):
        read(f"{output.url}/notes.txt", "calls")
    whole = fs.cat_file(part)
    write_at_once(fs, part, whole[:-9])
    assert "part-00000.parquet: damaged (" in said()
    fs.rm_file(part)
    assert "calls/run=run1: no table there" in said()
    for text in (b"{", b"[]", b"\xff", b"null"):
        write_at_once(fs, f"{path}/runs/run=run1/run.json", text)
        assert "run.json: not readable" in said()
    fs.rm_file(f"{path}/runs/run=run1/run.json")
    assert "tables but no runs/*/run.json" in said()


_THREADS = """
import os, sys, pyarrow.compute, soundbeam
from soundbeam.pipelines import results
from soundbeam.pipelines.evaluate import program
from soundbeam.transforms.listing.ledger import read_done
def threads():
    return set(os.listdir("/proc/self/task"))
output = sys.argv[1]
before = threads()
assert soundbeam.read_table(output, "predictions").num_rows == 40000
assert len(list(soundbeam.stream_table(output, "counts", recordings=["r7"]))) == 2
assert len(list(read_done((0, results.Output(output).parts_of("recordings", "run1")[0])))) == 40000
from soundbeam.model.storage.parquet import sort_rows
assert sort_rows(soundbeam.read_table(output, "predictions"), "recording", "start_s")["recording"][0].as_py() == "r0"
new = threads() - before
assert not new, [open(f"/proc/self/task/{t}/comm").read() for t in new]
"""


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="threads are counted in /proc")
def test_reading_starts_no_thread_of_pyarrows(tmp_path):
    """One that outlives the interpreter's end aborts the process (exit 134): 7 of 300 scripts, before."""
    output = Output(str(tmp_path))
    commit(output, "run1", [f"r{i}" for i in range(40000)])
    done = subprocess.run([sys.executable, "-c", _THREADS, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

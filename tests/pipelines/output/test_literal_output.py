"""An output folder is what its name says, not what the name would match as a glob; on a disk and on any store."""

import itertools

import fsspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundbeam.model.errors import ResultsError
from soundbeam.model.storage.files import locate, write_at_once
from soundbeam.pipelines.output.folder import Output
from soundbeam.pipelines.output.lock import OutputLock
from soundbeam.pipelines.output.staging import Staging
from soundbeam.pipelines.results import read
from tests.pipelines.test_results import commit, stage
from tests.pipelines.written_scan import run_info

_counter = itertools.count()
GLOBS = [("results [2024]", "results 2"), ("a*b", "axb"), ("what?", "whats"), ("[!a]", "b"), ("**", "c")]
names = st.text("[]*?!{}ab1 -", min_size=1, max_size=6).filter(lambda name: name.strip())


def recordings(output):
    return sorted(read(output.url, "recordings")["recording"].to_pylist())


def fill(output, mark):
    """A committed run; one that died, with a checkpoint; a run's tables without ``run.json``; and a live one."""
    commit(output, "20240101T000000Z-aaaaaa", [f"{mark}1"])
    dead = "20240102T000000Z-bbbbbb"
    stage(output, dead, [f"{mark}2"], 0.5)
    place, staging = output.place, output.staging_path(dead)
    write_at_once(place.fs, f"{staging}/begin.json", b'{"settings": "s"}')
    write_at_once(
        place.fs, f"{staging}/checkpoints/1.json", b'[{"table": "recordings", "name": "part-1.parquet", "rows": 1}]'
    )
    write_at_once(place.fs, f"{output.table_path('calls', 'lost')}/part-0.parquet", b"lost")
    write_at_once(place.fs, f"{output.staging_path('done')}/part-0.parquet", b"swept")


def everything(output):
    return {path: output.fs.cat_file(path) for path in output.fs.find(output.path)}


def check_apart(named, neighbour):
    fill(named, "mine")
    fill(neighbour, "theirs")
    before = everything(neighbour)
    staging = Staging(named)
    assert recordings(named) == ["mine1"] and recordings(neighbour) == ["theirs1"]
    assert named.newest_name() == "20240102T000000Z-bbbbbb"
    (dead,) = staging.dead_runs("s", alive="")
    assert [shard.table for shard in dead.shards] == ["recordings"]
    ledger = staging.ledger("a" * 64, [])
    assert len(ledger) == 1 and ledger[0][1].startswith(named.url)
    with OutputLock(named, "20240103T000000Z-cccccc"):
        staging._sweep("20240103T000000Z-cccccc")
    assert not named.fs.exists(named.table_path("calls", "lost"))
    assert not named.fs.exists(named.staging_path("done"))
    run = "20240104T000000Z-dddddd"
    shards = stage(named, run, ["mine3"], 0.5)
    staging.commit(run_info(run, ["x"], fingerprint="a" * 64, settings="a" * 64), shards, [dead])
    assert recordings(named) == ["mine1", "mine2", "mine3"]
    assert not named.begun_runs()
    assert everything(neighbour) == before


@pytest.mark.parametrize("store", ["local", "memory"])
@pytest.mark.parametrize(("name", "match"), GLOBS)
def test_an_output_and_one_that_its_name_matches_are_apart(tmp_path, store, name, match):
    base = str(tmp_path) if store == "local" else f"memory://{tmp_path.name}"
    check_apart(Output(f"{base}/{name}"), Output(f"{base}/{match}"))


@settings(max_examples=30, deadline=None)
@given(names, names.filter(lambda name: not name.startswith("!")))
def test_any_two_names_are_apart(first, second):
    if first.strip() != second.strip():
        base = f"memory://literal{next(_counter)}"
        check_apart(Output(f"{base}/{first}"), Output(f"{base}/{second}"))


@pytest.mark.parametrize("store", ["local", "memory"])
def test_a_folder_that_a_name_matches_is_no_output_of_that_name(tmp_path, store):
    base = str(tmp_path) if store == "local" else f"memory://{tmp_path.name}"
    commit(Output(f"{base}/results 2"), "run1", ["a"])
    for name in ("results [2024]", "results ?", "results*"):
        with pytest.raises(ResultsError, match="no such folder"):
            read(f"{base}/{name}", "calls")


def test_a_link_is_removed_and_not_what_it_leads_to(tmp_path):
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "keep").write_text("x")
    (tmp_path / "a[b]").symlink_to(tmp_path / "target")
    place, path = locate(str(tmp_path / "a[b]"))
    place.remove(path)
    assert not (tmp_path / "a[b]").is_symlink() and (tmp_path / "target" / "keep").exists()


def test_the_names_of_a_folder_are_those_in_it():
    fs = fsspec.filesystem("memory")
    for path in ("n/a/x", "n/b", "n/[ab]/y", "nn/z"):
        fs.pipe_file(f"/literal/{path}", b"1")
    place, path = locate("memory://literal/n")
    assert place.names(path) == ["[ab]", "a", "b"]
    assert place.names(f"{path}/b") == [] and place.names(f"{path}/none") == [] and place.names(f"{path}/*") == []

"""A scan on a real Flink cluster: a job manager, two task managers and Python workers, each a process of its own."""

import functools
import json
import os
import shutil
import signal
import urllib.request
from pathlib import Path

import pytest

from tests.clusters.scanning_on import (
    PATIENCE_S,
    ROOT,
    alive,
    assert_same_rows,
    assert_same_search,
    children,
    cluster_script,
    figures,
    run,
    start,
    wait_for,
)

pytestmark = [
    pytest.mark.flink,
    pytest.mark.skipif(
        not (shutil.which("java") and shutil.which("mvn")), reason="Flink wants Java, and its job server Maven"
    ),
]
SCRIPT = str(ROOT / "deploy" / "flink" / "local-cluster.sh")
FOLDER = Path(os.environ.get("FLINK_DIR", ROOT / ".flink"))


script = functools.partial(cluster_script, SCRIPT)


@pytest.fixture(scope="module")
def cluster():
    """Pids of the cluster's processes by name; all are gone at the end, and what they had started too."""
    code, said = script("fetch")
    assert code == 0, said
    code, said = script("up")
    assert code == 0, said
    pids = {file.stem: int(file.read_text()) for file in (FOLDER / "pid").glob("*.pid")}
    yield pids
    everything = set(pids.values()).union(*map(children, pids.values()))
    assert script("down")[0] == 0
    wait_for(lambda: not alive(everything), "the end of the cluster's processes", 60)


def rest(path):
    """What the job manager says."""
    ports = dict(line.split("=") for line in (FOLDER / "ports").read_text().split())
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://localhost:{ports['FLINK_PORT']}{path}", timeout=5) as answer:
        return json.load(answer)


def test_up_gives_a_cluster_on_loopback_and_a_second_up_changes_nothing(cluster):
    assert set(cluster) == {"jobmanager", "taskmanager-1", "taskmanager-2", "worker-pool"}
    assert rest("/overview")["slots-total"] == 2
    code, said = script("up")
    assert code == 0 and "2 task managers, 2 slots" in said
    assert {file.stem: int(file.read_text()) for file in (FOLDER / "pid").glob("*.pid")} == cluster


def test_a_task_manager_that_was_killed_is_told_and_started_again_by_up(cluster):
    os.kill(cluster["taskmanager-2"], signal.SIGKILL)
    wait_for(lambda: "taskmanager-2: has ended" in script("status")[1], "word of its end", 30)
    code, said = script("up")
    assert code == 0, said
    cluster["taskmanager-2"] = int((FOLDER / "pid" / "taskmanager-2.pid").read_text())
    assert alive({cluster["taskmanager-2"]}) and "has ended" not in script("status")[1]


def test_the_rows_and_the_summary_are_those_of_a_local_scan(cluster, corpus, tmp_path):
    arguments, local, said = corpus
    code, said_there, errors = run(*arguments, tmp_path / "out", command=(SCRIPT, "scan"))
    assert (code, errors) == (0, [])
    assert_same_rows(local, tmp_path / "out")
    assert figures(said_there) == figures(said)


def test_embeddings_and_a_search_are_those_of_this_machine(cluster, corpus, two_tone_bundle, tmp_path):
    recordings = corpus[0][1]
    on_cluster = {program: ((), {"command": (SCRIPT, program)}) for program in ("embed", "search")}
    assert_same_search(two_tone_bundle, recordings, recordings / "r01.wav", tmp_path, **on_cluster)


def test_a_scan_goes_on_when_a_task_manager_is_killed(cluster, corpus, tmp_path):
    arguments, local, _ = corpus
    scan = start(*arguments, tmp_path / "out", command=(SCRIPT, "scan"))
    wait_for(lambda: len(children(cluster["worker-pool"])) > 1, "a worker that decodes", 120)
    os.kill(cluster["taskmanager-1"], signal.SIGKILL)
    assert script("up")[0] == 0  # as a supervisor would
    _, errors = scan.communicate(timeout=PATIENCE_S)
    assert scan.returncode == 0, errors
    assert_same_rows(local, tmp_path / "out")
    wait_for(lambda: not children(cluster["worker-pool"]), "the workers' end", 60)


def test_an_interrupted_scan_leaves_no_job_and_the_next_one_has_every_row(cluster, corpus, tmp_path):
    arguments, local, _ = corpus
    scan = start(*arguments, tmp_path / "out", command=(SCRIPT, "scan"))
    wait_for(lambda: len(children(cluster["worker-pool"])) > 1, "a worker that decodes", 120)
    scan.send_signal(signal.SIGINT)
    _, errors = scan.communicate(timeout=PATIENCE_S)
    assert scan.returncode == 130 and "interrupted" in errors and "Traceback" not in errors
    wait_for(lambda: not rest("/overview")["jobs-running"], "the job's end", 60)
    last = max(rest("/jobs/overview")["jobs"], key=lambda job: job["start-time"])
    assert last["state"] == "CANCELED" and last["name"].startswith("soundbeam-")
    code, _, errors = run(*arguments, tmp_path / "out", command=(SCRIPT, "scan"))
    assert (code, errors) == (0, [])
    assert_same_rows(local, tmp_path / "out")

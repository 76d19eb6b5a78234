"""A scan on a real Spark cluster: a master, two workers and Python workers, each a process of its own."""

import functools
import os
import shutil
import signal
from pathlib import Path

import pytest

from tests.clusters.scanning_on import (
    PATIENCE_S,
    ROOT,
    alive,
    assert_same_rows,
    children,
    cluster_script,
    figures,
    run,
    start,
    wait_for,
)

pytestmark = [
    pytest.mark.spark,
    pytest.mark.skipif(not (shutil.which("java") and shutil.which("mvn")), reason="it wants Java and Maven"),
]
SCRIPT = str(ROOT / "deploy" / "spark" / "local-cluster.sh")
FOLDER = Path(os.environ.get("SPARK_DIR", ROOT / ".spark"))
script = functools.partial(cluster_script, SCRIPT)


@pytest.fixture(scope="module")
def cluster():
    """Pids of the cluster's processes by name; all are gone at the end, and what they had started too."""
    for command in ("fetch", "up"):
        code, said = script(command)
        assert code == 0, said
    pids = {file.stem: int(file.read_text()) for file in (FOLDER / "pid").glob("*.pid")}
    assert set(pids) == {"master", "worker-1", "worker-2", "worker-pool"} and "2 workers, 0 jobs" in said
    yield pids
    everything = set(pids.values()).union(*map(children, pids.values()))
    assert script("down")[0] == 0
    wait_for(lambda: not alive(everything), "the end of the cluster's processes", 60)


def test_the_rows_and_the_summary_are_those_of_a_local_scan(cluster, corpus, tmp_path):
    arguments, local, said = corpus
    code, said_there, errors = run(*arguments, tmp_path / "out", command=(SCRIPT, "scan"))
    assert (code, errors) == (0, [])
    assert_same_rows(local, tmp_path / "out")
    assert figures(said_there) == figures(said)


def test_a_scan_goes_on_when_a_worker_and_its_executor_are_killed(cluster, corpus, tmp_path):
    arguments, local, _ = corpus
    scan = start(*arguments, tmp_path / "out", command=(SCRIPT, "scan"))
    wait_for(lambda: children(cluster["worker-pool"]), "a Python worker", 120)
    for pid in {cluster["worker-1"], *children(cluster["worker-1"])}:
        os.kill(pid, signal.SIGKILL)
    _, errors = scan.communicate(timeout=PATIENCE_S)
    assert scan.returncode == 0, errors
    assert_same_rows(local, tmp_path / "out")
    wait_for(lambda: not children(cluster["worker-pool"]), "the Python workers' end", 60)

"""A scan on Prism: a runner in a process of its own, with Beam's fusion and splitting, and workers in others."""

import os
import shutil
import signal
import socket
import subprocess
import sys

import apache_beam
import pytest

from tests.clusters.scanning_on import (
    ENVIRONMENT,
    ROOT,
    alive,
    assert_same_rows,
    assert_same_search,
    children,
    figures,
    run,
    start,
    wait_for,
)

pytestmark = pytest.mark.prism
FOLDER = ROOT / ".prism"


@pytest.fixture(scope="module")
def prism():
    """Prism's program, built once by Go."""
    program = FOLDER / f"prism-{apache_beam.__version__}"
    if not program.exists():
        assert shutil.which("go"), "Prism is built by Go: install it"
        module = f"github.com/apache/beam/sdks/v2/go/cmd/prism@v{apache_beam.__version__}"
        subprocess.run(["go", "install", module], check=True, env={**os.environ, "GOBIN": str(FOLDER)})
        (FOLDER / "prism").rename(program)
    return program


@pytest.fixture
def cluster(prism, tmp_path):
    """(options of a scan, process of the worker pool)."""
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        job, web = one.getsockname()[1], other.getsockname()[1]
    with open(tmp_path / "prism.log", "wb") as log:
        runner = subprocess.Popen([prism, "-job_port", str(job), "-web_port", str(web)], stdout=log, stderr=log)
    pool = subprocess.Popen(
        [sys.executable, "-m", "soundbeam.pipelines.worker_pool", "--logs", str(tmp_path / "logs")],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=ENVIRONMENT, cwd=ROOT,
    )  # fmt: skip
    address = pool.stdout.readline().split()[-1]
    wait_for(lambda: "Serving JobManagement" in (tmp_path / "prism.log").read_text(), "Prism", 60)
    yield (
        ["--runner=PortableRunner", f"--job_endpoint=localhost:{job}", "--environment_type=EXTERNAL",
         f"--environment_config={address}"],
        pool,
    )  # fmt: skip
    pool.terminate()
    pool.wait(60)
    runner.kill()
    runner.wait()


def test_the_rows_and_the_summary_are_those_of_a_local_scan(cluster, corpus, tmp_path):
    (options, _), (arguments, local, said) = cluster, corpus
    code, said_there, errors = run(*arguments, tmp_path / "out", *options)
    assert (code, errors) == (0, [])
    assert_same_rows(local, tmp_path / "out")
    assert figures(said_there) == figures(said)


def test_ranges_of_a_long_recording_are_put_together(cluster, corpus, tmp_path):
    (options, _), (arguments, local, _) = cluster, corpus
    code, _, errors = run(*arguments, tmp_path / "out", *options, "--segment=2")
    assert (code, errors) == (0, [])
    assert_same_rows(local, tmp_path / "out")


def test_embeddings_and_a_search_are_those_of_this_machine(cluster, corpus, two_tone_bundle, tmp_path):
    (options, _), (arguments, _, _) = cluster, corpus
    recordings = arguments[1]
    on_cluster = {
        program: (options, {"command": (sys.executable, "-m", f"soundbeam.pipelines.{program}")})
        for program in ("embed", "search")
    }
    assert_same_search(two_tone_bundle, recordings, recordings / "r01.wav", tmp_path, **on_cluster)


def test_a_worker_killed_is_one_line_and_the_next_scan_has_every_row_once(cluster, corpus, tmp_path):
    (options, pool), (arguments, local, _) = cluster, corpus
    scan = start(*arguments, tmp_path / "out", *options, "--checkpoint-every=1")
    below = wait_for(lambda: len(found := children(pool.pid)) > 1 and found, "a worker that decodes", 120)
    worker = min(below)  # the pool's own child; those that decode came after it
    os.kill(worker, signal.SIGKILL)
    _, errors = scan.communicate(timeout=300)
    lines = [line for line in errors.splitlines() if "error:" in line]
    assert scan.returncode == 1 and len(lines) == 1 and "a worker process died" in lines[0], errors
    wait_for(lambda: not alive(below), "the end of what the worker had started", 60)
    code, _, errors = run(*arguments, tmp_path / "out", *options)
    assert (code, errors) == (0, [])
    assert_same_rows(local, tmp_path / "out")

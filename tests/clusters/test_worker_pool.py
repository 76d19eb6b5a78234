"""The pool that starts workers outside of a cluster's own processes: a scan on it, and what ends with it."""

import json
import os
import signal
import socket
import subprocess
import sys

import pytest
from apache_beam.portability.api import beam_fn_api_pb2, endpoints_pb2

from soundbeam.pipelines.worker_pool.program import WorkerPool
from tests.clusters.scanning_on import (
    ENVIRONMENT,
    ROOT,
    alive,
    assert_same_rows,
    children,
    figures,
    processes,
    run,
    start,
    synthesize,
    wait_for,
)


@pytest.fixture
def pool(tmp_path):
    """(address, process) of a worker pool."""
    process = subprocess.Popen(
        [sys.executable, "-m", "soundbeam.pipelines.worker_pool", "--logs", str(tmp_path / "logs")],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=ENVIRONMENT, cwd=ROOT,
    )  # fmt: skip
    said = process.stdout.readline()
    assert said.startswith("workers are started by 127.0.0.1:")
    yield said.split()[-1], process
    process.kill()
    process.wait()


def on(address):
    return ["--runner=PortableRunner", "--job_endpoint=embed", "--environment_type=EXTERNAL",
            f"--environment_config={address}"]  # fmt: skip


def test_a_scan_on_workers_of_the_pool_gives_the_same_rows_and_leaves_no_process(pool, tone_bundle, tmp_path):
    address, process = pool
    (tmp_path / "in").mkdir()
    base = ["--recordings", synthesize(tmp_path / "in", 4), "--classifier", tone_bundle, "--output"]
    code, said, errors = run(*base, tmp_path / "local")
    assert (code, errors) == (0, [])
    code, said_on_pool, errors = run(*base, tmp_path / "pool", *on(address), "--app_name=for the workers")
    assert (code, errors) == (0, [])
    assert_same_rows(tmp_path / "local", tmp_path / "pool")
    assert figures(said_on_pool) == figures(said)
    wait_for(lambda: not children(process.pid), "the worker's end", 60)


def worker_and_below(pool):
    """The pool's process tree once a worker decodes."""
    return wait_for(lambda: len(found := children(pool.pid)) > 1 and found, "a worker that decodes", 120)


@pytest.mark.faults
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_when_the_pool_ends_its_workers_and_their_decoding_processes_end(pool, tone_bundle, tmp_path, number):
    address, process = pool
    (tmp_path / "in").mkdir()
    arguments = ["--recordings", synthesize(tmp_path / "in", 4), "--classifier", tone_bundle]
    scan = start(*arguments, "--output", tmp_path / "out", *on(address))
    try:
        below = worker_and_below(process)
        os.kill(process.pid, number)
        process.wait(60)
        wait_for(lambda: not alive(below), "the end of what the pool had started", 60)
    finally:
        scan.kill()
        scan.communicate()


def test_a_worker_gets_the_pipelines_options_from_the_runner():
    import argparse

    import grpc
    from apache_beam.portability.api import beam_provision_api_pb2, beam_provision_api_pb2_grpc
    from apache_beam.utils.thread_pool_executor import shared_unbounded_instance

    from soundbeam.pipelines.runners.worker import environment_of

    class Provision(beam_provision_api_pb2_grpc.ProvisionServiceServicer):
        def GetProvisionInfo(self, request, context):
            assert dict(context.invocation_metadata())["worker_id"] == "w7"
            info = beam_provision_api_pb2.ProvisionInfo(runner_capabilities=["x", "y"])
            info.pipeline_options.update({"beam:option:s3_endpoint_url:v1": "here"})
            info.control_endpoint.url = "localhost:77"
            return beam_provision_api_pb2.GetProvisionInfoResponse(info=info)

    server = grpc.server(shared_unbounded_instance())
    beam_provision_api_pb2_grpc.add_ProvisionServiceServicer_to_server(Provision(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    asked = argparse.Namespace(
        id="w7", control_endpoint="localhost:1", logging_endpoint="localhost:2", provision_endpoint=f"127.0.0.1:{port}"
    )
    found, control = environment_of(asked)
    server.stop(0)
    assert json.loads(found["PIPELINE_OPTIONS"]) == {"beam:option:s3_endpoint_url:v1": "here"}
    assert control == "localhost:77"
    assert found["CONTROL_API_SERVICE_DESCRIPTOR"].strip() == 'url: "localhost:77"'
    assert found["LOGGING_API_SERVICE_DESCRIPTOR"].strip() == 'url: "localhost:2"'
    assert (found["WORKER_ID"], found["RUNNER_CAPABILITIES"]) == ("w7", "x y")


def test_a_port_that_is_taken_is_one_line(pool, tmp_path):
    address, _ = pool
    command = [
        sys.executable,
        "-m",
        "soundbeam.pipelines.worker_pool",
        "--port",
        address.split(":")[1],
        "--logs",
        str(tmp_path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, cwd=ROOT, timeout=60)
    assert done.returncode == 1
    assert "cannot be listened on" in done.stderr


def test_workers_of_two_task_managers_may_have_the_same_id(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # their runner, which says nothing yet
        url = endpoints_pb2.ApiServiceDescriptor(url=f"127.0.0.1:{silent.getsockname()[1]}")
        pool = WorkerPool(tmp_path)
        for _ in range(2):
            asked = beam_fn_api_pb2.StartWorkerRequest(worker_id="1-1", control_endpoint=url, provision_endpoint=url)
            assert not pool.StartWorker(asked, None).error
        workers = set(processes(["soundbeam.pipelines.runners.worker", url.url]))
        pool.StopWorker(beam_fn_api_pb2.StopWorkerRequest(worker_id="1-1"), None)
        assert len(workers) == 2 and alive(workers) == workers
        assert len(list(tmp_path.glob("worker-*.log"))) == 2
        pool.close()
        assert not alive(workers)


def test_a_worker_ends_when_its_runner_listens_no_more_and_not_before(tmp_path):
    waiting = "from soundbeam.pipelines.runners import worker; worker._CHECK_EVERY_S = 0.1; "
    waiting += "worker._end_with_runner({!r})"
    with socket.create_server(("127.0.0.1", 0)) as runner:
        code = waiting.format(f"localhost:{runner.getsockname()[1]}")
        process = subprocess.Popen([sys.executable, "-c", code], env=ENVIRONMENT, cwd=ROOT)
        for _ in range(20):
            runner.accept()[0].close()
        assert process.poll() is None
    assert process.wait(60) == 1

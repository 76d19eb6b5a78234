"""Starts Beam's Python workers on a machine of a cluster, outside of its JVM, when the cluster asks for them.

python -m soundbeam.pipelines.worker_pool --port 50000 --logs /var/log/soundbeam

Then scan with --environment_type=EXTERNAL --environment_config=localhost:50000. Beam's own pool listens on all
interfaces, runs the first python on the PATH, gives workers no options and lets them hang after 64 KB of output.
"""

from __future__ import annotations

import argparse
import itertools
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import grpc
from apache_beam.portability.api import beam_fn_api_pb2, beam_fn_api_pb2_grpc
from apache_beam.utils.thread_pool_executor import shared_unbounded_instance

from soundbeam.pipelines.console.output import say
from soundbeam.pipelines.console.process import prepare_process
from soundbeam.transforms.isolation.launch import python_command

# How long a worker may take to end by itself, seconds.
_GRACE_S = 10.0
# Beam's clients ping more often than gRPC allows by default.
_PINGS = [("grpc.http2.max_pings_without_data", 0), ("grpc.http2.max_ping_strikes", 0)]
_ALONE = [("grpc.so_reuseport", 0)]


_WORKER = "import sys; from soundbeam.pipelines.runners.worker import main; sys.exit(main())"


class WorkerPool(beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolServicer):
    """Starts worker processes. Each ends with its runner, or with the pool, however that ended.

    Args:
        logs: Folder for the output of the workers, one file for each.
    """

    def __init__(self, logs: Path):
        self._logs, self._workers, self._lock = logs, set[subprocess.Popen](), threading.Lock()
        self._numbers = itertools.count()

    def StartWorker(self, request: Any, context: Any) -> Any:
        """Starts a worker that connects to the endpoints in the request."""
        command = [*python_command(_WORKER), "--id", request.worker_id]
        for name in ("control", "logging", "provision"):
            command += [f"--{name}_endpoint", getattr(request, f"{name}_endpoint").url]
        try:
            with self._lock, open(self._logs / f"worker-{next(self._numbers)}.log", "ab") as log:
                # Its standard input is never written to: it closes when the pool ends, and then the worker ends too.
                worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT)
                self._workers.add(worker)
        except OSError as e:
            return beam_fn_api_pb2.StartWorkerResponse(error=str(e))
        threading.Thread(target=self._forget, args=(worker,), daemon=True).start()
        return beam_fn_api_pb2.StartWorkerResponse()

    def StopWorker(self, request: Any, context: Any) -> Any:
        """Does nothing: a worker ends by itself when its runner has closed its endpoint.

        It cannot know which worker is meant: another task manager on this machine uses the same ids.
        """
        return beam_fn_api_pb2.StopWorkerResponse()

    def _forget(self, worker: subprocess.Popen) -> None:
        worker.wait()
        with self._lock:
            self._workers.discard(worker)

    def close(self) -> None:
        """Ends all workers."""
        with self._lock:
            workers = list(self._workers)
        for worker in workers:
            worker.terminate()
        for worker in workers:
            _end(worker)


def _end(worker: subprocess.Popen) -> None:
    worker.terminate()
    try:
        worker.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()


def main(argv: list[str] | None = None) -> int:
    """Serves until SIGTERM or SIGINT."""
    prepare_process()
    p = argparse.ArgumentParser(
        prog="python -m soundbeam.pipelines.worker_pool", description=__doc__.partition("\n")[0]
    )
    p.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    p.add_argument("--port", type=int, default=0, help="0: any free one, which is printed")
    p.add_argument("--logs", type=Path, required=True, metavar="DIR", help="for what the workers print")
    options = p.parse_args(argv)
    options.logs.mkdir(parents=True, exist_ok=True)
    server = grpc.server(shared_unbounded_instance(), options=_PINGS + _ALONE)
    pool, stop = WorkerPool(options.logs), threading.Event()
    beam_fn_api_pb2_grpc.add_BeamFnExternalWorkerPoolServicer_to_server(pool, server)
    try:
        port = server.add_insecure_port(f"{options.host}:{options.port}")
    except RuntimeError:
        port = 0
    if not port:
        p.exit(1, f"{p.prog}: error: {options.host}:{options.port} cannot be listened on; is another pool there?\n")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    server.start()
    say(f"workers are started by {options.host}:{port}")
    stop.wait()
    pool.close()
    server.stop(0)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""One of Beam's Python workers, started on a cluster by `pipelines.worker_pool` or a PROCESS environment.

It asks the runner for the pipeline's options, which a bare worker would not have, and runs Beam's own harness.
"""

from __future__ import annotations

import argparse
import os
import socket
import stat
import sys
import threading
import time

import grpc
from apache_beam.portability.api import (
    beam_provision_api_pb2,
    beam_provision_api_pb2_grpc,
    endpoints_pb2,
)
from google.protobuf import json_format, text_format

# How long the runner may take to answer, in seconds.
_PATIENCE_S = 60.0
# How often a worker checks that its runner still listens, in seconds, and after how many failures it ends.
_CHECK_EVERY_S = 5.0
_MAX_FAILURES = 3


def main(argv: list[str] | None = None) -> int:
    """Works until the runner has no more work or is gone."""
    p = argparse.ArgumentParser(prog="python -m soundbeam.pipelines.runners.worker", description=__doc__)
    for name in ("id", "control_endpoint", "logging_endpoint", "provision_endpoint"):
        p.add_argument(f"--{name}", default="")
    options, _ = p.parse_known_args(argv)
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        threading.Thread(target=_end_with_parent, daemon=True).start()
    environment, control = environment_of(options)
    os.environ.update(environment)
    threading.Thread(target=_end_with_runner, args=(control,), daemon=True).start()
    from apache_beam.runners.worker import sdk_worker_main

    try:
        sdk_worker_main.main([])
    finally:
        # The threads of a lost connection would keep an orphaned worker alive, with its decoding process.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def environment_of(options: argparse.Namespace) -> tuple[dict[str, str], str]:
    """The environment variables for Beam's harness (endpoints, pipeline options), and where the runner listens."""
    control, logging_ = options.control_endpoint, options.logging_endpoint
    environment = {"WORKER_ID": options.id}
    if options.provision_endpoint:
        with grpc.insecure_channel(options.provision_endpoint) as channel:
            # The runner identifies the worker by this id.
            stub = beam_provision_api_pb2_grpc.ProvisionServiceStub(channel)
            info = stub.GetProvisionInfo(
                beam_provision_api_pb2.GetProvisionInfoRequest(),
                metadata=[("worker_id", options.id)],
                timeout=_PATIENCE_S,
                wait_for_ready=True,
            ).info
        control = info.control_endpoint.url or control
        logging_ = info.logging_endpoint.url or logging_
        environment["PIPELINE_OPTIONS"] = json_format.MessageToJson(info.pipeline_options)
        environment["RUNNER_CAPABILITIES"] = " ".join(info.runner_capabilities)
        if info.status_endpoint.url:
            environment["STATUS_API_SERVICE_DESCRIPTOR"] = text_format.MessageToString(info.status_endpoint)
    for name, url in (("CONTROL", control), ("LOGGING", logging_)):
        if url:
            descriptor = endpoints_pb2.ApiServiceDescriptor(url=url)
            environment[f"{name}_API_SERVICE_DESCRIPTOR"] = text_format.MessageToString(descriptor)
    return environment, control


def _end_with_runner(control: str) -> None:
    """Ends this process when nothing listens at ``host:port`` any more.

    Beam's harness notices too, but first finishes its current work: hours of a recording that nobody needs any more.
    """
    host, _, port = control.rpartition(":")
    if not port.isdigit():  # a socket in the file system
        return
    failures = 0
    while failures < _MAX_FAILURES:
        time.sleep(_CHECK_EVERY_S)
        try:
            socket.create_connection((host.strip("[]"), int(port)), _CHECK_EVERY_S).close()
            failures = 0
        except OSError:
            failures += 1
    os._exit(1)


def _end_with_parent() -> None:
    """Ends this process when the one that holds the other end of its standard input is gone."""
    while os.read(0, 4096):
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())

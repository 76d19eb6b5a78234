"""One of Beam's Python workers, as a cluster starts it: by `pipelines.worker_pool`, or a PROCESS environment.

It asks the runner for the pipeline's options, which a bare worker would do without, and runs Beam's own harness.
"""

from __future__ import annotations

import argparse
import os
import stat
import sys
import threading

import grpc
from apache_beam.portability.api import (
    beam_provision_api_pb2,
    beam_provision_api_pb2_grpc,
    endpoints_pb2,
)
from google.protobuf import json_format, text_format

from pipelines.turns import ask_for_long_turns

# How long the runner may take to answer, seconds.
_PATIENCE_S = 60.0


def main(argv: list[str] | None = None) -> int:
    """Works until the runner has nothing more to do, or is gone."""
    p = argparse.ArgumentParser(prog="python -m pipelines.worker", description=__doc__)
    for name in ("id", "control_endpoint", "logging_endpoint", "provision_endpoint"):
        p.add_argument(f"--{name}", default="")
    options, _ = p.parse_known_args(argv)
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ.update(environment_of(options))
    ask_for_long_turns()
    from apache_beam.runners.worker import sdk_worker_main

    try:
        sdk_worker_main.main([])
    finally:
        # The threads of a lost connection would keep a worker of nobody alive, with its decoding process.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def environment_of(options: argparse.Namespace) -> dict[str, str]:
    """What Beam's harness reads from the environment: the endpoints and the pipeline's options."""
    control, logging_ = options.control_endpoint, options.logging_endpoint
    found = {"WORKER_ID": options.id}
    if options.provision_endpoint:
        with grpc.insecure_channel(options.provision_endpoint) as channel:
            # The runner tells by the id which worker asks.
            stub = beam_provision_api_pb2_grpc.ProvisionServiceStub(channel)
            info = stub.GetProvisionInfo(
                beam_provision_api_pb2.GetProvisionInfoRequest(),
                metadata=[("worker_id", options.id)],
                timeout=_PATIENCE_S,
                wait_for_ready=True,
            ).info
        control = info.control_endpoint.url or control
        logging_ = info.logging_endpoint.url or logging_
        found["PIPELINE_OPTIONS"] = json_format.MessageToJson(info.pipeline_options)
        found["RUNNER_CAPABILITIES"] = " ".join(info.runner_capabilities)
        if info.status_endpoint.url:
            found["STATUS_API_SERVICE_DESCRIPTOR"] = text_format.MessageToString(info.status_endpoint)
    for name, url in (("CONTROL", control), ("LOGGING", logging_)):
        if url:
            descriptor = endpoints_pb2.ApiServiceDescriptor(url=url)
            found[f"{name}_API_SERVICE_DESCRIPTOR"] = text_format.MessageToString(descriptor)
    return found


def _end_with_parent() -> None:
    """Ends this process when the one that holds the other end of its standard input is gone."""
    while os.read(0, 4096):
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())

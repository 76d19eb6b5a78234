"""Checks before a pipeline goes to a cluster, with errors of one line: Beam would wait, or print a hundred lines."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

from apache_beam.options import pipeline_options as beam_options

from soundbeam.model.errors import SoundbeamError
from soundbeam.pipelines.runners.flink import PATIENCE_S, check_flink, flink_master

# Runners that work in other processes, through a job server with options of its own.
PORTABLE = ("FlinkRunner", "SparkRunner", "PortableRunner", "PrismRunner")


def is_portable(options: beam_options.PipelineOptions) -> bool:
    """Whether the chosen runner has a job server."""
    runner = options.view_as(beam_options.StandardOptions).runner or ""
    return runner.rpartition(".")[2] in PORTABLE


def check_cluster(options: beam_options.PipelineOptions) -> None:
    """Checks that the cluster that a pipeline is to run on can take it.

    Raises:
        SoundbeamError: The cluster does not answer, has another version or no task manager; there is no Java to submit
            the pipeline with; or no option says how the workers find soundbeam.
    """
    if not is_portable(options):
        return
    portable = options.view_as(beam_options.PortableOptions)
    flink = options.view_as(beam_options.FlinkRunnerOptions)
    runner = options.view_as(beam_options.StandardOptions).runner.rpartition(".")[2]
    server = options.view_as(beam_options.JobServerOptions)
    if portable.job_endpoint:
        if portable.job_endpoint != "embed":
            _check_port("--job_endpoint", portable.job_endpoint, "job server")
    elif runner == "FlinkRunner":
        if flink_master(options):
            check_flink(flink.flink_master, flink.flink_version)
            _check_workers(options)
        if not flink.flink_submit_uber_jar:
            _check_job_server("--flink_job_server_jar", flink.flink_job_server_jar, server)
    elif runner == "SparkRunner":
        spark = options.view_as(beam_options.SparkRunnerOptions)
        scheme, _, masters = spark.spark_master_url.partition("://")
        if scheme == "spark":
            if "," not in masters:  # where there are several, all but one may be down
                _check_port("--spark_master_url", masters, "Spark master")
            _check_workers(options)
        if not spark.spark_submit_uber_jar:
            _check_job_server("--spark_job_server_jar", spark.spark_job_server_jar, server)


def _check_workers(options: beam_options.PipelineOptions) -> None:
    portable = options.view_as(beam_options.PortableOptions)
    image = options.view_as(beam_options.WorkerOptions).sdk_container_image
    if not portable.environment_type and not portable.environment_config and not image:
        raise SoundbeamError(
            "--environment_type is missing, so workers would be Beam's own containers, without soundbeam; "
            "docs/clusters.md tells the ways"
        )


def _check_port(option: str, endpoint: str, server: str) -> None:
    host, _, port = endpoint.rpartition(":")
    try:
        socket.create_connection((host or "localhost", int(port)), PATIENCE_S).close()
    except ValueError as e:
        raise SoundbeamError(f"{option}={endpoint}: is not HOST:PORT") from e
    except OSError as e:
        reason = e.strerror or e
        raise SoundbeamError(f"no {server} answers at {option}={endpoint} ({reason}); is it started?") from e


def _check_job_server(option: str, jar: str | None, server: beam_options.JobServerOptions) -> None:
    if shutil.which(server.job_server_java_launcher) is None:
        raise SoundbeamError(
            f"there is no {server.job_server_java_launcher!r} here, which submits the pipeline; install Java 11 or "
            "later, or name it with --job_server_java_launcher"
        )
    if jar and "://" not in jar and not Path(jar).is_file():
        raise SoundbeamError(f"{option}={jar}: there is no such file")

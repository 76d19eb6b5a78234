"""What must be there before a scan goes to a cluster, in one line: Beam would wait, or say it in a hundred lines."""

from __future__ import annotations

import dataclasses
import json
import shutil
import socket
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any

from apache_beam.options import pipeline_options as beam_options

from soundbeam.model.errors import SoundbeamError

# Runners whose work is done in other processes, through a job server with options of its own.
PORTABLE = ("FlinkRunner", "SparkRunner", "PortableRunner", "PrismRunner")
# What a cluster may take to answer, seconds.
_PATIENCE_S = 5.0
_HERE = ("[local]", "[auto]")
_ENDED = ("FINISHED", "CANCELED", "FAILED")


def is_portable(options: beam_options.PipelineOptions) -> bool:
    """Whether a runner with a job server was asked for."""
    runner = options.view_as(beam_options.StandardOptions).runner or ""
    return runner.rpartition(".")[2] in PORTABLE


def check_cluster(options: beam_options.PipelineOptions) -> None:
    """Looks whether the cluster that a pipeline is to run on can take it.

    Raises:
        SoundbeamError: It does not answer, is of another version, has no task manager, there is no Java to submit the
            pipeline with, or nothing says how its workers find soundbeam.
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
        if _flink_master(options):
            _check_flink(flink.flink_master, flink.flink_version)
            _check_workers(options)
        if not flink.flink_submit_uber_jar:
            _check_job_server("--flink_job_server_jar", flink.flink_job_server_jar, server)
    elif runner == "SparkRunner":
        spark = options.view_as(beam_options.SparkRunnerOptions)
        scheme, _, masters = spark.spark_master_url.partition("://")
        if scheme == "spark":
            if "," not in masters:  # of several, all but one may be down
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


@dataclasses.dataclass(frozen=True)
class FlinkJob:
    """A pipeline's job on a Flink cluster: HOST:PORT or URL of the cluster's REST, and the job's name."""

    master: str
    name: str

    def cancel(self) -> None:
        """Cancels it: it would keep its slots, and nobody would take its rows.

        Does nothing where the cluster does not answer, or the user has given two running jobs one name.
        """
        try:
            jobs = _ask(self.master, "/jobs/overview")["jobs"]
            mine = [job["jid"] for job in jobs if job["name"] == self.name and job["state"] not in _ENDED]
            if len(mine) == 1:
                _ask(self.master, f"/jobs/{mine[0]}?mode=cancel", "PATCH")
        except (OSError, ValueError, KeyError, TypeError):
            return


def job_on_flink(options: beam_options.PipelineOptions) -> FlinkJob | None:
    """The job that a pipeline will be, by a name of its own unless the user has named it; None on another runner."""
    master = _flink_master(options)
    if not master:
        return None
    named = options.view_as(beam_options.GoogleCloudOptions)
    named.job_name = named.job_name or f"soundbeam-{uuid.uuid4().hex[:12]}"
    return FlinkJob(master, named.job_name)


def _flink_master(options: beam_options.PipelineOptions) -> str:
    """HOST:PORT or URL of a Flink cluster's REST; "" for another runner, and for Flink within the job server."""
    runner = options.view_as(beam_options.StandardOptions).runner or ""
    master = options.view_as(beam_options.FlinkRunnerOptions).flink_master
    return master if runner.rpartition(".")[2] == "FlinkRunner" and master not in _HERE else ""


def _ask(master: str, path: str, method: str = "GET") -> Any:
    """What a Flink cluster's REST says; past any proxy, as Flink's own client asks."""
    url = master if master.startswith(("http://", "https://")) else f"http://{master}"
    request = urllib.request.Request(url.rstrip("/") + path, method=method)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=_PATIENCE_S) as answer:
        return json.load(answer)


def _check_port(option: str, endpoint: str, what: str) -> None:
    host, _, port = endpoint.rpartition(":")
    try:
        socket.create_connection((host or "localhost", int(port)), _PATIENCE_S).close()
    except ValueError as e:
        raise SoundbeamError(f"{option}={endpoint}: is not HOST:PORT") from e
    except OSError as e:
        reason = e.strerror or e
        raise SoundbeamError(f"no {what} answers at {option}={endpoint} ({reason}); is it started?") from e


def _check_flink(master: str, version: str) -> None:
    try:
        overview = _ask(master, "/overview")
        found, slots = overview["flink-version"], overview["slots-total"]
    except urllib.error.HTTPError as e:
        if e.code in (401, 403):
            return  # it is there, and Flink's client may know how to sign in
        raise SoundbeamError(f"what answers at --flink_master={master} is no Flink job manager ({e})") from e
    except OSError as e:
        reason = getattr(e, "reason", e)
        why = getattr(reason, "strerror", None) or reason
        raise SoundbeamError(
            f"no Flink job manager answers at --flink_master={master} ({why}); is it started, and is that its address?"
        ) from e
    except (ValueError, KeyError, TypeError) as e:
        raise SoundbeamError(f"what answers at --flink_master={master} is no Flink job manager") from e
    if found.rpartition(".")[0] != version:
        raise SoundbeamError(
            f"the cluster at {master} runs Flink {found}, and the pipeline is for {version}; say "
            f"--flink_version={found.rpartition('.')[0]}"
        )
    if not slots:
        raise SoundbeamError(f"the Flink cluster at {master} has no task manager that could work; start one")


def _check_job_server(option: str, jar: str | None, server: beam_options.JobServerOptions) -> None:
    if shutil.which(server.job_server_java_launcher) is None:
        raise SoundbeamError(
            f"there is no {server.job_server_java_launcher!r} here, which submits the pipeline; install Java 11 or "
            "later, or name it with --job_server_java_launcher"
        )
    if jar and "://" not in jar and not Path(jar).is_file():
        raise SoundbeamError(f"{option}={jar}: there is no such file")

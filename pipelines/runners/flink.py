"""A job on a Flink cluster, through Flink's own REST interface."""

from __future__ import annotations

import dataclasses
import json
import urllib.error
import uuid
from typing import Any

from apache_beam.options import pipeline_options as beam_options

from soundbeam.model.errors import SoundbeamError

# How long a cluster may take to answer, in seconds.
PATIENCE_S = 5.0
_HERE = ("[local]", "[auto]")
_ENDED = ("FINISHED", "CANCELED", "FAILED")


@dataclasses.dataclass(frozen=True)
class FlinkJob:
    """A pipeline's job on a Flink cluster.

    Attributes:
        master: HOST:PORT or URL of the cluster's REST interface.
        name: Name of the job.
    """

    master: str
    name: str

    def cancel(self) -> None:
        """Cancels the job: it would keep its slots, and nobody would use its rows.

        Does nothing if the cluster does not answer, or if the user gave two running jobs the same name.
        """
        try:
            jobs = _ask(self.master, "/jobs/overview")["jobs"]
            ids = [job["jid"] for job in jobs if job["name"] == self.name and job["state"] not in _ENDED]
            if len(ids) == 1:
                _ask(self.master, f"/jobs/{ids[0]}?mode=cancel", "PATCH")
        except (OSError, ValueError, KeyError, TypeError):
            return


def job_on_flink(options: beam_options.PipelineOptions) -> FlinkJob | None:
    """The job that a pipeline will be, under a unique name unless the user named it; None on another runner."""
    master = flink_master(options)
    if not master:
        return None
    job = options.view_as(beam_options.GoogleCloudOptions)
    job.job_name = job.job_name or f"soundbeam-{uuid.uuid4().hex[:12]}"
    return FlinkJob(master, job.job_name)


def flink_master(options: beam_options.PipelineOptions) -> str:
    """HOST:PORT or URL of a Flink cluster's REST interface; "" for another runner and for Flink in the job server."""
    runner = options.view_as(beam_options.StandardOptions).runner or ""
    master = options.view_as(beam_options.FlinkRunnerOptions).flink_master
    return master if runner.rpartition(".")[2] == "FlinkRunner" and master not in _HERE else ""


def _ask(master: str, path: str, method: str = "GET") -> Any:
    """What a Flink cluster's REST interface answers. Goes past any proxy, as Flink's own client does."""
    url = master if master.startswith(("http://", "https://")) else f"http://{master}"
    request = urllib.request.Request(url.rstrip("/") + path, method=method)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=PATIENCE_S) as answer:
        return json.load(answer)


def check_flink(master: str, version: str) -> None:
    """Raises SoundbeamError unless a Flink cluster of that version answers at ``master``."""
    try:
        overview = _ask(master, "/overview")
        cluster_version, slots = overview["flink-version"], overview["slots-total"]
    except urllib.error.HTTPError as e:
        if e.code in (401, 403):
            return  # it exists, and Flink's client may know how to sign in
        raise SoundbeamError(f"what answers at --flink_master={master} is no Flink job manager ({e})") from e
    except OSError as e:
        reason = getattr(e, "reason", e)
        reason = getattr(reason, "strerror", None) or reason
        raise SoundbeamError(
            f"no Flink job manager answers at --flink_master={master} ({reason}); is it started, and is that its "
            "address?"
        ) from e
    except (ValueError, KeyError, TypeError) as e:
        raise SoundbeamError(f"what answers at --flink_master={master} is no Flink job manager") from e
    if cluster_version.rpartition(".")[0] != version:
        raise SoundbeamError(
            f"the cluster at {master} runs Flink {cluster_version}, and the pipeline is for {version}; say "
            f"--flink_version={cluster_version.rpartition('.')[0]}"
        )
    if not slots:
        raise SoundbeamError(f"the Flink cluster at {master} has no task manager that could work; start one")

"""Writes the tables of a scan that never ran, by the product's own schemas."""

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from soundbeam.model.classifier.calls import Call, CallRules
from soundbeam.pipelines.output.folder import Output
from soundbeam.pipelines.output.run_info import RunInfo
from soundbeam.pipelines.output.staging import Staging
from soundbeam.transforms.kept_scores import KeptScores
from soundbeam.transforms.records import DecodeReport, Recording, RecordingResult
from soundbeam.transforms.tables.rows import TableRows
from soundbeam.transforms.tables.schemas import Shard


def result(
    uri, seconds=10.0, calls=(), scores=None, status="ok", labels=("call",), window_s=2.0, hop_s=1.0, error="",
    interval=None, floor=None,
):  # fmt: skip
    """One recording's result; ``calls`` are (label, start, end), ``scores`` an array or a function of a start,
    ``interval`` is of each label's count, and ``floor`` the lowest score that is kept."""
    start_s = np.arange(0.0, seconds - window_s + 1e-9, hop_s) if status in ("ok", "partial") else np.empty(0)
    if scores is None:
        scores = np.zeros((len(start_s), len(labels)))
    elif callable(scores):
        scores = [[scores(start)] if len(labels) == 1 else scores(start) for start in start_s]
    events = {label: [Call(start, end, 0.9) for name, start, end in calls if name == label] for label in labels}
    report = DecodeReport(
        Recording(uri, 1000, "v1"), status, "decode" if error else "", error, seconds, 16000, 1, len(start_s), 1
    )
    return RecordingResult(
        report, start_s, start_s + window_s,
        KeptScores.of(np.asarray(scores, np.float32).reshape(len(start_s), len(labels)), floor), events,
        dict.fromkeys(labels, interval) if interval else {},
    )  # fmt: skip


def run_info(run, labels=("call",), **more):
    """A run's ``run.json``, as if a scan had made it."""
    values = {
        "run": run,
        "recordings": ["file:///recordings"],
        "classifier": "file:///bundle",
        "fingerprint": "f" * 64,
        "architecture": "compact",
        "task": "detector",
        "rate": 16000,
        "window_s": 2.0,
        "hop_s": 1.0,
        "thresholds": dict.fromkeys(labels, 0.5),
        "call_rules": dataclasses.asdict(CallRules()),
        "decoder": "soundfile",
        "settings": "s",
        "labels": list(labels),
        **more,
    }
    return RunInfo.from_dict(values)


def write_scan(folder, results, labels=("call",), run="20240101T000000Z-aaaaaa", rate=16000, deployments=None, **more):
    """Commits the results as one run of ``folder``, which was told of ``deployments``; returns the folder as text."""
    output = Output(str(folder))
    info = run_info(run, labels, rate=rate, **more)
    shards = []
    rows = TableRows(labels, info.parameters.fingerprint, info.to_dict())
    batches = [batch for r in results for batch in rows.of(r)]
    for table, schema in rows.schemas.items():
        of_table = pa.Table.from_batches([batch for name, batch in batches if name == table], schema)
        path = f"{output.staging_url(run)}/{table}/part-0.parquet".removeprefix("file://")
        output.fs.makedirs(path.rpartition("/")[0], exist_ok=True)
        pq.write_table(of_table, path)
        shards.append(Shard(table, "part-0.parquet", len(of_table)))
    Staging(output).commit(info, shards, [], deployments.to_csv() if deployments else "")
    return str(folder)

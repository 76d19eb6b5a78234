"""Finds and counts a classifier's sounds in recordings.

soundbeam scan --recordings 'recordings/**/*.wav' --classifier bundle/ --output results/
soundbeam scan --recordings s3://bucket/site7 @list.txt --classifier bundle/ --output results/ --hop 1
"""

from __future__ import annotations

import argparse
import importlib.metadata
import platform
import sys
import time
from typing import Any

from model.errors import SoundbeamError
from pipelines.console import Parser, positive, positive_int, program, say


def parser() -> Parser:
    """The program's options."""
    p = Parser(
        "scan",
        "Scores every window of the recordings and writes predictions, calls, counts and recordings as Parquet.\n"
        "Any Beam option may follow, e.g. --runner=FlinkRunner.",
        "soundbeam scan --recordings 'recordings/*.wav' --classifier bundle/ --output results/",
    )
    p.add_argument(
        "--recordings",
        required=True,
        nargs="+",
        metavar="PATTERN",
        help="files, globs, folders (searched recursively) or @list.txt; local or any fsspec URL",
    )
    p.add_argument("--classifier", required=True, metavar="DIR", help="a classifier bundle")
    p.add_argument("--output", required=True, metavar="DIR", help="where the tables go")
    p.add_argument("--hop", type=positive, metavar="SECONDS", help="between window starts (default: the bundle's)")
    p.add_argument("--threshold", type=_share, metavar="X", help="score of a call, 0 to 1 (default: the bundle's)")
    p.add_argument("--decoder", choices=("soundfile", "tensorflow-io"), default="soundfile", help="%(default)s")
    p.add_argument(
        "--segment", type=positive, default=60.0, metavar="SECONDS", help="decoded at once (default: %(default)g)"
    )
    p.add_argument(
        "--batch-size", type=positive_int, metavar="N", help="windows scored at once (default: the bundle's)"
    )
    return p


def _share(text: str) -> float:
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text} does not lie between 0 and 1")
    return value


@program("scan")
def main(argv: list[str] | None = None) -> int:
    """Runs the program."""
    options, rest = parser().parse_known_args(argv)
    from pipelines.running import beam_options

    beam_opts = beam_options(rest, parser())
    info = scan(options, beam_opts)
    return report(info, options.output)


def scan(options: argparse.Namespace, beam_opts) -> dict[str, Any]:
    """Builds and runs the pipeline, commits the run and returns its ``run.json``."""
    import apache_beam as beam

    from model.bundle import load_bundle
    from pipelines.running import run as run_pipeline
    from pipelines.runs import Output
    from transforms.counters import totals

    bundle = load_bundle(options.classifier)
    output = Output(options.output)
    refuse_other_classifier(output, bundle.fingerprint)
    hop_s = options.hop or bundle.hop_s
    if hop_s > bundle.window_s:
        raise SoundbeamError(
            f"--hop {hop_s:g} is longer than the classifier's window of {bundle.window_s:g} s; sound would be skipped"
        )
    thresholds = {label: options.threshold or bundle.thresholds[label] for label in bundle.labels}
    run = output.begin()
    parameters = {
        "recordings": list(options.recordings),
        "classifier": options.classifier,
        "fingerprint": bundle.fingerprint,
        "architecture": bundle.architecture,
        "rate": bundle.rate,
        "window_s": bundle.window_s,
        "hop_s": hop_s,
        "thresholds": thresholds,
        "decoder": options.decoder,
    }
    started, clock = time.time(), time.perf_counter()
    try:
        pipeline = beam.Pipeline(options=beam_opts)
        build(pipeline, options, bundle, hop_s, thresholds, output.staging(run), parameters)
        counters = totals(run_pipeline(pipeline))
        shards = output.staged_shards(run)
        if not any(shard.table == "recordings" for shard in shards):
            raise SoundbeamError(f"nothing to scan: no audio file matches {' '.join(options.recordings)}")
        info = {
            "run": run,
            **parameters,
            "labels": list(bundle.labels),
            "versions": versions(),
            "counters": dict(sorted(counters.items())),
            "started_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)),
            "wall_s": time.perf_counter() - clock,
        }
        output.commit(run, shards, bundle.labels, info)
    except BaseException:
        output.discard(run)
        raise
    return info


def build(pipeline, options, bundle, hop_s: float, thresholds: dict[str, float], staging: str, parameters) -> None:
    """Adds the scan to the pipeline: list → decode → score → count → write."""
    import apache_beam as beam

    from transforms.calls import CountCalls, Counting, result_of_unscannable
    from transforms.decode import DecodeRecordings
    from transforms.progress import ReportProgress
    from transforms.recordings import ListRecordings
    from transforms.score import ScoreWindows
    from transforms.tables import NameShards, WriteTables
    from transforms.windows import WindowSpec

    counting = Counting(bundle.labels, tuple(thresholds[label] for label in bundle.labels), bundle.call_rules)
    listed = pipeline | "ListRecordings" >> ListRecordings(options.recordings)
    spec = WindowSpec(bundle.rate, bundle.window_s, hop_s)
    total = listed["recordings"] | "CountListed" >> beam.combiners.Count.Globally()
    # One fused stage: sound never leaves it, and a recording's rows are written as soon as it has ended.
    results = (
        listed["recordings"]
        | "DecodeRecordings" >> DecodeRecordings(spec, segment_s=options.segment, decoder=options.decoder)
        | "ScoreWindows" >> ScoreWindows(options.classifier, bundle.fingerprint, options.batch_size)
        | "ReportProgress" >> ReportProgress(hop_s, total)
        | "CountCalls" >> CountCalls(counting)
    )
    unscannable = listed["unscannable"] | "ResultsOfUnscannable" >> beam.Map(result_of_unscannable, len(bundle.labels))
    write = WriteTables(staging, bundle.labels, bundle.fingerprint, parameters)
    _ = (
        # Written apart: a Flatten before it would end the fused stage.
        (results | "WriteTables" >> write, unscannable | "WriteUnscannable" >> write)
        | "AllShards" >> beam.Flatten()
        | "NameShards" >> NameShards(staging)
    )


def refuse_other_classifier(output, fingerprint: str) -> None:
    """Raises `SoundbeamError` where the output holds tables of another classifier."""
    others = {run["fingerprint"] for run in output.runs()} - {fingerprint}
    if others:
        raise SoundbeamError(
            f"{output.given}: holds tables of another classifier ({min(others)[:12]}…, not {fingerprint[:12]}…); "
            "choose another --output"
        )


def versions() -> dict[str, str]:
    """The versions that a scan's rows depend on."""
    names = ("soundbeam", "tensorflow", "keras", "apache-beam", "soundfile", "soxr", "numpy", "pyarrow")
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in names}}


def report(info: dict[str, Any], output: str) -> int:
    """Prints what a person wants to know; returns the exit code."""
    import pyarrow.compute as pc

    from pipelines import results

    recordings = results.read(output, "recordings", run=info["run"])
    counts = results.read(output, "counts", run=info["run"])
    status = {row["values"]: row["counts"] for row in pc.value_counts(recordings["status"]).to_pylist()}
    seconds = pc.sum(recordings["duration_s"]).as_py() or 0.0
    bad = recordings.filter(pc.is_in(recordings["status"], value_set=_strings(["partial", "failed"])))
    for row in bad.slice(0, 10).to_pylist():
        say(f"{row['status']}: {row['recording']}: {row['error']}")
    if len(bad) > 10:
        say(f"… and {len(bad) - 10} more, in the table recordings")
    for label in info["labels"]:
        of_label = counts.filter(pc.equal(counts["label"], label))
        heard = pc.sum(pc.greater(of_label["calls"], 0)).as_py() or 0
        say(f"{label}: {pc.sum(of_label['calls']).as_py() or 0} calls in {heard} of {len(of_label)} recordings")
    say(
        f"{len(recordings)} recordings ({', '.join(f'{n} {name}' for name, n in sorted(status.items()))}), "
        f"{seconds / 3600:.2f} h, {pc.sum(recordings['windows']).as_py()} windows"
    )
    say(f"{info['wall_s']:.0f} s, {seconds / info['wall_s']:.0f} × real time; classifier {info['fingerprint'][:12]}")
    say(f"tables: {output} (run {info['run']})")
    if not status.get("ok") and not status.get("partial"):
        raise SoundbeamError(f"not one of {len(recordings)} files could be scanned; the table recordings says why")
    return 0


def _strings(values: list[str]):
    import pyarrow as pa

    return pa.array(values, pa.string())


if __name__ == "__main__":
    sys.exit(main())

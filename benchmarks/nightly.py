"""Measures what a night with nothing new costs: the second scan of many short recordings against the first.

    python benchmarks/nightly.py --files 10000 --ledger 100000

It makes the recordings (5 s of noise at 16 kHz) and scans them with the default architecture (random weights do not
change its speed). It then overwrites every file with zeros, keeping size and time, so that a scan that read one would
fail, and scans again. It prints the seconds and memory of both scans and their ratio. Finally it runs such a second
scan over a ledger of ``--ledger`` rows.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
RATE = 16000


def save_random_bundle(url: str) -> None:
    """Saves the default architecture, untrained."""
    from soundbeam.model.architectures import get_architecture
    from soundbeam.model.classifier.bundle import BundleDescription, save_bundle

    architecture = get_architecture("compact")
    description = BundleDescription.of_architecture(
        architecture, task="detector", labels=("call",), thresholds={"call": 0.5}
    )
    save_bundle(url, architecture.build(1, "detector"), description)


def make_recordings(folder: Path, files: int, seconds: float) -> None:
    """Writes recordings of noise, a hundred to a folder."""
    import numpy as np
    import soundfile

    rng = np.random.default_rng(0)
    noise = rng.standard_normal(round(seconds * RATE) + files) * 0.05
    for i in range(files):
        path = folder / f"site{i // 100:04d}" / f"20240101_{i // 60 % 24:02d}{i % 60:02d}00_{i}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, noise[i : i + round(seconds * RATE)], RATE)


def scan(recordings: Path, bundle: Path, output: Path, *options: str) -> tuple[float, float, float, str]:
    """Runs one scan. Returns its wall and CPU seconds, its peak MB and the first line that it prints."""
    command = [
        sys.executable,
        "-m",
        "soundbeam.pipelines.scan",
        "--recordings",
        str(recordings),
        "--classifier",
        str(bundle),
    ]
    start = time.perf_counter()
    process = subprocess.Popen([*command, "--output", str(output), *options], stdout=subprocess.PIPE, text=True)
    printed = process.stdout.read() if process.stdout else ""
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"the scan failed: {printed}")
    spent, work = time.perf_counter() - start, usage.ru_utime + usage.ru_stime
    return spent, work, usage.ru_maxrss / 1024, printed.splitlines()[0]


def blank(folder: Path) -> None:
    """Overwrites all files with zeros, keeping their sizes and times."""
    for path in folder.rglob("*.wav"):
        stat = path.stat()
        path.write_bytes(bytes(stat.st_size))
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    os.sync()  # otherwise the second scan would wait for the disk


def commit_ledger(folder: Path, bundle: str, output: str) -> None:
    """Commits a run which says that all files of a folder were scanned."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from soundbeam.model.classifier.bundle import load_bundle
    from soundbeam.pipelines.output.folder import Output
    from soundbeam.pipelines.output.run_info import RunInfo
    from soundbeam.pipelines.output.staging import Staging
    from soundbeam.pipelines.scan.request import Scan, parameters_of
    from soundbeam.transforms.tables.schemas import Shard, schemas

    loaded = load_bundle(bundle)
    parameters = parameters_of(Scan([str(folder)], bundle, output), loaded)
    rows: dict[str, list] = {"recording": [], "bytes": [], "version": []}
    for path in folder.rglob("*.wav"):
        stat = path.stat()
        rows["recording"].append(f"file://{path}")
        rows["bytes"].append(stat.st_size)
        rows["version"].append(datetime.datetime.fromtimestamp(stat.st_mtime, datetime.timezone.utc).isoformat())
    run = "20240101T000000Z-000000"
    schema = schemas(loaded.labels, dataclasses.asdict(parameters))["recordings"]
    staged = Path(output) / "_staging" / run / "recordings"
    staged.mkdir(parents=True)
    count = len(rows["recording"])
    fixed = {"status": ["ok"] * count, "windows": [1] * count, "classifier": [loaded.fingerprint] * count}
    columns = {name: rows.get(name) or fixed.get(name) or [None] * count for name in schema.names}
    pq.write_table(pa.Table.from_pydict(columns, schema=schema), staged / "part-0.parquet")
    info = RunInfo(run=run, parameters=parameters, settings=parameters.settings, labels=list(loaded.labels))
    Staging(Output(output)).commit(info, [Shard("recordings", "part-0.parquet", count)], [])


def run_in_own_process(function, *arguments) -> None:
    """Runs a function in its own process; a scan's peak would otherwise include the memory of this one."""
    process = multiprocessing.get_context("spawn").Process(target=function, args=arguments)
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"{function.__name__} failed")


def main() -> int:
    """Runs the program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each recording")
    parser.add_argument("--ledger", type=int, default=100_000, help="rows of the ledger; 0 leaves this part out")
    options, beam_options = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        run_in_own_process(save_random_bundle, str(home / "bundle"))
        make_recordings(home / "recordings", options.files, options.seconds)
        first, work, peak, _ = scan(home / "recordings", home / "bundle", home / "output", *beam_options)
        print(
            f"first scan of {options.files} recordings: {first:.1f} s, {work:.1f} s of work, {peak:.0f} MB", flush=True
        )
        blank(home / "recordings")
        second, second_work, peak, line = scan(home / "recordings", home / "bundle", home / "output", *beam_options)
        print(f"second scan: {second:.1f} s, {second_work:.1f} s of work, {peak:.0f} MB: {line}")
        print(f"ratio: 1 / {first / second:.1f} of the time, 1 / {work / second_work:.1f} of the work", flush=True)
        if options.ledger:
            for i in range(options.ledger):
                path = home / "many" / f"site{i // 1000:04d}" / f"{i}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(b"RIFF")
            run_in_own_process(commit_ledger, home / "many", str(home / "bundle"), str(home / "ledger"))
            spent, work, peak, line = scan(home / "many", home / "bundle", home / "ledger", *beam_options)
            print(f"a ledger of {options.ledger} rows: {spent:.1f} s, {work:.1f} s of work, {peak:.0f} MB: {line}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What a night costs on which nothing is new: the first scan of many short recordings against the second.

    python benchmarks/nightly.py --files 10000 --ledger 100000

Makes the recordings (5 s of noise, 16 kHz), scans them with the default architecture (random weights do not change
its speed), overwrites every file with zeros of the same size and time, so that reading one would show, and scans again.
Prints seconds and memory of both and their ratio. Then the same second scan over a ledger of ``--ledger`` rows.
"""

from __future__ import annotations

import argparse
import datetime
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
RATE = 16000


def save_random_bundle(url: str) -> None:
    """The default architecture, not trained."""
    from soundbeam.model.architectures import get_architecture
    from soundbeam.model.classifier.bundle import BundleDescription, save_bundle

    architecture = get_architecture("compact")
    description = BundleDescription.of_architecture(
        architecture, task="detector", labels=("call",), thresholds={"call": 0.5}
    )
    save_bundle(url, architecture.build(1, "detector"), description)


def make_recordings(folder: Path, files: int, seconds: float) -> None:
    """Noise, a hundred files a folder."""
    import numpy as np
    import soundfile

    rng = np.random.default_rng(0)
    noise = rng.standard_normal(round(seconds * RATE) + files) * 0.05
    for i in range(files):
        path = folder / f"site{i // 100:04d}" / f"20240101_{i // 60 % 24:02d}{i % 60:02d}00_{i}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, noise[i : i + round(seconds * RATE)], RATE)


def scan(recordings: Path, bundle: Path, output: Path, *options: str) -> tuple[float, float, float, str]:
    """Seconds, seconds of processors, MB at most, and the first line that a scan says."""
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
    process = subprocess.Popen(
        [*command, "--output", str(output), *options], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    said = process.stdout.read() if process.stdout else ""
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"the scan failed: {said}")
    spent, work = time.perf_counter() - start, usage.ru_utime + usage.ru_stime
    return spent, work, usage.ru_maxrss / 1024, said.splitlines()[0]


def blank(folder: Path) -> None:
    """Overwrites all files with zeros; sizes and times stay."""
    for path in folder.rglob("*.wav"):
        was = path.stat()
        path.write_bytes(bytes(was.st_size))
        os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    os.sync()  # else the second scan would wait for the disk


def commit_ledger(folder: Path, bundle: str, output: str) -> None:
    """A committed run that says that all files of a folder were scanned."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from soundbeam.model.classifier.bundle import load_bundle
    from soundbeam.pipelines.output.folder import Output, settings_of
    from soundbeam.pipelines.scan.request import Scan, parameters_of
    from soundbeam.transforms.tables.schemas import Shard, schemas

    loaded, where = load_bundle(bundle), Output(output)
    parameters = parameters_of(Scan([str(folder)], bundle, output), loaded)
    rows: dict[str, list] = {"recording": [], "bytes": [], "version": []}
    for path in folder.rglob("*.wav"):
        stat = path.stat()
        rows["recording"].append(f"file://{path}")
        rows["bytes"].append(stat.st_size)
        rows["version"].append(datetime.datetime.fromtimestamp(stat.st_mtime, datetime.timezone.utc).isoformat())
    run = "20240101T000000Z-000000"
    schema = schemas(loaded.labels, parameters)["recordings"]
    staged = Path(output) / "_staging" / run / "recordings"
    staged.mkdir(parents=True)
    every = len(rows["recording"])
    fixed = {"status": ["ok"] * every, "windows": [1] * every, "classifier": [loaded.fingerprint] * every}
    columns = {name: rows.get(name) or fixed.get(name) or [None] * every for name in schema.names}
    pq.write_table(pa.Table.from_pydict(columns, schema=schema), staged / "part-0.parquet")
    info = {"run": run, **parameters, "settings": settings_of(parameters), "labels": list(loaded.labels)}
    where.commit(run, [Shard("recordings", "part-0.parquet", every)], [], loaded.labels, info)


def apart(function, *arguments) -> None:
    """Runs a function in a process of its own: a scan's peak would count the memory of the one that starts it."""
    process = multiprocessing.get_context("spawn").Process(target=function, args=arguments)
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"{function.__name__} failed")


def main() -> int:
    """Runs the program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each recording")
    parser.add_argument("--ledger", type=int, default=100_000, help="0 leaves it out")
    options, beam_options = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        apart(save_random_bundle, str(home / "bundle"))
        make_recordings(home / "recordings", options.files, options.seconds)
        first, work, peak, _ = scan(home / "recordings", home / "bundle", home / "output", *beam_options)
        print(
            f"first scan of {options.files} recordings: {first:.1f} s, {work:.1f} s of work, {peak:.0f} MB", flush=True
        )
        blank(home / "recordings")
        second, again, peak, said = scan(home / "recordings", home / "bundle", home / "output", *beam_options)
        print(f"second scan: {second:.1f} s, {again:.1f} s of work, {peak:.0f} MB: {said}")
        print(f"ratio: 1 / {first / second:.1f} of the time, 1 / {work / again:.1f} of the work", flush=True)
        if options.ledger:
            for i in range(options.ledger):
                path = home / "many" / f"site{i // 1000:04d}" / f"{i}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(b"RIFF")
            apart(commit_ledger, home / "many", str(home / "bundle"), str(home / "ledger"))
            spent, work, peak, said = scan(home / "many", home / "bundle", home / "ledger", *beam_options)
            print(f"a ledger of {options.ledger} rows: {spent:.1f} s, {work:.1f} s of work, {peak:.0f} MB: {said}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Measures how the time and memory of a scan grow with the number of recordings: 1,000, 10,000 and 100,000 small ones.

    python benchmarks/many_recordings.py [--files 1000 10000 100000]

Each recording is 1.5 s of noise at 8 kHz; they are hard links, a thousand to a folder. The classifier is the tests'
placeholder, which costs next to nothing. What is measured is therefore the machinery: listing, shuffling, opening,
writing, committing. Each scan runs in its own process. Growth compares the cost of a recording with its cost in the
smallest scan: 1.0 means that the cost is linear. Memory is the peak of the scanning process, without its decoding
processes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RATE, SECONDS, FILES_PER_FOLDER = 8000, 1.5, 1000


def make_recordings(folder: Path, files: int) -> None:
    """Writes one recording per folder and links the others to it, since file systems limit the links of one file."""
    import numpy as np
    import soundfile

    rng = np.random.default_rng(0)
    for first in range(0, files, FILES_PER_FOLDER):
        site = folder / f"site{first // FILES_PER_FOLDER:03d}"
        site.mkdir(parents=True)
        original = site / f"{first:06d}.wav"
        soundfile.write(original, 0.05 * rng.standard_normal(round(SECONDS * RATE)), RATE)
        for i in range(first + 1, min(first + FILES_PER_FOLDER, files)):
            os.link(original, site / f"{i:06d}.wav")


def save_placeholder(url: Path) -> None:
    """Saves the tests' classifier, which costs next to nothing."""
    code = "import sys; from tests.placeholder import save_tone_bundle; save_tone_bundle(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, str(url)], cwd=ROOT, check=True, stderr=subprocess.DEVNULL)


def scan(recordings: Path, bundle: Path, output: Path, *options: str) -> dict[str, Any]:
    """Runs one scan. Returns its wall and CPU seconds, its peak MB, and how many files it scanned and wrote."""
    command = [
        sys.executable,
        "-m",
        "soundbeam.pipelines.scan",
        "--recordings",
        str(recordings),
        "--classifier",
        str(bundle),
    ]
    command += ["--output", str(output), "--summary-json", str(output) + ".json", *options]
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit("the scan failed; see its error above")
    summary = json.loads(Path(str(output) + ".json").read_text())
    return {
        "seconds": time.perf_counter() - begin,
        "work": usage.ru_utime + usage.ru_stime,
        "MB": usage.ru_maxrss / 1024,
        "scanned": summary.get("recordings", {}).get("ok", 0),
        "unchanged": summary["unchanged"],
        "files": sum(1 for _ in output.rglob("*.parquet")),
    }


def main() -> None:
    """Prints two lines for each number of recordings: the first scan, and a second one with nothing new."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, nargs="+", default=[1000, 10_000, 100_000])
    options, beam_options = parser.parse_known_args()
    print(f"python benchmarks/many_recordings.py {' '.join(sys.argv[1:])}\n(in brackets: growth)\n")
    first: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        save_placeholder(home / "bundle")
        for files in options.files:
            make_recordings(home / f"{files}", files)
            for what in ("scan", "again"):
                measured = scan(home / f"{files}", home / "bundle", home / f"out{files}", *beam_options)
                assert measured["scanned" if what == "scan" else "unchanged"] == files, measured
                base = first.setdefault(what, {**measured, "number": files})
                growth = {k: measured[k] / base[k] * base["number"] / files for k in ("seconds", "work", "MB")}
                print(
                    f"{files:>9,} {what:<5} {measured['seconds']:7.1f} s ({growth['seconds']:.2f}), "
                    f"{measured['work']:7.1f} s of work ({growth['work']:.2f}), "
                    f"{measured['MB']:6.0f} MB ({growth['MB']:.2f}), {measured['files']} Parquet files",
                    flush=True,
                )


if __name__ == "__main__":
    main()

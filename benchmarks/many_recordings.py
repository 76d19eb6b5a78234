"""How a scan grows with the number of recordings: time and memory of 1,000, 10,000 and 100,000 small ones.

    python benchmarks/many_recordings.py [--files 1000 10000 100000]

Each recording is 1.5 s of noise at 8 kHz, by hard links a thousand to a folder; the classifier is the tests'
placeholder, so that what is measured is the machinery: listing, shuffling, opening, writing, committing. Every number
of recordings is scanned by a process of its own. Growth is what each recording costs against what it costs in the
smallest scan: 1.0 where the cost is linear. Memory is the most that the scanning process took, without its decoding
children.
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
sys.path.insert(0, str(ROOT))
RATE, SECONDS, A_FOLDER = 8000, 1.5, 1000


def make_recordings(folder: Path, files: int) -> None:
    """Links to a recording of each folder's own, so that no file has more names than a file system allows."""
    import numpy as np
    import soundfile

    rng = np.random.default_rng(0)
    for first in range(0, files, A_FOLDER):
        site = folder / f"site{first // A_FOLDER:03d}"
        site.mkdir(parents=True)
        original = site / f"{first:06d}.wav"
        soundfile.write(original, 0.05 * rng.standard_normal(round(SECONDS * RATE)), RATE)
        for i in range(first + 1, min(first + A_FOLDER, files)):
            os.link(original, site / f"{i:06d}.wav")


def save_placeholder(url: Path) -> None:
    """The tests' classifier, which costs next to nothing."""
    code = "import sys; from tests.conftest import save_tone_bundle; save_tone_bundle(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, str(url)], cwd=ROOT, check=True, stderr=subprocess.DEVNULL)


def scan(recordings: Path, bundle: Path, output: Path, *options: str) -> dict[str, Any]:
    """Seconds, seconds of processors, and MB at most, of one scan; and how many files it wrote."""
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
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit("the scan failed; its error stands above")
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
    """Prints a line for each number of recordings, first scanned, then scanned again with nothing new."""
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
                found = scan(home / f"{files}", home / "bundle", home / f"out{files}", *beam_options)
                assert found["scanned" if what == "scan" else "unchanged"] == files, found
                base = first.setdefault(what, {**found, "number": files})
                growth = {k: found[k] / base[k] * base["number"] / files for k in ("seconds", "work", "MB")}
                print(
                    f"{files:>9,} {what:<5} {found['seconds']:7.1f} s ({growth['seconds']:.2f}), "
                    f"{found['work']:7.1f} s of work ({growth['work']:.2f}), "
                    f"{found['MB']:6.0f} MB ({growth['MB']:.2f}), {found['files']} Parquet files",
                    flush=True,
                )


if __name__ == "__main__":
    main()

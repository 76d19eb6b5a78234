"""Measures memory and speed of scans of very long recordings.

    python benchmarks/long_recordings.py [rf64] [w64] [flac] [mp3] [--hours H] [--hop S] [--whole] [BEAM OPTION ...]

For each recording it prints the peak memory of all processes together, and the number of windows beside the number that
arithmetic predicts. The recordings are synthesized: RF64 and W64 are sparse files (silence), FLAC and MP3 repeat ten
minutes of noise. The network is the default detector's, with random weights. ``--whole`` scans each recording in one
piece.
"""

import argparse
import os
import resource
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
RATE, BLOCK_S = 48000, 600
HOURS = {"rf64": 24.0, "w64": 24.0, "flac": 24.0, "mp3": 15.0}
_GUIDS = {"riff": "2e91cf11a5d628db04c10000", "wave": "f3acd3118cd100c04f8edb8a", "fmt ": "f3acd3118cd100c04f8edb8a"}


def sparse_rf64(path, frames):
    """Writes silence, 16 bit, one channel (EBU Tech 3306)."""
    fmt = struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16)
    ds64 = struct.pack("<QQQI", 2 * frames + 72, 2 * frames, frames, 0)
    head = b"RF64\xff\xff\xff\xffWAVE" + b"ds64" + struct.pack("<I", len(ds64)) + ds64
    _sparse(path, head + b"fmt " + struct.pack("<I", 16) + fmt + b"data\xff\xff\xff\xff", frames)


def sparse_w64(path, frames):
    """Writes silence, 16 bit, one channel (Sony Wave64)."""
    guid = {name: name.encode() + bytes.fromhex(rest) for name, rest in _GUIDS.items()}
    data = b"data" + bytes.fromhex(_GUIDS["fmt "])
    fmt = struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16)
    head = guid["riff"] + struct.pack("<Q", 2 * frames + 104) + guid["wave"]
    head += guid["fmt "] + struct.pack("<Q", 40) + fmt + data + struct.pack("<Q", 2 * frames + 24)
    _sparse(path, head, frames)


def _sparse(path, head, frames):
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + 2 * frames)


def _noise():
    return (0.003 * np.random.default_rng(0).standard_normal((BLOCK_S * RATE, 1))).astype(np.float32)


def long_flac(path, frames):
    """Writes ten minutes of faint noise over and over."""
    noise = _noise()
    with soundfile.SoundFile(path, "w", RATE, 1, format="FLAC", compression_level=0.0) as file:
        for at in range(0, frames, len(noise)):
            file.write(noise[: frames - at])


def long_mp3(path, frames):
    """Writes the frames of a ten-minute MP3 over and over, without the first frame, which states a length."""
    short = path.with_suffix(".short.mp3")
    with soundfile.SoundFile(short, "w", RATE, 1, format="MP3", bitrate_mode="CONSTANT") as file:
        noise = _noise()
        for at in range(0, len(noise), 65536):
            file.write(noise[at : at + 65536])
    data = short.read_bytes()
    short.unlink()
    sync = data[:2]
    first = data.index(sync, 24)  # the Info frame is left out
    with path.open("wb") as file:
        for _ in range(round(frames / (BLOCK_S * RATE))):
            file.write(data[first:])


MAKE = {"rf64": sparse_rf64, "w64": sparse_w64, "flac": long_flac, "mp3": long_mp3}


def save_random_bundle(folder):
    """Saves the default detector, untrained."""
    import keras

    from soundbeam.model.architectures import DEFAULT, get_architecture
    from soundbeam.model.classifier.bundle import BundleDescription, save_bundle

    keras.utils.set_random_seed(0)
    architecture = get_architecture(DEFAULT)
    description = BundleDescription.of_architecture(
        architecture, task="detector", labels=("call",), thresholds={"call": 0.5}
    )
    return save_bundle(str(folder), architecture.build(1, "detector"), description)


def resident_bytes(root):
    """Returns the bytes that a process and each of its descendants hold in memory, by process id."""
    parents, resident = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
            parents[int(stat.parent.name)] = int(fields[1]), 4096 * int(fields[21])
        except (OSError, IndexError):
            continue
    for process in parents:
        at = process
        while at in parents and at != root:
            at = parents[at][0]
        if at == root:
            resident[process] = parents[process][1]
    return resident


def scan(arguments, whole):
    """Runs one scan.

    Returns:
        What it prints, its exit code, wall and CPU seconds, and the peak bytes of all processes and of the largest one.
    """
    code = "import sys, soundbeam.transforms.decoding.split_recordings as c; c.RANGE_S = 1e9; "
    code += "from soundbeam.pipelines.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code] if whole else [sys.executable, "-m", "soundbeam.pipelines.cli"]
    start, peak, largest, before = time.perf_counter(), 0, 0, _cpu_s()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen([*command, "scan", *arguments], stdout=output, stderr=subprocess.STDOUT)
        while process.poll() is None:
            resident = resident_bytes(process.pid)
            peak, largest = max(peak, sum(resident.values())), max([largest, *resident.values()])
            time.sleep(0.2)
        output.seek(0)
        wall = time.perf_counter() - start
        return output.read().decode(), process.returncode, wall, _cpu_s() - before, peak, largest


def _cpu_s():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main():
    """Prints a line for each recording."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(MAKE))
    parser.add_argument("--hours", type=float, help="length of each recording (default: 24, MP3 15)")
    parser.add_argument("--hop", type=float, default=3.0, metavar="SECONDS")
    parser.add_argument("--whole", action="store_true", help="do not cut recordings into ranges")
    parser.add_argument("--folder", help="where to write the recordings (default: a temporary folder)")
    options, rest = parser.parse_known_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        root = Path(folder)
        bundle = save_random_bundle(root / "bundle")
        from soundbeam.model.windows import WindowSpec
        from soundbeam.pipelines.results import read

        spec = WindowSpec(bundle.rate, bundle.window_s, options.hop)
        print(
            "kind       hours  file GB  windows      by arithmetic  peak MB, all processes  the largest  × real time"
            "  CPU s"
        )
        for kind in options.kinds or MAKE:
            hours = options.hours or HOURS[kind]
            path = root / f"long.{kind}"
            MAKE[kind](path, round(hours * 3600 * RATE))
            output = root / f"out-{kind}"
            arguments = ["--recordings", str(path), "--classifier", str(root / "bundle"), "--output", str(output)]
            arguments += ["--hop", str(options.hop), *rest]
            printed, code, wall, cpu, peak, largest = scan(arguments, options.whole)
            if code:
                sys.exit(printed)
            (row,) = read(str(output), "recordings").to_pylist()
            expected = spec.count(round(row["duration_s"] * spec.rate))
            size = path.stat().st_size / 1e9
            print(
                f"{kind:<9} {row['duration_s'] / 3600:>6.2f} {size:>8.2f}  {row['windows']:<11}  {expected:<13}  "
                f"{peak / 1e6:<22.0f}  {largest / 1e6:<11.0f}  {row['duration_s'] / wall:<11.0f}  {cpu:.0f}",
                "" if row["status"] == "ok" else row["error"],
                flush=True,
            )
            path.unlink()


if __name__ == "__main__":
    main()

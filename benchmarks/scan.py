"""Compares the speed of a scan with the reference procedure, a bare loop, and the sum of its parts. Prints ratios.

    python benchmarks/scan.py [--rounds N] [--recordings FILE [FILE …]] [--json FILE]

All contestants run in one session on one machine. They take turns, forward in one round and backward in the next, since
the machine may become faster or slower. Each turn is a new process that loads and traces everything before it is timed,
because two starts of a program differ more than two turns of one process. A ratio is taken within each round; the table
shows the median over the rounds, and in brackets the lowest and the highest. Start-up is reported separately. Networks
have random weights, which do not change their speed. "One core" means that the process and its children are confined to
one core.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
KINDS = ("mp3", "wav", "flac")
PARTS = ("decode", "resample", "stft", "model")
_DEBUG = os.environ.get("SOUNDBEAM_DEBUG")


def make_recordings(folder: Path, minutes: float, rate: int = 48000) -> list[str]:
    """Writes one recording of each kind, stereo: pink noise, and sweeps that come and go."""
    import numpy as np
    import soundfile

    frames, rng = round(minutes * 60 * rate), np.random.default_rng(0)
    time_s = np.arange(frames) / rate
    sweeps = np.sin(2 * np.pi * (900 + 300 * np.sin(time_s / 3)) * time_s) * (np.sin(time_s * 1.3) > 0.6)
    spectrum = np.fft.rfft(rng.standard_normal((frames, 2)), axis=0)
    noise = np.fft.irfft(spectrum / np.sqrt(np.arange(1, len(spectrum) + 1))[:, None], frames, axis=0)
    sound = (0.05 * noise / noise.std() + 0.1 * sweeps[:, None]).clip(-1, 1).astype(np.float32)
    for kind in KINDS:
        with soundfile.SoundFile(folder / f"long-{rate}.{kind}", "w", rate, 2) as file:
            for i in range(0, frames, rate):  # libsndfile's MP3 writer fails on one long write
                file.write(sound[i : i + rate])
    return [str(folder / f"long-{rate}.{kind}") for kind in KINDS]


def link_copies(paths: list[str], folder: Path, number: int) -> list[str]:
    """Makes ``number`` links to the recordings, each in turn, and returns their paths."""
    folder.mkdir(exist_ok=True)
    names = [folder / f"{i:05d}{Path(paths[i % len(paths)]).suffix}" for i in range(number)]
    for i, name in enumerate(names):
        if not name.exists():
            os.link(paths[i % len(paths)], name)
    return [str(name) for name in names]


def save_random_bundle(url: str, name: str) -> None:
    """Saves an architecture, untrained."""
    from soundbeam.model.architectures import get_architecture
    from soundbeam.model.classifier.bundle import BundleDescription, save_bundle

    architecture = get_architecture(name)
    description = BundleDescription.of_architecture(
        architecture, task="detector", labels=("call",), thresholds={"call": 0.5}
    )
    save_bundle(url, architecture.build(1, "detector"), description)


@dataclasses.dataclass
class Contestant:
    """One of the contestants in `contestants.py`."""

    name: str
    cores: int
    bundle: str
    hop: float
    turn_s: float
    paths: list[str]
    number: int = 0
    """Recordings in a turn. The first turn determines it."""

    def turn(self) -> dict[str, float]:
        """Runs one turn. Returns the seconds spent for each second of sound: in total, for each part, of processors."""
        arguments = (self.name, self.cores, self.bundle, self.hop, self.turn_s, self.number, *self.paths)
        command = [sys.executable, str(Path(__file__).with_name("contestants.py")), *map(str, arguments)]
        with open(os.devnull, "w") as devnull:
            # In a session of its own, by which it finds the processor time of all its processes.
            done = subprocess.run(
                command, stdout=subprocess.PIPE, stderr=None if _DEBUG else devnull, text=True, start_new_session=True
            )
        if done.returncode:
            raise SystemExit("a contestant failed; set SOUNDBEAM_DEBUG=1 to see why")
        costs: dict[str, float] = json.loads(done.stdout)
        self.number = int(costs.pop("number"))
        return costs


def start_up(bundle: str, hop: float, path: str) -> float:
    """Returns the seconds that a scan of one recording takes, from the command line to its tables."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "soundbeam.pipelines.scan", "--recordings", path, "--classifier", bundle]
        begin = time.perf_counter()
        subprocess.run([*command, "--output", folder, "--hop", str(hop)], check=True, stdout=subprocess.PIPE)
        return time.perf_counter() - begin


def machine() -> str:
    """Describes the processor, its cores, and the versions that matter."""
    model = platform.processor()
    if os.path.exists("/proc/cpuinfo"):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    names = ("tensorflow", "apache-beam", "soundfile", "soxr", "numpy")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    return f"{model}, {len(os.sched_getaffinity(0))} cores; Python {platform.python_version()}, {versions}"


def take_turns(contestants: dict[str, Contestant], rounds: int) -> dict[str, list[dict[str, float]]]:
    """Runs every contestant once in each round, and returns what each measured, by round."""
    turns: dict[str, list[dict[str, float]]] = {key: [] for key in contestants}
    for i in range(rounds):
        for key in reversed(contestants) if i % 2 else contestants:
            turns[key].append(contestants[key].turn())
    return turns


def ratios(name: str, hop: float, rounds: int, turn_s: float, folder: Path, paths: list[str]) -> dict[str, Any]:
    """Returns all figures of one architecture and hop, mostly as lists with a value for each round."""
    bundle = str(folder / name)
    if not os.path.exists(bundle):
        save_random_bundle(bundle, name)
    plan = {
        "reference": ("reference", 0), "all": ("scan", 0), "one": ("scan", 1),
        "loop": ("bare_loop", 1), "parts": ("parts", 1),
    }  # fmt: skip
    contestants = {key: Contestant(kind, n, bundle, hop, turn_s, paths) for key, (kind, n) in plan.items()}
    turns = take_turns(contestants, rounds)
    took = {key: [turn["seconds"] for turn in of] for key, of in turns.items()}

    def ratio(a: str, b: str) -> list[float]:
        return [x / y for x, y in zip(took[a], took[b], strict=True)]

    medians = {part: statistics.median(turn[part] for turn in turns["parts"]) for part in turns["parts"][0]}
    return {
        "against_reference": ratio("reference", "all"),
        "one_core_against_loop": ratio("one", "loop"),
        "all_cores_against_one": ratio("one", "all"),
        "one_core_against_parts": ratio("one", "parts"),
        "speed": [1 / s for s in took["all"]],
        "seconds": took["all"],
        "shares": {part: value / medians["seconds"] for part, value in medians.items() if part in PARTS},
    }


def format_values(values: list[float], form: str = ".2f") -> str:
    """Formats values as their median (lowest to highest)."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:{form}} ({low:{form}} to {high:{form}})"


SETUPS = {"cnn_baseline, hop 3 s": ("cnn_baseline", 3.0, 2.5), "compact, hop 3 s": ("compact", 3.0, 15.0),
          "compact, hop 0.5 s": ("compact", 0.5, 6.0)}  # fmt: skip


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument(
        "--seconds", type=float, default=30.0, help="approximate length of a turn (default: %(default)g)"
    )
    parser.add_argument(
        "--minutes", type=float, default=3.0, help="length of a synthesized recording (default: %(default)g)"
    )
    parser.add_argument("--recordings", nargs="+", metavar="FILE", help="scan these instead of synthesizing some")
    parser.add_argument("--only", choices=("scan", "materialize"), help="measure only this part")
    parser.add_argument("--json", help="also write all figures to this file")
    options = parser.parse_args()
    print(f"python benchmarks/scan.py {' '.join(sys.argv[1:])}\n{machine()}\n", flush=True)
    figures: dict[str, Any] = {}
    # Hard links need the same file system, so the folder is made beside the recordings.
    beside = Path(options.recordings[0]).resolve().parent if options.recordings else None
    with tempfile.TemporaryDirectory(dir=beside) as name:
        folder = Path(name)
        if options.only != "materialize":
            figures |= measure_scan(options, folder)
        if options.only != "scan":
            figures["materialize"] = measure_materialize(options, folder)
    if options.json:
        Path(options.json).write_text(json.dumps(figures, indent=1))


def measure_scan(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Measures scans, prints the figures and returns them."""
    figures = {}
    paths = link_copies(options.recordings or make_recordings(folder, options.minutes), folder / "many", 3000)
    for label, (architecture, hop, target) in SETUPS.items():
        f = figures[label] = ratios(architecture, hop, options.rounds, options.seconds, folder, paths)
        shares = ", ".join(f"{part} {share:.0%}" for part, share in f["shares"].items())
        print(label)
        print(f"  {format_values(f['against_reference'], '.1f'):<28} times the reference's speed (wanted: {target})")
        print(f"  {format_values(f['all_cores_against_one']):<28} times the speed on one core (wanted: 1.8 on two)")
        print(f"  {format_values(f['one_core_against_loop']):<28} times as long as a bare loop, one core (wanted: 1.1)")
        print(f"  {format_values(f['one_core_against_parts']):<28} times as long as its parts, one core (wanted: 1.25)")
        print(f"  {format_values(f['speed'], '.0f'):<28} times real time; parts: {shares}", flush=True)
    cost = [b / a for a, b in zip(*(figures[k]["seconds"] for k in list(SETUPS)[1:]), strict=True)]
    print(f"compact at hop 0.5 s takes {format_values(cost)} times as long as at hop 3 s (wanted: 2)")
    print(f"start-up: {start_up(str(folder / 'compact'), 3.0, paths[0]):.1f} s", flush=True)
    return figures


def measure_materialize(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Measures materializing, prints the figures and returns them.

    It is compared with decoding alone, and with decoding and plainly writing the samples: a virtual machine that gives
    freed memory back to its host pays for each page of a new file, ten times as much as for the copy.
    """
    clips = link_copies(make_recordings(folder, 4 / 60), folder / "clips", 8000)
    plan = {
        "all": ("materialize", 0), "one": ("materialize", 1),
        "decode": ("decode_clips", 1), "write": ("decode_and_write_clips", 1),
    }  # fmt: skip
    contestants = {key: Contestant(kind, n, "", 0, options.seconds, clips) for key, (kind, n) in plan.items()}
    turns = take_turns(contestants, options.rounds)
    took = {key: [turn["seconds"] for turn in of] for key, of in turns.items()}
    decoding, writing, speedup = (
        [a / b for a, b in zip(took[x], took[y], strict=True)]
        for x, y in (("decode", "one"), ("write", "one"), ("one", "all"))
    )
    print("materialize, clips of 4 s")
    print(f"  {format_values(decoding):<28} times the speed of decoding alone, one core (wanted: 0.8)")
    print(f"  {format_values(writing):<28} times the speed of decoding and writing the samples to a file, one core")
    print(f"  {format_values(speedup):<28} times the speed on one core, all cores", flush=True)
    return {"of_decoding": decoding, "of_decoding_and_writing": writing, "all_cores_against_one": speedup}


if __name__ == "__main__":
    main()

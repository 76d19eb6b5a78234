"""How fast a scan is against the reference procedure, against a bare loop, and against the sum of its parts.

    python benchmarks/scan.py [--recordings FOLDER] [--minutes M]

Everything runs in one go on one machine, one after the other, and what is printed are ratios. Each way is timed over
some recordings and over twice as many; the difference is its speed without start-up. Without --recordings it makes
48 kHz stereo MP3s. The networks' weights are random: they do not change the speed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


def make_recordings(folder: Path, count: int, minutes: float) -> list[str]:
    """Writes noise with slow swells as stereo MP3s of 48 kHz."""
    import numpy as np
    import soundfile

    rng = np.random.default_rng(0)
    paths = []
    for i in range(count):
        frames = round(minutes * 60 * 48000)
        swell = 0.1 + 0.05 * np.sin(np.arange(frames) / 48000)
        sound = (rng.standard_normal((frames, 2)).cumsum(axis=0) % 2 - 1) * swell[:, None]
        paths.append(str(folder / f"r{i:02d}.mp3"))
        soundfile.write(paths[-1], sound.astype(np.float32), 48000)
    return paths


def make_bundle(folder: Path, name: str) -> str:
    """Saves an architecture's bundle with random weights."""
    import dataclasses

    from model.architectures import get_architecture
    from model.bundle import save_bundle
    from model.calls import CallRules

    a = get_architecture(name)
    return save_bundle(
        str(folder / name),
        a.build(1, "detector"),
        architecture=name,
        task="detector",
        labels=("call",),
        rate=a.rate,
        window_s=a.window_s,
        hop_s=a.hop_s,
        batch=a.score_batch,
        thresholds={"call": 0.5},
        call_rules=CallRules(),
        front_end=dataclasses.asdict(a.front_end),
        report={},
    ).url


def scan(paths: list[str], bundle: str, hop: float, *options: str) -> None:
    """The program itself, as a user runs it."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "list.txt").write_text("\n".join(paths))
        command = [sys.executable, "-m", "pipelines.scan", "--recordings", f"@{folder}/list.txt"]
        command += ["--classifier", bundle, "--output", f"{folder}/out", "--hop", str(hop), *options]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def bare_loop(paths: list[str], bundle: str, hop: float) -> dict[str, float]:
    """A hand-written loop over the same functions, without Beam: seconds of decoding, of scoring, of all."""
    from model.bundle import load_bundle
    from model.calls import find_calls
    from transforms.decode import decode_recording
    from transforms.records import Recording, Segment
    from transforms.windows import WindowSpec

    loaded = load_bundle(bundle)
    scorer, spec = loaded.scorer(), WindowSpec(loaded.rate, loaded.window_s, hop)
    spent = {"decode": 0.0, "score": 0.0}
    begin = time.perf_counter()
    for path in paths:
        results, scores = decode_recording(Recording(f"file://{path}", 1, ""), spec), []
        while True:
            start = time.perf_counter()
            item = next(results, None)
            spent["decode"] += time.perf_counter() - start
            if item is None:
                break
            if isinstance(item, Segment):
                start = time.perf_counter()
                scores.append((item, scorer.score_segment(item.samples, item.offsets)))
                spent["score"] += time.perf_counter() - start
        for item, values in scores:
            find_calls(item.start_s, item.end_s, values[:, 0], 0.5)
    return {**spent, "all": time.perf_counter() - begin}


def marginal(run: Callable[[list[str]], object], paths: list[str]) -> float:
    """Seconds that the second half of the recordings adds to the first."""
    seconds = []
    for some in (paths[: len(paths) // 2], paths):
        start = time.perf_counter()
        run(some)
        seconds.append(time.perf_counter() - start)
    return seconds[1] - seconds[0]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recordings", help="a folder of recordings; default: made for the purpose")
    parser.add_argument("--minutes", type=float, default=3.0, help="of each made recording (default: 3)")
    parser.add_argument("--count", type=int, default=16, help="how many (default: 16)")
    parser.add_argument("--json", help="also write the figures there")
    options = parser.parse_args()
    from benchmarks.reference_procedure import run as reference

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.recordings:
            paths = sorted(str(p.resolve()) for p in Path(options.recordings).iterdir())[: options.count]
        else:
            paths = make_recordings(folder, options.count, options.minutes)
        half = len(paths) - len(paths) // 2
        bundles = {a: make_bundle(folder, a) for a in ("compact", "cnn_baseline")}
        totals = reference(paths[:half])
        sound = totals.pop("sound")
        yardstick = sum(totals.values())
        figures = {"reference procedure": {"seconds": yardstick, "x_real_time": sound / yardstick}}
        for label, bundle, hop in (
            ("cnn_baseline, hop 3 s", bundles["cnn_baseline"], 3.0),
            ("compact, hop 3 s", bundles["compact"], 3.0),
            ("compact, hop 0.5 s", bundles["compact"], 0.5),
        ):
            parts = bare_loop(paths[:half], bundle, hop)
            parts = bare_loop(paths[:half], bundle, hop)  # the first one traced the graphs
            whole = marginal(lambda some, b=bundle, h=hop: scan(some, b, h), paths)
            one = marginal(lambda some, b=bundle, h=hop: scan(some, b, h, "--direct_num_workers=1"), paths)
            figures[label] = {
                "seconds": whole,
                "x_real_time": sound / whole,
                "against_reference": yardstick / whole,
                "one_worker_against_bare_loop": parts["all"] / one,
                "all_workers_against_one": one / whole,
                "decode_share_of_bare_loop": parts["decode"] / parts["all"],
            }
    width = max(map(len, figures))
    for label, values in figures.items():
        said = ", ".join(f"{k.replace('_', ' ')} {v:.2f}" for k, v in values.items() if k != "seconds")
        print(f"{label:<{width}}  {said}")
    if options.json:
        Path(options.json).write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()

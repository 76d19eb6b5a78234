"""The programs and procedures that `scan.py` compares. Each runs in its own process and is warm before it is timed.

    python benchmarks/contestants.py NAME CORES BUNDLE HOP TURN_S NUMBER RECORDING [RECORDING …]

A contestant first processes a few recordings, to load and trace everything. If NUMBER is 0, it then processes more and
more of them until it knows how many take about TURN_S seconds. Finally it processes that many once, and prints a line
of JSON: the number, and the seconds spent for each second of sound, in total and for each part. `processor` is the
processor time of all processes of its session, so that it must be started in a session of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from birdnet_contestants import birdnet_loop, birdnet_parts

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
SEGMENT_S = 60.0
WARM_UP_RECORDINGS = 6
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
Work = Callable[[list[str]], dict[str, float]]


def reference(bundle: str, hop: float) -> Work:
    """The procedure of public solutions, with its own network."""
    from reference_procedure import run

    def work(paths: list[str]) -> dict[str, float]:
        return {"seconds": sum(v for k, v in run(paths).items() if k != "sound")}

    return work


def scan(bundle: str, hop: float) -> Work:
    """The program, from its options to its committed tables. The model stays loaded between two scans."""
    from soundbeam.pipelines.console.process import prepare_process

    prepare_process()
    from soundbeam.pipelines.runners.options import beam_options
    from soundbeam.pipelines.scan.job import scan as run_scan
    from soundbeam.pipelines.scan.request import Scan
    from soundbeam.transforms.scoring import score_windows as score

    score.load_scorer = functools.cache(score.load_scorer)

    def work(paths: list[str]) -> dict[str, float]:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "list.txt").write_text("\n".join(paths))
            request = Scan([f"@{folder}/list.txt"], bundle, f"{folder}/out", hop=hop, segment=SEGMENT_S)
            begin = time.perf_counter()
            finished = run_scan(request, beam_options([]))
            spent = time.perf_counter() - begin
            assert finished.info is not None
            assert finished.info.counters["recordings_ok"] == len(paths), finished.info.counters
            return {"seconds": spent}

    return work


def bare_loop(bundle: str, hop: float) -> Work:
    """A hand-written loop over the same functions: decode, score, find calls. No Beam, no tables."""
    from soundbeam.model.classifier.bundle import load_bundle
    from soundbeam.model.classifier.calls import find_calls
    from soundbeam.model.windows import WindowSpec
    from soundbeam.transforms.decoding.decode_recordings import decode_recording
    from soundbeam.transforms.records import Recording, Segment

    loaded = load_bundle(bundle)
    scorer, spec = loaded.scorer(), WindowSpec(loaded.rate, loaded.window_s, hop)

    def work(paths: list[str]) -> dict[str, float]:
        begin = time.perf_counter()
        for path in paths:
            for item in decode_recording(Recording(f"file://{path}", 1, ""), spec, SEGMENT_S):
                if isinstance(item, Segment):
                    scores = scorer.score_segment(item.samples, item.offsets)
                    find_calls(item.start_s, item.end_s, scores[:, 0], 0.5)
        return {"seconds": time.perf_counter() - begin}

    return work


def parts(bundle: str, hop: float) -> Work:
    """Each part alone, by calling its library: decode all channels, resample, make spectrograms, run the network."""
    import numpy as np
    import soundfile
    import soxr

    from soundbeam.model.classifier.bundle import load_bundle
    from soundbeam.model.classifier.litert_network import LiteRTNetwork
    from soundbeam.model.frontend.config import FrontEndConfig
    from soundbeam.model.frontend.spectrograms import Spectrograms
    from soundbeam.model.windows import WindowSpec
    from soundbeam.transforms.decoders.base import BLOCK_FRAMES
    from soundbeam.transforms.decoding.decode_recordings import decode_recording
    from soundbeam.transforms.records import Recording, Segment

    loaded = load_bundle(bundle)
    config = FrontEndConfig.from_plain(loaded.front_end)
    spec, network, front_end = (
        WindowSpec(loaded.rate, loaded.window_s, hop),
        LiteRTNetwork(loaded.network),
        Spectrograms(config),
    )
    length = spec.window_samples
    shares = spec.hop_s * spec.rate < length

    def batches(segment: Segment) -> Iterator[np.ndarray]:
        for i in range(0, len(segment.offsets), loaded.batch):
            yield segment.offsets[i : i + loaded.batch]

    def spectrograms(segment: Segment, offsets: np.ndarray) -> np.ndarray:
        first = offsets[0]
        if shares:
            frames = ((offsets - first) // config.step).astype(np.int32)
            return front_end.of_segment(segment.samples[first : offsets[-1] + length], frames)
        return front_end.of_windows(np.stack([segment.samples[o : o + length] for o in offsets]))

    def work(paths: list[str]) -> dict[str, float]:
        spent = dict.fromkeys(("decode", "resample", "front end", "model"), 0.0)

        def timed(name: str, function: Callable[[], Any]) -> Any:
            begin = time.perf_counter()
            result = function()
            spent[name] += time.perf_counter() - begin
            return result

        for path in paths:
            with soundfile.SoundFile(path) as file:
                rate = file.samplerate
                blocks = timed("decode", lambda f=file: list(f.blocks(BLOCK_FRAMES, dtype="float32", always_2d=True)))
            mono = np.concatenate([block.mean(axis=1) for block in blocks])
            timed("resample", lambda m=mono, r=rate: soxr.resample(m, r, spec.rate, quality="HQ"))
            for item in decode_recording(Recording(f"file://{path}", 1, ""), spec, SEGMENT_S):
                for offsets in batches(item) if isinstance(item, Segment) else ():
                    made = timed("front end", lambda s=item, o=offsets: spectrograms(s, o))
                    timed("model", lambda m=made: network(m))
        return {"seconds": sum(spent.values()), **spent}

    return work


def materialize(bundle: str, hop: float) -> Work:
    """Turns clips into training examples, with the program."""
    from soundbeam.pipelines.materialize.program import main as program

    def work(paths: list[str]) -> dict[str, float]:
        with tempfile.TemporaryDirectory() as folder:
            rows = [f"{path},{'ab'[i % 2]},{i // 4}" for i, path in enumerate(paths)]
            (Path(folder) / "clips.csv").write_text("\n".join(["path,label,source", *rows]))
            begin = time.perf_counter()
            code = program(["--clips", f"{folder}/clips.csv", "--examples", f"{folder}/examples"])
            assert code == 0
            return {"seconds": time.perf_counter() - begin}

    return work


def decode_clips(bundle: str, hop: float) -> Work:
    """Only decodes the same clips, to one channel at the examples' rate."""
    return _decode_clips(os.devnull)


def decode_and_write_clips(bundle: str, hop: float) -> Work:
    """Decodes the same clips and writes the samples to a file as they are."""
    return _decode_clips("samples")


def _decode_clips(name: str) -> Work:
    """Writes the samples into a file in a temporary folder, or to ``name`` if it is an absolute path."""
    from soundbeam.transforms.decoding.decode_recordings import decode_blocks

    def work(paths: list[str]) -> dict[str, float]:
        with tempfile.TemporaryDirectory() as folder:
            begin = time.perf_counter()
            with open(os.path.join(folder, name), "wb") as file:
                for path in paths:
                    for block in decode_blocks(f"file://{path}", 16000):
                        file.write(block)
            return {"seconds": time.perf_counter() - begin}

    return work


_SCANNING = (reference, scan, bare_loop, parts, birdnet_loop, birdnet_parts)
_MATERIALIZING = (materialize, decode_clips, decode_and_write_clips)
CONTESTANTS = {f.__name__: f for f in (*_SCANNING, *_MATERIALIZING)}


def seconds_of(path: str) -> float:
    """The length of a recording."""
    import soundfile

    return float(soundfile.info(path).duration)


def processor_seconds() -> float:
    """Processor time of all processes of this session, and of those that they waited for."""
    session, ticks = str(os.getsid(0)), 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            fields = stat.read_text().rpartition(")")[2].split()  # from the third field of proc(5) on
            ticks += sum(map(int, fields[11:15])) if fields[3] == session else 0
    return ticks / CLOCK_TICKS


def main() -> None:
    """Runs one turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=CONTESTANTS)
    parser.add_argument("cores", type=int, help="0: all")
    parser.add_argument("bundle")
    parser.add_argument("hop", type=float)
    parser.add_argument("turn_s", type=float)
    parser.add_argument("number", type=int, help="0: as many recordings as take about TURN_S seconds")
    parser.add_argument("recordings", nargs="+")
    options = parser.parse_args()
    # TensorFlow counts the cores when it is imported, so this comes first.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores or None])
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    work = CONTESTANTS[options.name](options.bundle, options.hop)
    paths, number, took = options.recordings, WARM_UP_RECORDINGS, 0.0
    work(paths[:number])
    while not options.number and took < options.turn_s / 2 and number < len(paths):
        took = work(paths[:number])["seconds"]
        growth = min(10.0, options.turn_s / took)
        number = WARM_UP_RECORDINGS * max(1, round(number / WARM_UP_RECORDINGS * growth))
        number = min(len(paths), number)
    paths = paths[: options.number or number]
    sound = sum(map(seconds_of, paths))
    worked = processor_seconds()
    costs = work(paths)
    costs.setdefault("processor", processor_seconds() - worked)
    costs = {part: spent / sound for part, spent in costs.items()}
    print(json.dumps({"number": len(paths), **costs}), file=answer, flush=True)
    os._exit(0)  # skips the clean-up, in which TensorFlow prints errors


if __name__ == "__main__":
    main()

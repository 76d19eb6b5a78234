"""What `scan.py` lets run against each other: each in a process of its own that is warm before it is timed.

    python benchmarks/contestants.py NAME CORES BUNDLE HOP TURN_S NUMBER RECORDING [RECORDING …]

It first works over a few recordings, to load and trace everything. Where NUMBER is 0 it then works over more, until it
knows how many of them take about TURN_S seconds. Then it does its work once over so many, and prints a line of JSON:
that number, and the seconds that it took for each second of sound, all and by parts.
"""

from __future__ import annotations

import functools
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
SEGMENT_S = 60.0
FEW = 6
Work = Callable[[list[str]], dict[str, float]]


def reference(bundle: str, hop: float) -> Work:
    """The procedure of public solutions, its own network."""
    from benchmarks.reference_procedure import run

    def work(paths: list[str]) -> dict[str, float]:
        return {"seconds": sum(v for k, v in run(paths).items() if k != "sound")}

    return work


def scan(bundle: str, hop: float) -> Work:
    """The program, from its options to its committed tables; the model stays loaded between two scans."""
    from soundbeam.pipelines.runners.options import beam_options
    from soundbeam.pipelines.scan import job as scanning
    from soundbeam.transforms.scoring import score_windows as score

    score.load_scorer = functools.cache(score.load_scorer)

    def work(paths: list[str]) -> dict[str, float]:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "list.txt").write_text("\n".join(paths))
            wanted = scanning.Scan([f"@{folder}/list.txt"], bundle, f"{folder}/out", hop=hop, segment=SEGMENT_S)
            begin = time.perf_counter()
            finished = scanning.scan(wanted, beam_options([]))
            spent = time.perf_counter() - begin
            assert finished.info is not None
            assert finished.info.counters["recordings_ok"] == len(paths), finished.info.counters
            return {"seconds": spent}

    return work


def bare_loop(bundle: str, hop: float) -> Work:
    """A hand-written loop over the same functions: decode, score, find calls; no Beam, no tables."""
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
    """Each part alone, by its library: decode (all channels), resample, STFT, network with its normalisation."""
    import numpy as np
    import soundfile
    import soxr
    import tensorflow as tf

    from soundbeam.model.architectures.assemble import FRONT_END, NETWORK
    from soundbeam.model.classifier.bundle import load_bundle
    from soundbeam.model.classifier.scorer import _Graph
    from soundbeam.model.windows import WindowSpec
    from soundbeam.transforms.decoders.base import BLOCK_FRAMES
    from soundbeam.transforms.decoding.decode_recordings import decode_recording
    from soundbeam.transforms.records import Recording, Segment

    loaded = load_bundle(bundle)
    scorer, spec = loaded.scorer(), WindowSpec(loaded.rate, loaded.window_s, hop)
    shares = spec.hop_s * spec.rate < spec.window_samples
    model = loaded.model()
    front, network = model.get_layer(FRONT_END), model.get_layer(NETWORK)
    samples = tf.TensorSpec((None,) if shares else (None, spec.window_samples), tf.float32)
    frames = tf.TensorSpec((None, *front.config.shape(spec.window_samples)[:2]), tf.float32)
    stft = _Graph(tf.function(front.spectrogram, [samples], autograph=False), False)
    score = _Graph(
        tf.function(lambda x: network(front.normalise(x), training=False), [frames], autograph=False),
        scorer._windows._folds,
    )

    def batches(segment: Segment) -> Iterator[np.ndarray]:
        for i in range(0, len(segment.offsets), scorer.batch):
            part = segment.offsets[i : i + scorer.batch]
            if shares:
                yield segment.samples[part[0] : part[-1] + spec.window_samples]
            else:
                yield np.stack([segment.samples[o : o + spec.window_samples] for o in part])

    def windows(spectrogram: np.ndarray, number: int) -> np.ndarray:
        if not shares:
            return spectrogram
        step, length = round(hop * spec.rate) // front.config.step, int(frames.shape[1])
        return np.stack([spectrogram[i * step : i * step + length] for i in range(number)])

    def work(paths: list[str]) -> dict[str, float]:
        spent = dict.fromkeys(("decode", "resample", "stft", "model"), 0.0)

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
                for batch in batches(item) if isinstance(item, Segment) else ():
                    spectrogram = timed("stft", lambda b=batch: stft(b))
                    number = (len(batch) - spec.window_samples) // round(hop * spec.rate) + 1 if shares else len(batch)
                    taken = windows(spectrogram, number)
                    timed("model", lambda t=taken: score(t))
        return {"seconds": sum(spent.values()), **spent}

    return work


def materialize(bundle: str, hop: float) -> Work:
    """Clips → training examples, by the program."""
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
    """The same clips decoded to one channel at the examples' rate, and nothing else."""
    return _decode_clips(os.devnull)


def decode_and_write_clips(bundle: str, hop: float) -> Work:
    """The same, and the samples written to a file as they are."""
    return _decode_clips("samples")


def _decode_clips(name: str) -> Work:
    """Writes into a file of a temporary folder, or whither an absolute name leads."""
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


CONTESTANTS = {
    f.__name__: f for f in (reference, scan, bare_loop, parts, materialize, decode_clips, decode_and_write_clips)
}


def seconds_of(path: str) -> float:
    """The length of a recording."""
    import soundfile

    return float(soundfile.info(path).duration)


def main() -> None:
    """One turn."""
    name, cores, bundle, hop, turn_s, wanted, *paths = sys.argv[1:]
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(cores) or None])  # before TensorFlow counts them
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    work = CONTESTANTS[name](bundle, float(hop))
    number, took = FEW, 0.0
    work(paths[:number])
    while not int(wanted) and took < float(turn_s) / 2 and number < len(paths):
        took = work(paths[:number])["seconds"]
        number = min(len(paths), max(FEW, FEW * round(number / FEW * min(10.0, float(turn_s) / took))))
    paths = paths[: int(wanted) or number]
    sound = sum(map(seconds_of, paths))
    found = {part: spent / sound for part, spent in work(paths).items()}
    print(json.dumps({"number": len(paths), **found}), file=answer, flush=True)
    os._exit(0)  # TensorFlow complains when it is taken down


if __name__ == "__main__":
    main()

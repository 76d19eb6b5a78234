"""The same BirdNET file as in the bundle, called by a bare loop and part by part, for `models.py`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

RATE, WINDOW = 48000, 144000
BATCH = 4
THRESHOLD = 0.25


def _read(path: str) -> tuple[Any, int]:
    """All samples of a recording, the mean of its channels, and its rate."""
    import soundfile

    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return samples.mean(axis=1), rate


def _at_rate(mono: Any, rate: int) -> Any:
    import soxr

    return mono if rate == RATE else soxr.resample(mono, rate, RATE, quality="HQ")


def _network(threads: int) -> Callable[[Any], Any]:
    """BirdNET's file in one interpreter: float32 ``[n, samples]`` → outputs float32 ``[n, labels]``."""
    from ai_edge_litert.interpreter import Interpreter

    from soundbeam.model.classifier.imported.birdnet import find_birdnet

    interpreter = Interpreter(model_path=find_birdnet().model, num_threads=threads)
    source, target = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    interpreter.allocate_tensors()

    def run(windows: Any) -> Any:
        if len(windows) != interpreter.get_input_details()[0]["shape"][0]:
            interpreter.resize_tensor_input(source, windows.shape)
            interpreter.allocate_tensors()
        interpreter.set_tensor(source, windows)
        interpreter.invoke()
        return interpreter.get_tensor(target)

    return run


def birdnet_loop(bundle: str, hop: float) -> Callable[[list[str]], dict[str, float]]:
    """One recording after another, one window after another, one interpreter with a thread for each core."""
    import numpy as np

    network = _network(len(os.sched_getaffinity(0)))

    def work(paths: list[str]) -> dict[str, float]:
        begin = time.perf_counter()
        found = []
        for path in paths:
            samples = _at_rate(*_read(path))
            for start in range(0, len(samples) - WINDOW + 1, round(hop * RATE)):
                scores = 1 / (1 + np.exp(-network(samples[None, start : start + WINDOW])[0]))
                found += [(path, start / RATE, i, scores[i]) for i in np.flatnonzero(scores >= THRESHOLD).tolist()]
        return {"seconds": time.perf_counter() - begin}

    return work


def birdnet_parts(bundle: str, hop: float) -> Callable[[list[str]], dict[str, float]]:
    """Decoding, resampling and the network, each timed alone: one thread, and the batches of a scan."""
    import numpy as np

    network = _network(1)

    def work(paths: list[str]) -> dict[str, float]:
        spent = dict.fromkeys(("decode", "resample", "model"), 0.0)
        processor = 0.0

        def timed(name: str, function: Callable[..., Any], *arguments: Any) -> Any:
            nonlocal processor
            begin, worked = time.perf_counter(), time.process_time()
            result = function(*arguments)
            spent[name] += time.perf_counter() - begin
            processor += time.process_time() - worked
            return result

        for path in paths:
            mono, rate = timed("decode", _read, path)
            samples = timed("resample", _at_rate, mono, rate)
            starts = range(0, len(samples) - WINDOW + 1, round(hop * RATE))
            windows = np.stack([samples[start : start + WINDOW] for start in starts])
            for i in range(0, len(windows), BATCH):
                timed("model", network, windows[i : i + BATCH])
        return {"seconds": sum(spent.values()), "processor": processor, **spent}

    return work

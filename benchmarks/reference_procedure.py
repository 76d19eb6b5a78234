"""The procedure of public solutions, as the yardstick of speed: one file after the other, each step by TensorFlow.

    python benchmarks/reference_procedure.py RECORDING [RECORDING …]

Decode and resample with tensorflow-io, average the channels, cut 3 s windows side by side (the tail is lost), STFT
320/32/512, score with the 6,021,857-parameter CNN in batches of 16. Prints the seconds of each step; the first file,
which traces the graphs, is not counted. The CNN's weights are random: they do not change its speed.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

RATE, WINDOW = 16000, 48000


def load(path: str):
    """The recording as float32 ``[samples]`` at 16 kHz, and the seconds that decoding and resampling took."""
    import tensorflow as tf
    import tensorflow_io as tfio

    start = time.perf_counter()
    audio = tfio.audio.AudioIOTensor(path)
    samples = audio.to_tensor()
    if samples.dtype != tf.float32:
        samples = tf.cast(samples, tf.float32) / float(samples.dtype.max)
    mono = tf.reduce_mean(samples, axis=1)
    decoded = time.perf_counter()
    mono = tfio.audio.resample(mono, rate_in=int(audio.rate), rate_out=RATE)
    return mono, decoded - start, time.perf_counter() - decoded


def score(model, samples):
    """Scores of the windows, and the seconds that they took."""
    import numpy as np
    import tensorflow as tf

    start = time.perf_counter()
    count = len(samples) // WINDOW
    scores = []
    for first in range(0, count, 16):
        windows = tf.reshape(samples[first * WINDOW : min(count, first + 16) * WINDOW], (-1, WINDOW))
        spectrograms = tf.abs(tf.signal.stft(windows, frame_length=320, frame_step=32))[..., None]
        scores.append(model(spectrograms, training=False).numpy())
    return np.concatenate(scores), time.perf_counter() - start


def cnn():
    """The reference network, over spectrograms of 1491 × 257."""
    import keras

    return keras.Sequential(
        [
            keras.Input((1491, 257, 1)),
            keras.layers.Conv2D(16, 3, activation="relu"),
            keras.layers.Conv2D(16, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )


def run(paths: list[str]) -> dict[str, float]:
    """Seconds of each step over all files but the first, and how much sound that was."""
    model = cnn()
    totals = {"decode": 0.0, "resample": 0.0, "stft and model": 0.0, "sound": 0.0}
    for number, path in enumerate([paths[0], *paths]):
        samples, decode_s, resample_s = load(path)
        _, score_s = score(model, samples)
        if number:
            totals["decode"] += decode_s
            totals["resample"] += resample_s
            totals["stft and model"] += score_s
            totals["sound"] += len(samples) / RATE
    return totals


def main() -> None:
    """Prints the seconds of each step and the speed against real time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recordings", nargs="+")
    totals = run(parser.parse_args().recordings)
    sound = totals.pop("sound")
    for step, seconds in totals.items():
        print(f"{step:<16} {seconds:8.2f} s  {sound / seconds:6.0f} × real time")
    print(f"{'all':<16} {sum(totals.values()):8.2f} s  {sound / sum(totals.values()):6.0f} × real time")


if __name__ == "__main__":
    main()

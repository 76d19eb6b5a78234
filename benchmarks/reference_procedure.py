"""The procedure of public solutions, as the yardstick for speed: one file after another, each step by TensorFlow.

    python benchmarks/reference_procedure.py RECORDING [RECORDING …]

It decodes and resamples with tensorflow-io, averages the channels, cuts adjacent windows of 3 s (the tail is lost),
computes an STFT of 320/32/512, and scores with the 6,021,857-parameter CNN in batches of 16. It prints the seconds of
each step. The first file is run once more beforehand, uncounted, since that run traces the graphs. The CNN's weights
are random, which does not change its speed.
"""

from __future__ import annotations

import argparse
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
RATE, WINDOW = 16000, 48000


def load(path: str):
    """Returns the recording as float32 ``[samples]`` at 16 kHz, and the seconds that decoding and resampling took."""
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
    """Returns the scores of the windows, and the seconds that scoring took."""
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


def build_cnn():
    """Builds the reference network, over spectrograms of 1491 × 257."""
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
    """Returns the seconds of each step, and of sound. The first file also runs once beforehand, uncounted."""
    model = build_cnn()
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

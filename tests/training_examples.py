"""Tiny labelled sounds, an architecture that trains on them in seconds, and folders of examples for both."""

import json

import keras
import numpy as np
import tensorflow as tf

from soundbeam.model.architectures.architecture import Architecture, Recipe
from soundbeam.model.frontend import FrontEndConfig
from soundbeam.model.frontend.kinds import LogMel
from soundbeam.model.training.examples import FORMAT, Example, serialize

RATE = 8000
TONES = {"low": 500.0, "high": 2000.0}  # all other labels are noise


def sound(label, seconds=0.4, seed=0):
    """float32 [samples]: faint noise, and the label's tone."""
    rng = np.random.default_rng(seed)
    samples = round(seconds * RATE)
    noise = (0.02 if label in TONES else 0.3) * rng.standard_normal(samples)
    tone = 0.3 * np.sin(2 * np.pi * TONES.get(label, 0.0) * np.arange(samples) / RATE)
    return (noise + tone).astype(np.float32)


def body(shape, labels, activation):
    """A score from the strongest frame of each band: enough to tell tones."""
    spectrogram = keras.Input(shape)
    x = keras.layers.Reshape(shape[:2])(spectrogram)
    x = keras.layers.Dense(8, activation="relu")(x)
    x = keras.layers.GlobalMaxPooling1D()(x)
    return keras.Model(spectrogram, keras.layers.Dense(labels, activation=activation)(x))


TINY = Architecture(
    name="tiny",
    source="none",
    window_s=0.5,
    hop_s=0.1,
    front_end=FrontEndConfig(
        (LogMel(bands=16, low_hz=100, high_hz=3800),), rate=RATE, frame=256, step=80, fft=256, normalise="window"
    ),
    body=body,
    recipe=Recipe(epochs=2, steps=30, batch=8, learning_rate=0.02, average=0.9),
)


def write_examples(folder, labels=("low", "rest"), train=6, validation=3, rate=RATE, seconds=0.25, only_train=()):
    """A folder as ``soundbeam materialize`` writes it; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    counts, shards = {}, []
    for split, clips in (("train", train), ("validation", validation)):
        name = f"{split}-00000-of-00001.tfrecord"
        shards.append({"name": name, "split": split, "examples": 0, "bytes": 0})
        with tf.io.TFRecordWriter(str(folder / name)) as writer:
            for label in labels:
                here = 0 if split == "validation" and label in only_train else clips
                counts.setdefault(label, {})[split] = {"clips": here, "sources": here, "examples": here}
                for i in range(here):
                    seed = 1000 * len(split) + i
                    clip = sound(label, seconds + 0.02 * i, seed)
                    writer.write(serialize(Example(clip, label, f"{label}-{split}-{i}", f"{label}{i}", 0.0, split)))
    manifest = {
        "format": FORMAT,
        "rate": rate,
        "labels": counts,
        "shards": shards,
        "examples": 0,
        "validation_share": 0.3,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return str(folder)

"""Overlapping bands of the spectrogram, each with a network and a classifier of its own, and one over all of them."""

from __future__ import annotations

import dataclasses
import math

import keras

from soundbeam.model.architectures.architecture import Architecture
from soundbeam.model.architectures.zoo.parts import CLIP_S, HOP_S, LOG_MEL, MOMENTUM, RECIPE, scores
from soundbeam.model.frontend.kinds import LogMel

BAND, STEP = 20, 10


def body(shape: tuple[int, int, int], labels: int, activation: str) -> keras.Model:
    """Convolutions 7 × 7 of 32 and 64 and dense 32 for each band; the global classifier's dense layers halve to 64.

    All outputs but the first, the bands' own classifiers, exist in training only.
    """
    spectrogram = keras.Input(shape)
    frames, bins, _ = shape
    size = min(BAND, bins)
    band_scores, band_features = [], []
    for low in range(0, bins - size + 1, STEP):
        x = keras.layers.Cropping2D(((0, 0), (low, bins - size - low)))(spectrogram)
        x = _block(x, 32, (5, max(1, size // 10)))
        x = _block(x, 64, (max(1, -(-frames // 5)), 4))
        x = keras.layers.Dense(32, activation="relu")(keras.layers.Flatten()(x))
        band_features.append(x)
        band_scores.append(scores(keras.layers.Dropout(0.3)(x), labels, activation))
    x = keras.layers.Concatenate()(band_features) if len(band_features) > 1 else band_features[0]
    units = 2 ** int(math.log2(x.shape[-1]))
    while units >= 64:
        x = keras.layers.Dropout(0.3)(keras.layers.Dense(units, activation="relu")(x))
        units //= 2
    return keras.Model(spectrogram, [scores(x, labels, activation), *band_scores])


def _block(x, channels: int, pooled: tuple[int, int]):
    x = keras.layers.Conv2D(channels, 7, padding="same")(x)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=MOMENTUM)(x))
    return keras.layers.Dropout(0.3)(keras.layers.MaxPooling2D(pooled, padding="same")(x))


ARCHITECTURE = Architecture(
    name="subspectralnet",
    source="Phaye, Benetos and Wang, SubSpectralNet, ICASSP 2019 (arXiv:1810.12642), with 40 bands",
    window_s=CLIP_S,
    hop_s=HOP_S,
    front_end=dataclasses.replace(LOG_MEL, features=(LogMel(bands=40, floor=1e-6),)),
    body=body,
    recipe=RECIPE,
)

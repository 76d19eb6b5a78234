"""What the architectures of the zoo share: blocks, ways to pool, the front end and the recipe that most begin with."""

from __future__ import annotations

import keras

from soundbeam.model.architectures.architecture import Recipe
from soundbeam.model.frontend import FrontEndConfig
from soundbeam.model.frontend.kinds import LogMel

# 124 frames × 64 bands of 5 s. Normalised over the window, not each band: the colour of rain is not its background.
LOG_MEL = FrontEndConfig((LogMel(floor=1e-6),), frame=1024, step=640, fft=1024, normalise="window")
CLIP_S, HOP_S = 5.0, 1.0
RECIPE = Recipe(epochs=60, steps=0, batch=16, learning_rate=1e-3, average=0.98, mixup=0.7)
# Batch normalisation forgets within a few dozen steps: trainings on small sets are short.
MOMENTUM = 0.9


def conv(x, channels: int, kernel: int | tuple[int, int], strides: int | tuple[int, int] = 1):
    """A convolution, batch normalisation and ReLU."""
    x = keras.layers.Conv2D(channels, kernel, strides=strides, padding="same", use_bias=False)(x)
    return keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=MOMENTUM)(x))


def pool(x, size: int | tuple[int, int] = 2):
    """The maximum of each ``size``; what is left over at the edges counts too, so the smallest picture passes."""
    return keras.layers.MaxPooling2D(size, padding="same")(x)


def standardised(x):
    """Each feature at zero mean and unit deviation over the training set, which batch normalisation learns."""
    return keras.layers.BatchNormalization(momentum=MOMENTUM, center=False, scale=False)(x)


def sequence(x):
    """(batch, frames, bins, channels) → (batch, frames, bins · channels)."""
    return keras.layers.Reshape((x.shape[1], x.shape[2] * x.shape[3]))(x)


def dense(x, units: tuple[int, ...], dropout: float = 0.0):
    """Dense layers with ReLU, each followed by dropout."""
    for n in units:
        x = keras.layers.Dense(n, activation="relu")(x)
        if dropout:
            x = keras.layers.Dropout(dropout)(x)
    return x


def scores(x, labels: int, activation: str):
    """The last layer: (batch, values) → (batch, labels)."""
    return keras.layers.Dense(labels, activation=activation)(x)


def at_least(x, size: int):
    """Zeros around a picture whose sides are shorter than ``size``."""
    missing = [max(0, size - side) for side in (x.shape[1], x.shape[2])]
    if not any(missing):
        return x
    return keras.layers.ZeroPadding2D([(n // 2, n - n // 2) for n in missing])(x)


def set_momentum(network: keras.Model) -> keras.Model:
    """Gives all batch normalisations of a ready-made network our momentum; returns it."""
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = MOMENTUM
    return network

"""Deep CNNs whose first convolutions look along time or along frequency only."""

from __future__ import annotations

import dataclasses

import keras

from soundbeam.model.architectures.architecture import Architecture
from soundbeam.model.architectures.zoo.parts import CLIP_S, HOP_S, LOG_MEL, RECIPE, conv, dense, pool, scores
from soundbeam.model.frontend.kinds import ChromaStft, ConstantQ, Gfcc, Mfcc


def separable_dcnn(shape: tuple[int, int, int], labels: int, activation: str) -> keras.Model:
    """1 × 3 and 3 × 1 convolutions 32-32-64-64, 3 × 3 of 128 and 256, dense 512, dropout of one half."""
    spectrogram = keras.Input(shape)
    x = spectrogram
    for channels in (32, 64):
        x = pool(conv(conv(x, channels, (1, 3)), channels, (3, 1)))
    for channels in (128, 256):
        x = pool(conv(x, channels, 3))
    return keras.Model(spectrogram, scores(_head(x), labels, activation))


def multichannel_dcnn(shape: tuple[int, int, int], labels: int, activation: str) -> keras.Model:
    """1 × 3 and 5 × 1 convolutions 32-32-64-64, 5 × 3 of 128 and 256, dense 512, dropout of one half."""
    spectrogram = keras.Input(shape)
    x = spectrogram
    for channels in (32, 64):
        x = pool(conv(conv(x, channels, (1, 3)), channels, (5, 1)))
    for channels in (128, 256):
        x = pool(conv(x, channels, (5, 3)))
    return keras.Model(spectrogram, scores(_head(x), labels, activation))


def _head(x):
    return dense(keras.layers.Flatten()(x), (512,), dropout=0.5)


_SOURCE = (
    "Sharma, Granmo and Goodwin, Environment Sound Classification using Multiple Feature Channels and Attention based "
    "Deep Convolutional Neural Network, Interspeech 2020 (arXiv:1908.11219)"
)

ARCHITECTURES = (
    Architecture(
        name="separable_dcnn",
        source=_SOURCE,
        window_s=CLIP_S,
        hop_s=HOP_S,
        front_end=LOG_MEL,
        body=separable_dcnn,
        recipe=RECIPE,
    ),
    Architecture(
        name="multichannel_dcnn",
        source=_SOURCE,
        window_s=CLIP_S,
        hop_s=HOP_S,
        front_end=dataclasses.replace(
            LOG_MEL,
            features=(
                Mfcc(coefficients=40, floor=1e-6),
                Gfcc(coefficients=40, floor=1e-6),
                ConstantQ(floor=1e-6),
                ChromaStft(),
            ),
        ),
        body=multichannel_dcnn,
        recipe=RECIPE,
    ),
)

"""Residual convolutions, then an LSTM over what they make of each frame."""

from __future__ import annotations

import keras

from soundbeam.model.architectures.architecture import Architecture
from soundbeam.model.architectures.zoo.parts import CLIP_S, HOP_S, LOG_MEL, MOMENTUM, RECIPE, conv, scores, sequence


def _residual(x, channels: int, strides: int):
    y = conv(x, channels, 3, strides)
    y = keras.layers.Conv2D(channels, 3, padding="same", use_bias=False)(y)
    y = keras.layers.BatchNormalization(momentum=MOMENTUM)(y)
    if strides > 1 or x.shape[-1] != channels:
        x = keras.layers.Conv2D(channels, 1, strides=strides, use_bias=False)(x)
        x = keras.layers.BatchNormalization(momentum=MOMENTUM)(x)
    return keras.layers.ReLU()(keras.layers.Add()([x, y]))


def body(shape: tuple[int, int, int], labels: int, activation: str) -> keras.Model:
    """A 7 × 7 stem, two residual blocks each of 32, 64 and 128, and LSTM 128."""
    spectrogram = keras.Input(shape)
    x = conv(spectrogram, 32, 7, 2)
    for channels, strides in ((32, 1), (64, 2), (128, 2)):
        x = _residual(_residual(x, channels, strides), channels, 1)
    x = keras.layers.LSTM(128)(keras.layers.Dropout(0.3)(sequence(x)))
    return keras.Model(spectrogram, scores(x, labels, activation))


ARCHITECTURE = Architecture(
    name="resnet_lstm",
    source="He et al., Deep Residual Learning for Image Recognition, CVPR 2016 (arXiv:1512.03385), and an LSTM",
    window_s=CLIP_S,
    hop_s=HOP_S,
    front_end=LOG_MEL,
    body=body,
    recipe=RECIPE,
)

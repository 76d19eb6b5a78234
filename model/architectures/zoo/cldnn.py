"""Convolutions, LSTM and dense layers, one after the other."""

from __future__ import annotations

import keras

from soundbeam.model.architectures.architecture import Architecture
from soundbeam.model.architectures.zoo.parts import CLIP_S, HOP_S, LOG_MEL, RECIPE, conv, dense, pool, scores, sequence


def body(shape: tuple[int, int, int], labels: int, activation: str) -> keras.Model:
    """Separable 1 × 3 and 3 × 1 convolutions 32-32-64, each with a pooling, 1 × 1, two LSTM 128 both ways, dense 64."""
    spectrogram = keras.Input(shape)
    x = spectrogram
    for channels in (32, 32, 64):
        x = pool(conv(conv(x, channels, (1, 3)), channels, (3, 1)))
    x = sequence(conv(x, 64, 1))
    x = keras.layers.Bidirectional(keras.layers.LSTM(128, return_sequences=True))(x)
    x = keras.layers.Bidirectional(keras.layers.LSTM(128))(x)
    return keras.Model(spectrogram, scores(dense(x, (64,)), labels, activation))


ARCHITECTURE = Architecture(
    name="cldnn",
    source="Sainath et al., Convolutional, Long Short-Term Memory, Fully Connected Deep Neural Networks, ICASSP 2015",
    window_s=CLIP_S,
    hop_s=HOP_S,
    front_end=LOG_MEL,
    body=body,
    recipe=RECIPE,
)

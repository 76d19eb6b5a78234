"""Convolutions, a recurrent layer both ways, and a mean over frames that the network weighs itself."""

from __future__ import annotations

import keras

from soundbeam.model.architectures.architecture import Architecture
from soundbeam.model.architectures.zoo.parts import CLIP_S, HOP_S, LOG_MEL, RECIPE, conv, pool, scores, sequence


def crnn_attention(shape: tuple[int, int, int], labels: int, activation: str) -> keras.Model:
    """Convolutions 24-32-64-128, GRU 64 both ways; a small network says what each frame counts."""
    spectrogram = keras.Input(shape)
    x = _frames(spectrogram)
    return keras.Model(spectrogram, scores(keras.layers.Dropout(0.3)(_weighed(x)), labels, activation))


def crnn_self_attention(shape: tuple[int, int, int], labels: int, activation: str) -> keras.Model:
    """The same, with frames that look at one another (four heads) before they are weighed."""
    spectrogram = keras.Input(shape)
    x = _frames(spectrogram)
    y = keras.layers.MultiHeadAttention(num_heads=4, key_dim=32, dropout=0.1)(x, x)
    x = keras.layers.LayerNormalization()(keras.layers.Add()([x, y]))
    return keras.Model(spectrogram, scores(keras.layers.Dropout(0.3)(_weighed(x)), labels, activation))


def _frames(spectrogram):
    """(batch, frames, bins, channels) → (batch, frames / 8, 128)."""
    x = conv(spectrogram, 24, 3, 2)
    for channels, size in ((32, (2, 2)), (64, (2, 2)), (128, (1, 2))):
        x = pool(conv(x, channels, 3), size)
    x = keras.layers.Dropout(0.3)(sequence(x))
    return keras.layers.Bidirectional(keras.layers.GRU(64, return_sequences=True))(x)


def _weighed(x):
    """(batch, frames, values) → (batch, values): softmax over frames of a score of each."""
    hidden = keras.layers.Dense(64, activation="tanh")(x)
    weights = keras.layers.Softmax(axis=1)(keras.layers.Dense(1, use_bias=False)(hidden))
    return keras.layers.Flatten()(keras.layers.Dot(axes=1)([weights, x]))


ARCHITECTURES = (
    Architecture(
        name="crnn_attention",
        source="Zhang, Xu, Cao and Zhang, Attention based Convolutional Recurrent Neural Network for Environmental "
        "Sound Classification, PRCV 2019 (arXiv:1907.02230)",
        window_s=CLIP_S,
        hop_s=HOP_S,
        front_end=LOG_MEL,
        body=crnn_attention,
        recipe=RECIPE,
    ),
    Architecture(
        name="crnn_self_attention",
        source="Safari, India and Hernando, Self-attention encoding and pooling for speaker recognition, Interspeech "
        "2020 (arXiv:2008.01077), over the same convolutions",
        window_s=CLIP_S,
        hop_s=HOP_S,
        front_end=LOG_MEL,
        body=crnn_self_attention,
        recipe=RECIPE,
    ),
)

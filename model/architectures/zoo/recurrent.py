"""Recurrent networks over the frames of a spectrogram."""

from __future__ import annotations

import dataclasses

import keras

from soundbeam.model.architectures.architecture import Architecture
from soundbeam.model.architectures.zoo.parts import CLIP_S, HOP_S, LOG_MEL, RECIPE, dense, scores, sequence
from soundbeam.model.frontend.kinds import LogMel, Mfcc


def lstm(shape: tuple[int, int, int], labels: int, activation: str) -> keras.Model:
    """LSTM 256, dense 64."""
    return _stacked(shape, labels, activation, (256,))


def lstm_stacked(shape: tuple[int, int, int], labels: int, activation: str) -> keras.Model:
    """LSTM 128, 128 and 64, dense 64."""
    return _stacked(shape, labels, activation, (128, 128, 64))


def _stacked(shape: tuple[int, int, int], labels: int, activation: str, units: tuple[int, ...]) -> keras.Model:
    spectrogram = keras.Input(shape)
    x = sequence(spectrogram)
    for i, n in enumerate(units):
        x = keras.layers.LSTM(n, return_sequences=i + 1 < len(units))(x)
    return keras.Model(spectrogram, scores(dense(x, (64,)), labels, activation))


def recurrent_time_distributed(shape: tuple[int, int, int], labels: int, activation: str) -> keras.Model:
    """LSTM 128 and 128, then dense 64-32-16-8 of every frame."""
    spectrogram = keras.Input(shape)
    x = sequence(spectrogram)
    for _ in range(2):
        x = keras.layers.LSTM(128, return_sequences=True)(x)
    x = keras.layers.Dropout(0.5)(x)
    for n in (64, 32, 16, 8):
        x = keras.layers.TimeDistributed(keras.layers.Dense(n, activation="relu"))(x)
    return keras.Model(spectrogram, scores(keras.layers.Flatten()(x), labels, activation))


# Frames of 128 values.
_FINE = dataclasses.replace(LOG_MEL, features=(LogMel(bands=128, floor=1e-6),), frame=2048, fft=2048)

ARCHITECTURES = (
    Architecture(
        name="lstm",
        source="Hochreiter and Schmidhuber, Long Short-Term Memory, Neural Computation 9(8), 1997; sizes of tutorials",
        window_s=CLIP_S,
        hop_s=HOP_S,
        front_end=_FINE,
        body=lstm,
        recipe=RECIPE,
    ),
    Architecture(
        name="lstm_stacked",
        source="Hochreiter and Schmidhuber, Long Short-Term Memory, Neural Computation 9(8), 1997; sizes of tutorials",
        window_s=CLIP_S,
        hop_s=HOP_S,
        front_end=_FINE,
        body=lstm_stacked,
        recipe=RECIPE,
    ),
    Architecture(
        name="recurrent_time_distributed",
        source="S. Adams, Deep Learning for Audio Classification (tutorial, 2018)",
        window_s=CLIP_S,
        hop_s=HOP_S,
        front_end=dataclasses.replace(LOG_MEL, features=(Mfcc(coefficients=13, floor=1e-6),), normalise="band"),
        body=recurrent_time_distributed,
        recipe=RECIPE,
    ),
)

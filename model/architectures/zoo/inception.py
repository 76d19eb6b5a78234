"""Transfer learning: a network made for photographs, frozen, over pictures of spectrograms; only the head is trained.

Its vectors of each clip are computed once, by a Beam pipeline (``pipelines/train/frozen_base.py``), and the head
is trained on those. ``model/architectures/transfer.py`` loads the weights.
"""

from __future__ import annotations

import dataclasses

import keras
from keras.applications import InceptionV3

from soundbeam.model.architectures.architecture import BASE, HEAD, Architecture
from soundbeam.model.architectures.zoo.parts import CLIP_S, HOP_S, LOG_MEL, MOMENTUM, RECIPE, scores
from soundbeam.model.frontend.kinds import LogMel

SIDE = 299


def body(shape: tuple[int, int, int], labels: int, activation: str) -> keras.Model:
    """Inception v3 without its top: 21,802,784 parameters, as Keras states, and a dense layer over its 2048 values."""
    spectrogram = keras.Input(shape)
    vector = base(shape)(spectrogram)
    return keras.Model(spectrogram, head(vector.shape[-1], labels, activation)(vector))


def base(shape: tuple[int, int, int]) -> keras.Model:
    """(frames, bins, channels) → 2048 values. Pictures of 299 × 299 × 3 and values from −1 to 1 are what it expects."""
    spectrogram = keras.Input(shape)
    x = spectrogram
    if shape[2] != 3:
        x = keras.ops.repeat(keras.ops.mean(x, axis=-1, keepdims=True), 3, axis=-1)
    x = keras.ops.clip(keras.layers.Rescaling(1 / 3)(x), -1.0, 1.0)
    picture = keras.layers.Resizing(SIDE, SIDE)(x)
    inception = InceptionV3(include_top=False, weights=None, pooling="avg", input_shape=(SIDE, SIDE, 3))
    return keras.Model(spectrogram, inception(picture), name=BASE, trainable=False)


def head(values: int, labels: int, activation: str) -> keras.Model:
    """A dense layer over standardised values."""
    vector = keras.Input((values,))
    # The values of an untrained base are tiny: nothing may be added to their variance.
    x = keras.layers.BatchNormalization(momentum=MOMENTUM, center=False, scale=False, epsilon=1e-12)(vector)
    return keras.Model(vector, scores(keras.layers.Dropout(0.3)(x), labels, activation), name=HEAD)


ARCHITECTURE = Architecture(
    name="inception_v3",
    source="Szegedy et al., Rethinking the Inception Architecture for Computer Vision, CVPR 2016 (arXiv:1512.00567)",
    window_s=CLIP_S,
    hop_s=HOP_S,
    front_end=dataclasses.replace(LOG_MEL, features=(LogMel(bands=128, floor=1e-6),), frame=2048, fft=2048, step=320),
    body=body,
    recipe=RECIPE,
    score_batch=16,
    transfer=True,
)

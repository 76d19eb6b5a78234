"""Dense networks over numbers of the whole window: the feature table's row, the mean spectrum, or its texture."""

from __future__ import annotations

import keras

from soundbeam.model.architectures.architecture import Architecture
from soundbeam.model.architectures.zoo.parts import (
    CLIP_S,
    HOP_S,
    LOG_MEL,
    MOMENTUM,
    RECIPE,
    dense,
    scores,
    standardised,
)
from soundbeam.model.frontend import FrontEndConfig
from soundbeam.model.frontend.kinds import FeatureSummary, Texture

# A hundred frames a second: what rattles 50 times a second is still seen to.
TEXTURE = FrontEndConfig(
    (Texture(low_hz=40.0, coefficients=24, floor=1e-9),), frame=512, step=160, fft=512, normalise="none"
)


def feature_mlp(shape: tuple[int, int, int], labels: int, activation: str) -> keras.Model:
    """256-128-64 over all values: 48,714 parameters for the 26 features and 10 genres of the tutorial."""
    features = keras.Input(shape)
    x = standardised(keras.layers.Flatten()(features))
    return keras.Model(features, scores(dense(x, (256, 128, 64)), labels, activation))


def deep_feature_mlp(shape: tuple[int, int, int], labels: int, activation: str) -> keras.Model:
    """256-256-128-128-64-32 with dropout of one half, over the mean of all frames."""
    spectrogram = keras.Input(shape)
    x = keras.layers.AveragePooling2D((shape[0], 1))(spectrogram)
    x = standardised(keras.layers.Flatten()(x))
    x = dense(x, (256, 256, 128, 128, 64, 32), dropout=0.5)
    return keras.Model(spectrogram, scores(x, labels, activation))


def texture_mlp(shape: tuple[int, int, int], labels: int, activation: str) -> keras.Model:
    """One hidden layer of 256 with dropout: a few clips do not bear more."""
    features = keras.Input(shape)
    x = keras.layers.Dropout(0.2)(standardised(keras.layers.Flatten()(features)))
    x = keras.layers.BatchNormalization(momentum=MOMENTUM)(keras.layers.Dense(256, use_bias=False)(x))
    x = keras.layers.Dropout(0.5)(keras.layers.ReLU()(x))
    return keras.Model(features, scores(x, labels, activation))


ARCHITECTURES = (
    Architecture(
        name="feature_mlp",
        source="P. Pandey, Music Genre Classification with Python (tutorial, 2018)",
        window_s=CLIP_S,
        hop_s=HOP_S,
        front_end=FrontEndConfig((FeatureSummary(),), normalise="none"),
        body=feature_mlp,
        recipe=RECIPE,
    ),
    Architecture(
        name="deep_feature_mlp",
        source="The dense networks over mean spectra of UrbanSound8K tutorials",
        window_s=CLIP_S,
        hop_s=HOP_S,
        front_end=LOG_MEL,
        body=deep_feature_mlp,
        recipe=RECIPE,
    ),
    Architecture(
        name="texture_mlp",
        source="Ellis, Zeng and McDermott, Classifying soundtracks with audio texture features, ICASSP 2011, whose "
        "statistics a support vector machine took",
        window_s=CLIP_S,
        hop_s=HOP_S,
        front_end=TEXTURE,
        body=texture_mlp,
        recipe=RECIPE,
    ),
)

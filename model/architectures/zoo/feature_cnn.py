"""A CNN over a small table: the means of five features of the whole window."""

from __future__ import annotations

import keras

from soundbeam.model.architectures.architecture import Architecture
from soundbeam.model.architectures.zoo.parts import CLIP_S, HOP_S, RECIPE, dense, pool, scores, standardised
from soundbeam.model.frontend import FrontEndConfig
from soundbeam.model.frontend.kinds import MeansTable


def body(shape: tuple[int, int, int], labels: int, activation: str) -> keras.Model:
    """Convolutions 64 and 128 of 5 × 5, each with a pooling, dense 256 and 512."""
    table = keras.Input(shape)
    x = keras.layers.Reshape(shape)(standardised(keras.layers.Flatten()(table)))
    for channels in (64, 128):
        x = pool(keras.layers.Conv2D(channels, 5, padding="same", activation="relu")(x))
    x = dense(keras.layers.Flatten()(x), (256, 512))
    return keras.Model(table, scores(x, labels, activation))


ARCHITECTURE = Architecture(
    name="feature_cnn",
    source="The 40 × 5 networks of UrbanSound8K tutorials (MFCC, mel and three chroma means, by librosa)",
    window_s=CLIP_S,
    hop_s=HOP_S,
    front_end=FrontEndConfig((MeansTable(),), normalise="none"),
    body=body,
    recipe=RECIPE,
)

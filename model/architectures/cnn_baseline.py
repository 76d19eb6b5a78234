"""The network of public capuchinbird solutions: two convolutions over a fine STFT, and one huge dense layer."""

from __future__ import annotations

import keras

from soundbeam.model.architectures.architecture import Architecture, Recipe
from soundbeam.model.frontend import FrontEndConfig
from soundbeam.model.frontend.kinds import Stft


def body(shape: tuple[int, int, int], labels: int, activation: str) -> keras.Model:
    """6,021,857 parameters for spectrograms of 1491 × 257 and one label."""
    return keras.Sequential(
        [
            keras.Input(shape),
            keras.layers.Conv2D(16, 3, activation="relu"),
            keras.layers.Conv2D(16, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(labels, activation=activation),
        ]
    )


ARCHITECTURE = Architecture(
    name="cnn_baseline",
    source="The network of N. Renotte's audio classifier (2022), the reference of the capuchinbird challenge",
    window_s=3.0,
    hop_s=3.0,
    front_end=FrontEndConfig((Stft(),), frame=320, step=32, fft=512, normalise="none"),
    body=body,
    recipe=Recipe(epochs=4, steps=0, batch=16, learning_rate=1e-3, schedule="constant", mix=False),
    score_batch=4,
)

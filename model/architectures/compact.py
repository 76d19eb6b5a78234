"""The default: a depthwise-separable CNN over log-mel bands, a score for each frame, pooled over time."""

from __future__ import annotations

import keras

from soundbeam.model.architectures.architecture import Architecture, Recipe
from soundbeam.model.frontend import FrontEndConfig


def _separable(x, channels: int, strides: tuple[int, int]):
    x = keras.layers.DepthwiseConv2D(3, strides=strides, padding="same", use_bias=False)(x)
    x = keras.layers.BatchNormalization(momentum=0.9)(x)
    x = keras.layers.Conv2D(channels, 1, use_bias=False)(x)
    x = keras.layers.BatchNormalization(momentum=0.9)(x)
    return keras.layers.ReLU()(x)


@keras.saving.register_keras_serializable(package="soundbeam")
class LogMeanExp(keras.layers.Layer):
    """(batch, frames, labels) → (batch, labels): a maximum over time that every frame has a part in."""

    def call(self, x):
        """log(mean(exp(x))) over frames."""
        frames = keras.ops.cast(keras.ops.shape(x)[1], x.dtype)
        return keras.ops.logsumexp(x, axis=1) - keras.ops.log(frames)


def body(shape: tuple[int, int, int], labels: int, activation: str) -> keras.Model:
    """Under 100,000 parameters for any spectrogram."""
    spectrogram = keras.Input(shape)
    x = keras.layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False)(spectrogram)
    x = keras.layers.BatchNormalization(momentum=0.9)(x)
    x = keras.layers.ReLU()(x)
    for channels, strides in ((32, (1, 2)), (48, (2, 2)), (64, (1, 2)), (96, (2, 1)), (96, (1, 1))):
        x = _separable(x, channels, strides)
    # Each band keeps its own weights: at which pitch a sound is heard tells species apart.
    x = keras.layers.Reshape((x.shape[1], x.shape[2] * x.shape[3]))(x)
    x = keras.layers.Dropout(0.2)(x)
    x = keras.layers.Conv1D(64, 1, use_bias=False)(x)
    x = keras.layers.BatchNormalization(momentum=0.9)(x)
    x = keras.layers.ReLU()(x)
    # The whole call at once: these two see 3.4 s.
    for dilation in (1, 3):
        y = keras.layers.Conv1D(64, 5, padding="same", dilation_rate=dilation, use_bias=False)(x)
        y = keras.layers.BatchNormalization(momentum=0.9)(y)
        x = keras.layers.ReLU()(keras.layers.Add()([x, y]))
    x = keras.layers.Conv1D(labels, 1)(x)
    x = LogMeanExp()(x)
    return keras.Model(spectrogram, keras.layers.Activation(activation)(x))


ARCHITECTURE = Architecture(
    name="compact",
    source="Depthwise-separable convolutions: Howard et al., MobileNets, arXiv:1704.04861 (2017)",
    window_s=4.0,
    hop_s=0.5,
    front_end=FrontEndConfig(),
    body=body,
    recipe=Recipe(epochs=15, average=0.99, mixup=0.7),
    members=2,
)

"""A convolutional autoencoder whose bottleneck a classifier reads; both are trained at once."""

from __future__ import annotations

import keras

from soundbeam.model.architectures.architecture import Architecture
from soundbeam.model.architectures.zoo.parts import CLIP_S, HOP_S, LOG_MEL, RECIPE, conv, dense, pool, scores

SIDE = 128  # of the picture that is encoded: four poolings leave 8 × 8


@keras.saving.register_keras_serializable(package="soundbeam")
class SquaredError(keras.layers.Layer):
    """Two equal shapes (batch, …) → (batch,): the mean squared difference of each."""

    def call(self, truth, reconstruction):
        """Mean over all axes but the first."""
        return keras.ops.mean(keras.ops.square(truth - reconstruction), axis=tuple(range(1, len(truth.shape))))


def body(shape: tuple[int, int, int], labels: int, activation: str) -> keras.Model:
    """Encoder 16-32-64-128 to 8 × 8 × 128, a bottleneck of 64, the decoder its mirror image, dense 64-32 to classify.

    The second output, the error of the reconstruction, exists in training only.
    """
    spectrogram = keras.Input(shape)
    picture = x = keras.layers.Resizing(SIDE, SIDE)(spectrogram)
    for channels in (16, 32, 64, 128):
        x = pool(conv(x, channels, 3))
    encoded = x.shape[1:]
    bottleneck = keras.layers.Dense(64, activation="relu")(keras.layers.Flatten()(x))
    y = keras.layers.Dense(encoded[0] * encoded[1] * encoded[2], activation="relu")(bottleneck)
    y = keras.layers.Reshape(encoded)(y)
    for channels in (64, 32, 16, 16):
        y = conv(keras.layers.UpSampling2D(2)(y), channels, 3)
    y = keras.layers.Conv2D(shape[2], 3, padding="same")(y)
    return keras.Model(
        spectrogram, [scores(dense(bottleneck, (64, 32)), labels, activation), SquaredError()(picture, y)]
    )


ARCHITECTURE = Architecture(
    name="autoencoder_classifier",
    source="Joint reconstruction and classification: Le, Patterson and White, Supervised autoencoders, NeurIPS 2018",
    window_s=CLIP_S,
    hop_s=HOP_S,
    front_end=LOG_MEL,
    body=body,
    recipe=RECIPE,
)

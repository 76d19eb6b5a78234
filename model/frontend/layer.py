"""The front end as a Keras layer: its NumPy computation, called from within TensorFlow's graphs."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from soundbeam.model.frontend.config import FrontEndConfig
from soundbeam.model.frontend.spectrograms import Spectrograms


@keras.saving.register_keras_serializable(package="soundbeam")
class FrontEnd(keras.layers.Layer):
    """(batch, samples) → (batch, frames, bins, channels), without weights.

    Args:
        config: What to compute.
        **kwargs: Keras' own (``name``).

    Raises:
        SoundbeamError: A package that it is computed by is not installed.
    """

    def __init__(self, config: FrontEndConfig, **kwargs: Any):
        super().__init__(trainable=False, **kwargs)
        self.config, self.supports_jit = config, False  # XLA cannot call NumPy
        self._spectrograms = Spectrograms(config)

    def call(self, waveform: tf.Tensor) -> tf.Tensor:
        """``Spectrograms.of_windows``."""
        values = tf.numpy_function(self._spectrograms.of_windows, [waveform], tf.float32, stateful=False)
        return tf.ensure_shape(values, self.compute_output_shape(waveform.shape))

    def spectrogram(self, waveform: tf.Tensor) -> tf.Tensor:
        """(…, samples) → (…, frames, values): ``Spectrograms.spectrogram``."""
        c, samples = self.config, waveform.shape[-1]
        values = tf.numpy_function(self._spectrograms.spectrogram, [waveform], tf.float32, stateful=False)
        frames = None if samples is None else c.frames(samples)
        size = sum(features.channels * features.bins(c.fft) for features in c.features)
        return tf.ensure_shape(values, (*waveform.shape[:-1], frames, size))

    def normalise(self, spectrogram: tf.Tensor) -> tf.Tensor:
        """(batch, frames, values) of whole windows → (batch, frames, bins, channels)."""
        values = tf.numpy_function(self._spectrograms.normalise, [spectrogram], tf.float32, stateful=False)
        return tf.ensure_shape(values, (*spectrogram.shape[:2], self.config.bins, self.config.channels))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Keras asks for it where it builds a model without running it."""
        c, samples = self.config, input_shape[-1]
        if samples is None:
            return (*input_shape[:-1], None, c.bins, c.channels)
        return (*input_shape[:-1], *c.shape(samples))

    def get_config(self) -> dict[str, Any]:
        """Plain values only: the layer loads in safe mode."""
        return {"name": self.name, "config": self.config.plain()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> FrontEnd:
        """The layer that ``get_config`` describes."""
        config = dict(config)
        return cls(FrontEndConfig.from_plain(config.pop("config")), **config)

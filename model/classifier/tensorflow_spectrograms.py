"""The Keras layer of the front end as one over arrays, until there is one that needs no TensorFlow."""

from __future__ import annotations

import contextlib

import numpy as np
import tensorflow as tf

from soundbeam.model.classifier.tensorflow_scorer import Graph
from soundbeam.model.frontend import FrontEnd, FrontEndConfig


class TensorFlowSpectrograms:
    """Windows → spectrograms, in graphs that are traced once.

    Args:
        config: What to compute.
        window_samples: Samples of a window.
    """

    def __init__(self, config: FrontEndConfig, window_samples: int):
        with contextlib.suppress(RuntimeError):  # too late where TensorFlow ran before
            tf.config.threading.set_intra_op_parallelism_threads(1)
        front, frames = FrontEnd(config), config.shape(window_samples)[0]

        @tf.function(input_signature=[tf.TensorSpec((None, window_samples), tf.float32)], autograph=False)
        def windows(waveforms: tf.Tensor) -> tf.Tensor:
            return front(waveforms)

        @tf.function(
            input_signature=[tf.TensorSpec((None,), tf.float32), tf.TensorSpec((None,), tf.int32)], autograph=False
        )
        def segment(samples: tf.Tensor, first_frames: tf.Tensor) -> tf.Tensor:
            taken = tf.gather(front.spectrogram(samples), first_frames[:, None] + tf.range(frames)[None, :])
            return front.normalise(taken)

        self._windows, self._segment = Graph(windows, False), Graph(segment, False)

    def of_windows(self, waveforms: np.ndarray) -> np.ndarray:
        """float32 ``[n, samples]`` → float32 ``[n, frames, bins, channels]``."""
        return self._windows(waveforms)

    def of_segment(self, samples: np.ndarray, first_frames: np.ndarray) -> np.ndarray:
        """The same of windows of one stretch ``[m]``, by the first frame of each, int32 ``[n]``."""
        return self._segment(samples, first_frames)

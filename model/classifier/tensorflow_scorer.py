"""A scorer that runs the network by TensorFlow: in training, and for bundles whose network LiteRT cannot run."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

import keras
import numpy as np
import tensorflow as tf

# TensorFlow has no public function that makes a graph's weights constants.
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from soundbeam.model.architectures.assemble import FRONT_END, NETWORK
from soundbeam.model.architectures.complexity import innermost_layers
from soundbeam.model.architectures.embedding import with_embedding
from soundbeam.model.classifier.calibration import Calibration
from soundbeam.model.classifier.scorer import FrontEndScorer, Outputs
from soundbeam.model.frontend import FrontEnd


class TensorFlowScorer(FrontEndScorer):
    """A network in graphs that are traced once, whatever the number of windows.

    Args:
        model: As ``assemble`` makes it: its layers are named ``front_end`` and ``network``.
        batch: How many windows are scored at once.
        calibration: Turns the scores into probabilities; None: the network's scores are returned as they are.
    """

    def __init__(self, model: keras.Model, batch: int = 64, calibration: Calibration | None = None):
        front: FrontEnd = model.get_layer(FRONT_END)
        network = model.get_layer(NETWORK)
        samples, labels, config = int(model.input_shape[-1]), int(model.output_shape[-1]), front.config
        both = with_embedding(network)
        size = int(both.outputs[1].shape[-1]) if len(both.outputs) > 1 else 0
        super().__init__(samples, labels, batch, calibration, size, config.step, config.frame_local)
        self.front_end = front
        self._scores, self._both = _Graphs(front, network, samples), _Graphs(front, both, samples)

    def _of_windows(self, windows: np.ndarray, embed: bool) -> Outputs:
        return self._graphs(embed).windows(windows)

    def _of_spectrograms(self, spectrograms: np.ndarray, embed: bool) -> Outputs:
        return self._graphs(embed).normalised(spectrograms)

    def _of_stretch(self, samples: np.ndarray, first_frames: np.ndarray, embed: bool) -> Outputs:
        return self._graphs(embed).shared(samples, first_frames)

    def _graphs(self, embed: bool) -> _Graphs:
        return self._both if embed else self._scores


class _Graphs:
    """A front end and a network over it as graphs of whole windows, of stretches and of spectrograms."""

    def __init__(self, front: FrontEnd, network: keras.Model, samples: int):
        shape = front.config.shape(samples)
        frames = shape[0]

        @tf.function(input_signature=[tf.TensorSpec((None, samples), tf.float32)], autograph=False)
        def windows(waveforms: tf.Tensor) -> tf.Tensor:
            return network(front(waveforms), training=False)

        @tf.function(
            input_signature=[tf.TensorSpec((None,), tf.float32), tf.TensorSpec((None,), tf.int32)], autograph=False
        )
        def shared(samples: tf.Tensor, first_frames: tf.Tensor) -> tf.Tensor:
            spectrogram = front.spectrogram(samples)
            taken = tf.gather(spectrogram, first_frames[:, None] + tf.range(frames)[None, :])
            return network(front.normalise(taken), training=False)

        @tf.function(input_signature=[tf.TensorSpec((None, *shape), tf.float32)], autograph=False)
        def normalised(spectrograms: tf.Tensor) -> tf.Tensor:
            return network(spectrograms, training=False)

        folds = any(isinstance(layer, keras.layers.BatchNormalization) for layer in innermost_layers(network))
        self.windows, self.shared, self.normalised = (Graph(f, folds) for f in (windows, shared, normalised))


def use_one_thread_a_call() -> None:
    """Lets each call run in one thread: several calls of one are faster than one of several, as layers are small."""
    # If this process has used TensorFlow before, it is too late for this; scoring is only slower then.
    with contextlib.suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(1)


class Graph:
    """A function over arrays, traced on its first use; its weights must not change after that.

    Args:
        function: A ``tf.function`` with a signature.
        folds: Whether to make its weights constants, which lets TensorFlow fold batch normalisations into the
            convolutions before them: 1.4 times as fast. A network without any runs 1.1 times slower with constants.
    """

    def __init__(self, function: Any, folds: bool):
        self._function, self.folds, self._lock = function, folds, threading.Lock()
        self._call: Any = None

    def __call__(self, *arrays: np.ndarray) -> Outputs:
        """The function's values; the first call of several threads traces the graph."""
        with self._lock:
            if self._call is None:
                graph = self._function.get_concrete_function()
                self._call = convert_variables_to_constants_v2(graph) if self.folds else graph
        return tuple(map(np.asarray, tf.nest.flatten(self._call(*map(tf.constant, arrays)))))

    def traced(self) -> int:
        """How many times the graph was built."""
        return int(self._function.experimental_get_tracing_count())

"""A network as a ``.tflite`` file, which scores without TensorFlow; TensorFlow writes it."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

# Keras 3 models convert only with constants for weights; TensorFlow has no public function that makes them so.
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from soundbeam.model.architectures.assemble import FRONT_END, NETWORK
from soundbeam.model.architectures.embedding import with_embedding
from soundbeam.model.classifier.litert_network import BATCH, LiteRTNetwork
from soundbeam.model.classifier.native_messages import without_messages
from soundbeam.model.classifier.tflite_outputs import in_order

# By how much a score may differ from TensorFlow's, beyond what TensorFlow's differ by when it is given windows one by
# one: 2e-5 of cnn_baseline, whose last layer adds up millions of products in another order.
TOLERANCE = 1e-5
_OWN = 1e-4  # the most that counts of the second
# What the converter tells in any case; why it fails is in its exception.
KNOWN_MESSAGES = (
    "absl::InitializeLog", "Ignored output_format", "Ignored drop_control_dependency", "cpu_feature_guard",
    "Lowering tensor list ops is failed", "loc(", "Created TensorFlow Lite XNNPACK delegate",
    "MLIR V1 optimization", "grappler",
)  # fmt: skip
_LOOPS = ("TensorListReserve", "While", "StatelessWhile")


class UnlikeError(Exception):
    """A network cannot be converted, or then scores unlike TensorFlow; the message says which, in a few words."""


def converted_network(model: keras.Model) -> bytes:
    """The ``.tflite`` file of a model's network, with its embedding (``with_embedding``).

    It is compared with the network on what the model's front end makes of extreme windows.

    Args:
        model: As ``assemble`` makes it.

    Raises:
        UnlikeError: See ``convert``.
    """
    windows = extreme_windows(int(model.input_shape[-1]))
    return convert(with_embedding(model.get_layer(NETWORK)), np.asarray(model.get_layer(FRONT_END)(windows)))


def convert(network: keras.Model, inputs: np.ndarray) -> bytes:
    """A network's ``.tflite`` file.

    A recurrent network is a loop whose converted form needs a fixed batch; it gets one of ``BATCH`` windows. Any other
    takes any number of windows.

    Args:
        network: (batch, …) → scores (batch, labels), and perhaps embeddings (batch, size).
        inputs: float32 ``[n, …]``, to compare both on.

    Raises:
        UnlikeError: TensorFlow cannot convert it, LiteRT cannot run it, or a score differs by more than ``TOLERANCE``.
    """
    with without_messages(*KNOWN_MESSAGES):
        try:
            frozen = _frozen(network, None)
            if _loops(frozen):
                frozen = _frozen(network, BATCH)
            data = tf.lite.TFLiteConverter.from_concrete_functions([frozen], network).convert()
            data = in_order(data) if len(frozen.outputs) > 1 else data
            converted = LiteRTNetwork(data)
            results = converted.outputs(inputs, embed=bool(converted.embedding_size))
        except Exception as e:  # The converter raises many kinds, and its first line says all there is to know.
            raise UnlikeError(f"it does not convert to LiteRT ({first_line(e)})") from e
    want = _outputs(network, inputs)
    one_by_one = [np.concatenate(each) for each in zip(*(_outputs(network, x[None]) for x in inputs), strict=True)]
    for what, ours, theirs, alone in zip(("a score", "an embedding"), results, want, one_by_one, strict=False):
        scale = 1.0 if what == "a score" else max(1.0, float(np.nanmax(np.abs(theirs), initial=0.0)))
        difference = _difference(ours, theirs) / scale
        if difference > TOLERANCE + min(_difference(alone, theirs) / scale, _OWN):
            raise UnlikeError(f"{what} by LiteRT differs from TensorFlow's by {difference:.1g}")
    return data


def _outputs(network: keras.Model, inputs: np.ndarray) -> list[np.ndarray]:
    outputs = network(inputs, training=False)
    return [np.asarray(output) for output in (outputs if isinstance(outputs, list) else [outputs])]


def _frozen(network: keras.Model, batch: int | None) -> tf.types.experimental.ConcreteFunction:
    """The network as a graph with constants for weights."""
    spec = tf.TensorSpec((batch, *network.input_shape[1:]), tf.float32)
    graph = tf.function(lambda x: network(x, training=False), input_signature=[spec], autograph=False)
    return convert_variables_to_constants_v2(graph.get_concrete_function())


def _loops(graph: tf.types.experimental.ConcreteFunction) -> bool:
    definition = graph.graph.as_graph_def()
    nodes = [*definition.node, *(node for function in definition.library.function for node in function.node_def)]
    return any(node.op in _LOOPS for node in nodes)


def extreme_windows(samples: int) -> np.ndarray:
    """float32 ``[7, samples]``: silence, noise from faint to clipped, a tone, an overdriven one, and a click."""
    noise = np.random.default_rng(0).standard_normal(samples)
    tone = np.sin(0.3 * np.arange(samples))
    click = np.zeros(samples)
    click[samples // 2] = 1
    windows = [0 * tone, 1e-4 * noise, 0.1 * noise, np.clip(3 * noise, -1, 1), 0.5 * tone, np.sign(tone), click]
    return np.stack(windows).astype(np.float32)


def _difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest difference of two scores; that of a number and none is infinite."""
    if ours.shape != theirs.shape or not np.array_equal(np.isfinite(ours), np.isfinite(theirs)):
        return np.inf
    return float(np.max(np.abs(ours - theirs), where=np.isfinite(theirs), initial=0.0))


def first_line(error: Exception) -> str:
    """The first line of an exception's message that says something."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0].strip()[:200] if lines else type(error).__name__

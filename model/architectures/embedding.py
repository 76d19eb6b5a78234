"""The embedding of a network of our own: what its last layer with weights reads."""

from __future__ import annotations

from typing import Any

import keras

_WIDEST = 8192  # a flattened picture of millions of values is no embedding


def with_embedding(network: keras.Model) -> keras.Model:
    """The same layers, with the embedding as a second output: (batch, …) → scores (batch, labels), (batch, size).

    Where the last layer reads a value for each frame, the embedding is their mean over the frames; that of an ensemble
    is those of its members, one behind the other. A network whose last layer reads more than 8192 values gives none,
    and is returned as it is.
    """
    network = keras.Model(network.inputs[0], network.outputs[0])  # a Sequential cannot be cloned with calls of ours
    heads, found = _heads(network), list[Any]()

    def call(layer: keras.layers.Layer, *args: Any, **kwargs: Any) -> Any:
        if layer not in heads:
            return layer(*args, **kwargs)
        if isinstance(layer, keras.Model):
            scores, *embedding = keras.tree.flatten(with_embedding(layer)(*args, **kwargs))
            found.extend(embedding or args)
            return scores
        values = args[0]
        found.append(keras.ops.mean(values, axis=tuple(range(1, len(values.shape) - 1))) if values.ndim > 2 else values)
        return layer(*args, **kwargs)

    same = keras.models.clone_model(network, clone_function=lambda layer: layer, call_function=call)
    embedding = found[0] if len(found) == 1 else keras.layers.Concatenate()(found)
    if embedding.shape[-1] > _WIDEST:
        return network
    return keras.Model(same.inputs[0], [same.outputs[0], embedding])


def _heads(network: keras.Model) -> list[keras.layers.Layer]:
    """The last layers with weights before the output; in an ensemble those are its members."""
    heads: list[keras.layers.Layer] = []
    tensors = list(network.outputs)
    while tensors:
        layer, node, _ = tensors.pop()._keras_history  # Keras has no public way from a tensor to its layer
        if layer.weights and not isinstance(layer, keras.layers.BatchNormalization):
            heads += [layer] if layer not in heads else []
        else:
            tensors += layer._inbound_nodes[node].input_tensors
    return heads

"""How much work a network is: multiply-adds, from the shapes of its layers."""

from __future__ import annotations

import math
from collections.abc import Iterator

import keras

_STEP_BY_STEP = (keras.layers.RNN, keras.layers.Bidirectional, keras.layers.TimeDistributed)


def multiply_adds(network: keras.Model) -> int:
    """Multiply-adds for one input: of convolutions, dense, recurrent and attention layers. Others are negligible.

    Every weight of a kernel is used once at each place that its layer looks at. Attention has two products of frames
    with frames besides.
    """
    total = 0
    for layer in innermost_layers(network):
        kernels = sum(math.prod(w.shape) for w in layer.weights if w.name.endswith("kernel"))
        if not kernels:
            continue
        if isinstance(layer, _STEP_BY_STEP):
            total += kernels * layer.input.shape[1]
        elif isinstance(layer, keras.layers.MultiHeadAttention):
            frames = layer.output.shape[1]
            settings = layer.get_config()
            values = settings["value_dim"] or settings["key_dim"]
            total += kernels * frames + frames**2 * settings["num_heads"] * (settings["key_dim"] + values)
        else:
            total += kernels * math.prod(layer.output.shape[1:-1])
    return total


def innermost_layers(network: keras.Model) -> Iterator[keras.layers.Layer]:
    """The layers of a network and of the networks within it."""
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            yield from innermost_layers(layer)
        else:
            yield layer

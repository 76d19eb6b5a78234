"""Which tensors of a ``.tflite`` file are its outputs; TensorFlow's tools write it anew, and no weight changes."""

from __future__ import annotations

from typing import Any

from tensorflow.lite.tools import flatbuffer_utils


def in_order(data: bytes) -> bytes:
    """A file that TensorFlow's converter wrote, with its outputs in the order in which the function returns them."""
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(data))
    graph = model.subgraphs[0]
    # The converter names them output_0, output_1, … and may write them in any order. A large network's file has no
    # signature; there they are Identity, Identity_1, …
    if model.signatureDefs:
        named = {output.name.decode(): int(output.tensorIndex) for output in model.signatureDefs[0].outputs}
    else:
        named = {graph.tensors[i].name.decode(): int(i) for i in graph.outputs}
    return _written(model, [named[name] for name in sorted(named, key=_place)])


def _place(name: str) -> int:
    number = name.rpartition("_")[2]
    return int(number) if number.isdigit() else 0


def with_outputs(data: bytes, outputs: list[int], length: int | None = None) -> bytes:
    """The same network with other tensors as outputs.

    Args:
        data: The ``.tflite`` file.
        outputs: Indices of the tensors, in the order in which they are to come.
        length: How many samples the input has, where the file leaves that open.
    """
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(data))
    if length is not None:
        entrance = model.subgraphs[0].tensors[int(model.subgraphs[0].inputs[0])]
        rest = [length if i == len(entrance.shape) - 1 else int(n) for i, n in enumerate(entrance.shape)]
        entrance.shape, entrance.shapeSignature = rest, [-1, *rest[1:]] if len(rest) > 1 else rest
    return _written(model, outputs)


def _written(model: Any, outputs: list[int]) -> bytes:
    model.subgraphs[0].outputs = outputs
    model.signatureDefs = []  # they name the former outputs
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))

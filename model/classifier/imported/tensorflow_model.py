"""Reads SavedModels and ``.keras`` files. LiteRT runs what converts and scores alike, TensorFlow the rest."""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from soundbeam.model.classifier.activation import activated
from soundbeam.model.classifier.conversion import KNOWN_MESSAGES, extreme_windows, first_line
from soundbeam.model.classifier.imported.candidate import Built, Candidate, Tensor
from soundbeam.model.classifier.litert_network import LiteRTNetwork
from soundbeam.model.classifier.native_messages import without_messages
from soundbeam.model.classifier.saved_model_network import (
    EMBEDDINGS,
    SCORES,
    SIGNATURE,
    WAVEFORMS,
    SavedModelNetwork,
    zipped,
)
from soundbeam.model.classifier.tflite_outputs import in_order
from soundbeam.model.errors import SoundbeamError

_SIGNATURES = ("basic", "serving_default")
_TOLERANCE = 1e-5

Outputs = list[tf.Tensor]


@dataclasses.dataclass(frozen=True)
class _Function:
    """What a model computes.

    Attributes:
        call: Tensor of the model's own shape → name → tensor.
        owner: What has its variables.
        shape: That of its input; the first is None where it takes batches.
        single: Whether it takes one window, of ``[samples]`` or in a batch of 1.
    """

    call: Callable[[tf.Tensor], dict[str, tf.Tensor]]
    owner: Any
    shape: tuple[int | None, ...]
    single: bool


def read_saved_model(name: str, folder: str) -> Candidate:
    """A SavedModel; its signature is ``basic``, ``serving_default`` or the only one.

    Raises:
        SoundbeamError: TensorFlow cannot load it, or there is no such signature.
    """
    with without_messages(*KNOWN_MESSAGES):
        try:
            loaded = tf.saved_model.load(folder)
        except Exception as e:  # of many kinds
            raise SoundbeamError(f"{name}: TensorFlow cannot load this SavedModel ({first_line(e)})") from e
    signatures = dict(loaded.signatures)
    chosen = next((key for key in (*_SIGNATURES, *signatures) if key in signatures), "")
    if not chosen or (len(signatures) > 1 and chosen not in _SIGNATURES):
        named = ", ".join(signatures) or "none"
        raise SoundbeamError(f"{name}: has no signature 'basic' or 'serving_default' ({named}); export it with one")
    signature = signatures[chosen]
    specs = signature.structured_input_signature[1]
    inputs = [Tensor(key, _of_window(spec.shape)) for key, spec in specs.items()]
    if any(spec.dtype != tf.float32 for spec in specs.values()):
        raise SoundbeamError(f"{name}: takes {', '.join(s.dtype.name for s in specs.values())}, no float32 waveform")
    outputs = [Tensor(key, _of_window(spec.shape)) for key, spec in signature.structured_outputs.items()]
    key, spec = next(iter(specs.items()), ("", tf.TensorSpec(())))
    shape = tuple(spec.shape) if spec.shape.rank is not None else (None, None)
    function = _Function(lambda x: signature(**{key: x}), loaded, shape, len(shape) == 1 or shape[0] == 1)
    build = _builder(name, function)
    return Candidate(name, f"SavedModel ({chosen})", inputs, outputs, [], build, _rate(folder))


def read_keras(name: str, path: str) -> Candidate:
    """A ``.keras`` file, loaded in safe mode: what would run code of its own is refused.

    Raises:
        SoundbeamError: Keras cannot load it.
    """
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as e:  # unknown layers, lambdas, zip and HDF5 errors
        raise SoundbeamError(f"{name}: Keras {keras.__version__} cannot load it in safe mode ({first_line(e)})") from e
    inner = {
        layer.name: layer.output
        for layer in model.layers
        if not isinstance(layer, keras.layers.InputLayer) and isinstance(layer.output, keras.KerasTensor)
    }
    ends = dict(zip(model.output_names, model.outputs, strict=True))
    whole = keras.Model(model.inputs, {**inner, **ends})
    shape = tuple(model.inputs[0].shape)
    function = _Function(lambda x: whole(x, training=False), whole, shape, shape[0] == 1)
    return Candidate(
        name,
        "Keras model",
        [Tensor(each.name, _of_window(each.shape)) for each in model.inputs],
        [Tensor(key, _of_window(value.shape)) for key, value in ends.items()],
        [Tensor(key, _of_window(value.shape)) for key, value in inner.items()],
        _builder(name, function),
    )


def _of_window(shape: Any) -> tuple[int | None, ...]:
    """A shape without its batch; one of a single dimension has none."""
    dimensions: tuple[int | None, ...] = tuple(shape) if getattr(shape, "rank", 1) is not None else (None,)
    return dimensions[1:] if len(dimensions) > 1 else dimensions


def _rate(folder: str) -> int | None:
    """Samples a second, as a model exported for Raven says it."""
    try:
        with open(os.path.join(folder, "model_config.json"), encoding="utf-8") as file:
            return round(float(json.load(file)["signatures"][0]["modelInputs"][0]["sampleRate"]))
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return None


def _builder(name: str, function: _Function) -> Callable[[int, Tensor, Tensor | None, str], Built]:
    def build(samples: int, output: Tensor, embedding: Tensor | None, activation: str) -> Built:
        tensors = [output, *([embedding] if embedding else [])]
        with without_messages(*KNOWN_MESSAGES):
            try:
                return _build(function, samples, tensors, activation)
            except SoundbeamError as e:
                raise SoundbeamError(f"{name}: {e}") from e
            except Exception as e:  # TensorFlow raises many kinds
                raise SoundbeamError(f"{name}: TensorFlow cannot run it ({first_line(e)})") from e

    return build


def _build(function: _Function, samples: int, tensors: Sequence[Tensor], activation: str) -> Built:
    windows = extreme_windows(samples)
    shape = [samples if n is None else n for n in function.shape[1:]] if len(function.shape) > 1 else [samples]
    batch = [1] if function.single and len(function.shape) > 1 else []

    def one(window: tf.Tensor) -> Outputs:
        """(samples) → (1, labels), (1, size)."""
        results = function.call(tf.reshape(window, [*batch, *shape]))
        return [tf.reshape(results[tensor.name], (1, int(tensor.size or 0))) for tensor in tensors]

    def each(waveforms: tf.Tensor) -> Outputs:
        kinds = [tf.TensorSpec((1, tensor.size), tf.float32) for tensor in tensors]
        return [tf.squeeze(y, 1) for y in tf.map_fn(one, waveforms, fn_output_signature=kinds)]

    def together(waveforms: tf.Tensor) -> Outputs:
        results = function.call(tf.reshape(waveforms, [-1, *shape]))
        return [tf.reshape(results[tensor.name], (-1, int(tensor.size or 0))) for tensor in tensors]

    first = function.call(tf.reshape(windows[:1], [*(batch or ([] if function.single else [1])), *shape]))
    for tensor in tensors:
        given = tuple(first[tensor.name].shape)
        if int(np.prod(given)) != tensor.size:
            raise SoundbeamError(f"gives {tensor.name} of {given} for one window; choose --window so that it gives one")
    of_windows = tf.function(each if function.single else together, [tf.TensorSpec((None, samples), tf.float32)])
    want = [np.asarray(value) for value in of_windows(windows)]
    spec = tf.TensorSpec((samples,), tf.float32)
    converting = tf.function(one, [spec]) if function.single else of_windows
    try:
        frozen = convert_variables_to_constants_v2(converting.get_concrete_function())
        data = tf.lite.TFLiteConverter.from_concrete_functions([frozen], function.owner).convert()
        data = in_order(data) if len(tensors) > 1 else data
        network = LiteRTNetwork(data)
        off = _unlike(network.outputs(windows, len(tensors) > 1), want, activation)
        if not off:
            return Built("tflite", data, network)
    except Exception as e:  # the converter raises many kinds
        off = f"it does not convert to LiteRT ({first_line(e)})"
    module = tf.Module()
    module.model = function.owner
    module.run = tf.function(
        lambda waveforms: dict(zip((SCORES, EMBEDDINGS), of_windows(waveforms), strict=False)),
        [tf.TensorSpec((None, samples), tf.float32, name=WAVEFORMS)],
    )
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={SIGNATURE: module.run})
        data = zipped(folder)
    return Built("zip", data, SavedModelNetwork(data), off)


def _unlike(ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray], activation: str) -> str:
    """In what LiteRT's outputs are not TensorFlow's; "": in nothing."""
    for what, a, b in zip(("a score", "an embedding"), ours, theirs, strict=True):
        scale = 1.0
        if what == "a score":
            a, b = activated(a, activation), activated(b, activation)
        else:
            scale = float(np.nanmax(np.abs(b)))
        if not np.allclose(a, b, rtol=_TOLERANCE, atol=_TOLERANCE * max(1.0, scale), equal_nan=True):
            return f"{what} by LiteRT differs from TensorFlow's by {float(np.nanmax(np.abs(a - b))):.1g}"
    return ""

"""A network that LiteRT runs: TensorFlow Lite's runtime, which starts in milliseconds and needs no TensorFlow."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from soundbeam.model.classifier.native_messages import without_messages

# Windows that the runtime is given at once. Its arena, which each thread has, grows with them, and its speed does not.
BATCH = 4
_KNOWN = ("Created TensorFlow Lite XNNPACK delegate",)


class LiteRTNetwork:
    """(n, …) → scores (n, labels) and perhaps embeddings (n, size), for any number of threads at once.

    Each call takes an interpreter that is free, or makes one: there are as many as calls at the same time. They read
    the weights from the same bytes; those which XNNPACK packs anew, for its products, each has for itself.

    Args:
        data: The ``.tflite`` file. Bytes rather than its name: a bundle that is replaced while a scan runs must not
            change under it.
        batch: How many windows are scored at once; a network with a fixed batch has its own.

    Attributes:
        shape: Of one window's input.
        samples: How many values that is.
        labels: How many scores a window has.
        embedding_size: How many values its embedding has; 0: there is none.

    Raises:
        ValueError: They are no network of one input, scores and perhaps embeddings that this runtime can run.
    """

    def __init__(self, data: bytes, batch: int = BATCH):
        self._data, self._batch = data, batch
        self._free: list[Interpreter] = []
        with without_messages(*_KNOWN), self._interpreter() as first:
            inputs, outputs = first.get_input_details(), first.get_output_details()
        if len(inputs) != 1 or len(outputs) not in (1, 2):
            raise ValueError(f"{len(inputs)} inputs and {len(outputs)} outputs instead of one, and one or two")
        self._input, self._outputs = inputs[0]["index"], [output["index"] for output in outputs]
        size, *shape = (int(n) for n in inputs[0]["shape_signature"])
        self._single = not shape  # it takes one window at a time, without a batch
        if self._single:
            size, shape = 1, [size]
        self.shape, self.samples = tuple(shape), math.prod(shape)
        self.labels, self.embedding_size = [*(int(output["shape"][-1]) for output in outputs), 0][:2]
        self._fixed = size > 0
        if self._fixed:
            self._batch = size

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """float32 ``[n, …]`` → scores float32 ``[n, labels]``; n may be 0."""
        return self.outputs(inputs, False)[0]

    def outputs(self, inputs: np.ndarray, embed: bool) -> tuple[np.ndarray, ...]:
        """float32 ``[n, …]`` → scores float32 ``[n, labels]``, and on request embeddings float32 ``[n, size]``."""
        inputs = inputs.reshape(-1, *self.shape)
        widths = (self.labels, self.embedding_size)[: 1 + embed]
        results = tuple(np.empty((len(inputs), width), np.float32) for width in widths)
        with self._interpreter() as interpreter:
            for i in range(0, len(inputs), self._batch):
                part = inputs[i : i + self._batch]
                self._run(interpreter, part)
                for result, tensor in zip(results, self._outputs, strict=False):
                    values = interpreter.get_tensor(tensor).reshape(-1, result.shape[1])
                    result[i : i + len(part)] = values[: len(part)]
        return results

    def _run(self, interpreter: Interpreter, inputs: np.ndarray) -> None:
        n = len(inputs)
        if self._single:
            inputs = inputs[0]
        elif self._fixed:
            inputs = np.pad(inputs, [(0, self._batch - n), *[(0, 0)] * len(self.shape)])
        elif interpreter.get_input_details()[0]["shape"][0] != n:
            interpreter.resize_tensor_input(self._input, (n, *self.shape), strict=True)
            interpreter.allocate_tensors()
        interpreter.set_tensor(self._input, inputs)
        interpreter.invoke()

    @contextlib.contextmanager
    def _interpreter(self) -> Iterator[Any]:
        """An interpreter that no other call uses. One that fails is not used again."""
        try:
            interpreter = self._free.pop()
        except IndexError:
            interpreter = self._new()
        yield interpreter
        self._free.append(interpreter)

    def _new(self) -> Interpreter:
        interpreter = Interpreter(model_content=self._data, num_threads=1)
        interpreter.allocate_tensors()
        return interpreter

"""A network that LiteRT runs: TensorFlow Lite's runtime, which starts in milliseconds and needs no TensorFlow."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from soundbeam.model.classifier.native_messages import without_messages

# Windows that the runtime is given at once. Its arena, which each thread has, grows with them, and its speed does not.
BATCH = 4
_KNOWN = ("Created TensorFlow Lite XNNPACK delegate",)


class LiteRTNetwork:
    """(n, frames, bins, channels) → (n, labels), for any number of threads at once.

    Each call takes an interpreter that is free, or makes one: there are as many as calls at the same time. They read
    the weights from the same bytes; those which XNNPACK packs anew, for its products, each has for itself.

    Args:
        data: The ``.tflite`` file. Bytes rather than its name: a bundle that is replaced while a scan runs must not
            change under it.
        batch: How many windows are scored at once; a network with a fixed batch has its own.

    Raises:
        ValueError: They are no network of one input and one output that this runtime can run.
    """

    def __init__(self, data: bytes, batch: int = BATCH):
        self._data, self._batch = data, batch
        self._free: list[Interpreter] = []
        with without_messages(*_KNOWN), self._interpreter() as first:
            inputs, outputs = first.get_input_details(), first.get_output_details()
        if len(inputs) != 1 or len(outputs) != 1:
            raise ValueError(f"{len(inputs)} inputs and {len(outputs)} outputs instead of one each")
        self._input, self._output = inputs[0]["index"], outputs[0]["index"]
        size, *shape = (int(n) for n in inputs[0]["shape_signature"])
        self.shape, self.labels = tuple(shape), int(outputs[0]["shape"][-1])
        self._fixed = size > 0
        if self._fixed:
            self._batch = size

    def __call__(self, spectrograms: np.ndarray) -> np.ndarray:
        """float32 ``[n, frames, bins, channels]`` → float32 ``[n, labels]``; n may be 0."""
        scores = np.empty((len(spectrograms), self.labels), np.float32)
        with self._interpreter() as interpreter:
            for i in range(0, len(scores), self._batch):
                part = spectrograms[i : i + self._batch]
                scores[i : i + len(part)] = self._run(interpreter, part)[: len(part)]
        return scores

    def _run(self, interpreter: Interpreter, spectrograms: np.ndarray) -> np.ndarray:
        n = len(spectrograms)
        if self._fixed:
            spectrograms = np.pad(spectrograms, [(0, self._batch - n), (0, 0), (0, 0), (0, 0)])
        elif interpreter.get_input_details()[0]["shape"][0] != n:
            interpreter.resize_tensor_input(self._input, (n, *self.shape), strict=True)
            interpreter.allocate_tensors()
        interpreter.set_tensor(self._input, spectrograms)
        interpreter.invoke()
        return interpreter.get_tensor(self._output)

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

"""A head: a small network on a base's embeddings, linear or with one hidden layer; pure NumPy."""

from __future__ import annotations

import dataclasses
import io

import numpy as np

from soundbeam.model.classifier.calibration import Calibration, sigmoid, softmax
from soundbeam.model.classifier.scorer import Outputs, Scorer
from soundbeam.model.tasks import DETECTOR


@dataclasses.dataclass(frozen=True, eq=False)
class Head:
    """Embeddings → scores.

    Attributes:
        layers: Of each layer the weights float32 ``[inputs, outputs]`` and the biases float32 ``[outputs]``. Between
            two layers negative values become zero.
        task: ``detector`` (a sigmoid for each label) or ``classifier`` (a softmax over all).
    """

    layers: tuple[tuple[np.ndarray, np.ndarray], ...]
    task: str

    @property
    def embedding_size(self) -> int:
        """How many values it takes."""
        return len(self.layers[0][0])

    @property
    def labels(self) -> int:
        """How many scores it gives."""
        return len(self.layers[-1][1])

    @property
    def parameters(self) -> int:
        """How many weights and biases it has."""
        return sum(weights.size + biases.size for weights, biases in self.layers)

    def logits(self, embeddings: np.ndarray) -> np.ndarray:
        """float32 ``[n, size]`` → float32 ``[n, labels]``, before the sigmoid or softmax."""
        values = embeddings
        for i, (weights, biases) in enumerate(self.layers):
            values = (np.maximum(values, 0) if i else values) @ weights + biases
        return values

    def __call__(self, embeddings: np.ndarray) -> np.ndarray:
        """float32 ``[n, size]`` → scores float32 ``[n, labels]``."""
        logits = self.logits(embeddings)
        return (sigmoid(logits) if self.task == DETECTOR else softmax(logits)).astype(np.float32)

    def to_bytes(self) -> bytes:
        """The content of a ``.npz`` file; the same head gives the same bytes."""
        file = io.BytesIO()
        arrays = {f"{kind}{i}": layer[k] for i, layer in enumerate(self.layers) for k, kind in enumerate("wb")}
        floats = {name: np.ascontiguousarray(array, "<f4") for name, array in arrays.items()}
        np.savez(file, **floats)  # type: ignore[arg-type]  # the stubs take a name for the option allow_pickle
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes, task: str) -> Head:
        """The head that ``to_bytes`` made the file of."""
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            layers = tuple((arrays[f"w{i}"], arrays[f"b{i}"]) for i in range(len(arrays.files) // 2))
        return cls(layers, task)


class HeadScorer(Scorer):
    """Scores windows by a base and a head, in one pass of the base.

    Args:
        base: Gives the embeddings; its own scores are not used.
        head: Scores them.
        calibration: Turns the scores into probabilities; None: they are returned as they are.
    """

    def __init__(self, base: Scorer, head: Head, calibration: Calibration | None = None):
        super().__init__(base.window_samples, head.labels, base.batch, calibration, base.embedding_size)
        self._base, self._head = base, head

    def _of_windows(self, windows: np.ndarray, embed: bool) -> Outputs:
        return self._scored(self._base.embed_windows(windows)[1], embed)

    def _of_segment(self, samples: np.ndarray, offsets: np.ndarray, embed: bool) -> Outputs:
        return self._calibrated(self._scored(self._base.embed_segment(samples, offsets)[1], embed))

    def _scored(self, embeddings: np.ndarray, embed: bool) -> Outputs:
        return (self._head(embeddings), embeddings) if embed else (self._head(embeddings),)

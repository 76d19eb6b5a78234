"""A model as it was found: what it takes, what it gives, and how it becomes a bundle's network."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from soundbeam.model.classifier.waveform_scorer import WaveformNetwork
from soundbeam.model.errors import SoundbeamError

_FEWEST_SAMPLES = 256
_SHOWN = 12


@dataclasses.dataclass(frozen=True)
class Tensor:
    """One that a model takes or gives.

    Attributes:
        name: As the model has it.
        shape: Of one window; None for what may be of any length.
    """

    name: str
    shape: tuple[int | None, ...]

    @property
    def size(self) -> int | None:
        """How many values it has; None: any number."""
        return None if None in self.shape else int(np.prod([n for n in self.shape if n is not None], dtype=np.int64))

    def __str__(self) -> str:
        return f"{self.name} ({', '.join('any' if n is None else str(n) for n in self.shape)})"


@dataclasses.dataclass(frozen=True)
class Built:
    """A bundle's network.

    Attributes:
        extension: Of the file: ``tflite``, or ``zip`` for a SavedModel.
        data: The file.
        network: It, ready to run.
        note: Why LiteRT does not run it; "": it does.
    """

    extension: str
    data: bytes = dataclasses.field(repr=False)
    network: WaveformNetwork
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A model that was read.

    Attributes:
        name: The file's or folder's, for messages.
        kind: What it is, for people.
        inputs, outputs: Without the dimension of the batch.
        inner: Tensors within, of which one may be the embedding.
        build: (samples, output, embedding or None, activation) → its network.
        rate: Samples a second, where the model says it.
    """

    name: str
    kind: str
    inputs: Sequence[Tensor]
    outputs: Sequence[Tensor]
    inner: Sequence[Tensor]
    build: Callable[[int, Tensor, Tensor | None, str], Built]
    rate: int | None = None

    def samples(self) -> int | None:
        """Samples of a window; None: any number.

        Raises:
            SoundbeamError: It takes no sound.
        """
        taken = f"{self.name}: takes {', '.join(map(str, self.inputs)) or 'nothing'}"
        if len(self.inputs) != 1:
            raise SoundbeamError(f"{taken}; a model to import takes one waveform and nothing else")
        shape = [n for n in self.inputs[0].shape if n != 1]
        size = self.inputs[0].size
        if len(shape) > 1 or (size is not None and size < _FEWEST_SAMPLES):
            raise SoundbeamError(f"{taken}, which is no waveform; a model to import takes samples [windows, samples]")
        return size

    def choose_output(self, wanted: str | None, labels: int | None) -> Tensor:
        """The output that is the scores.

        Raises:
            SoundbeamError: It cannot be told.
        """
        if wanted is not None:
            return self._named(wanted, self.outputs, "--output", "outputs")
        fit = [output for output in self.outputs if output.size == labels]
        if len(self.outputs) == 1:
            return self.outputs[0]
        if len(fit) == 1:
            return fit[0]
        raise SoundbeamError(f"{self.name}: has the outputs {listed(self.outputs)}; give --output NAME for the scores")

    def choose_embedding(self, wanted: str | None, usual: Sequence[str]) -> Tensor | None:
        """The tensor that is the embedding: the wanted one, or one of a usual name; None: there is none.

        Raises:
            SoundbeamError: The wanted one is not there.
        """
        known = {tensor.name: tensor for tensor in (*self.inner, *self.outputs)}
        if wanted is not None:
            return self._named(wanted, list(known.values()), "--embedding", "tensors")
        return next((known[name] for name in usual if name in known), None)

    def _named(self, wanted: str, tensors: Sequence[Tensor], option: str, what: str) -> Tensor:
        exact = [tensor for tensor in tensors if tensor.name == wanted]
        like = exact or [tensor for tensor in tensors if wanted.lower() in tensor.name.lower()]
        if len(like) != 1:
            several = "several are named like it" if like else "there is none of that name"
            raise SoundbeamError(f"{self.name}: {option} {wanted}: {several}; {what}: {listed(like or tensors)}")
        if like[0].size is None:
            raise SoundbeamError(f"{self.name}: {option} {wanted}: {like[0]} has no fixed length")
        return like[0]


def listed(tensors: Sequence[Tensor]) -> str:
    """Names and shapes, the last of them if they are many: what ends a network is at its end."""
    shown = [str(tensor) for tensor in tensors[-_SHOWN:]]
    return ", ".join(["…", *shown] if len(tensors) > _SHOWN else shown)

"""What an architecture is: a network over spectrograms, its windows and front end, and how it likes to be trained."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import keras

from model.ensemble import ensemble
from model.frontend import FrontEnd, FrontEndConfig
from model.scorer import FRONT_END, NETWORK, assemble
from model.tasks import CLASSIFIER, DETECTOR


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How an architecture is trained unless the user says otherwise.

    Attributes:
        epochs: Passes of ``steps`` batches.
        steps: Batches of an epoch; 0: as many as the training examples fill once.
        batch: Examples of a batch.
        learning_rate: Adam's, at its highest.
        schedule: ``cosine``: a short rise, then a fall to nothing over all epochs; ``constant``.
        mix: Whether every example is a fresh mix (calls laid into backgrounds); else the clips as they are.
        average: Decay of the moving average of the weights that is kept in the end; 0: none.
        patience: Epochs without a better validation loss after which training stops; 0: never stops early.
    """

    epochs: int
    steps: int = 100
    batch: int = 32
    learning_rate: float = 2e-3
    schedule: str = "cosine"
    mix: bool = True
    average: float = 0.0
    patience: int = 0


@dataclasses.dataclass(frozen=True)
class Architecture:
    """One kind of classifier.

    Attributes:
        name: As given to ``--architecture``.
        source: The paper or report that it comes from.
        window_s: Seconds of a window.
        hop_s: Seconds between windows in a scan, unless the user says otherwise.
        front_end: Its front end.
        body: (frames, bins, channels), labels, activation → the network, from spectrograms to scores.
        recipe: How it is trained.
        score_batch: How many windows are best scored at once.
        members: Networks, alike but for the weights that they begin with, whose mean is the score (see ``ensemble``).
    """

    name: str
    source: str
    window_s: float
    hop_s: float
    front_end: FrontEndConfig
    body: Callable[[tuple[int, int, int], int, str], keras.Model]
    recipe: Recipe
    score_batch: int = 64
    members: int = 1

    @property
    def rate(self) -> int:
        """Samples a second of the waveforms that it takes."""
        return self.front_end.rate

    @property
    def window_samples(self) -> int:
        """Samples of a window."""
        return round(self.window_s * self.rate)

    def build(self, labels: int, task: str, front_end: FrontEndConfig | None = None) -> keras.Model:
        """A fresh network (batch, window samples) → (batch, labels).

        Args:
            labels: How many outputs.
            task: ``detector`` (sigmoid) or ``classifier`` (softmax).
            front_end: Instead of the architecture's own, e.g. with other band limits.
        """
        activation = {DETECTOR: "sigmoid", CLASSIFIER: "softmax"}[task]
        config = front_end or self.front_end
        shape = config.shape(self.window_samples)
        if self.members > 1:
            network = ensemble([self.body(shape, labels, "linear") for _ in range(self.members)], activation)
        else:
            network = self.body(shape, labels, activation)
        network.name = NETWORK
        return assemble(FrontEnd(config, name=FRONT_END), network, self.window_samples)

    def describe(self) -> dict[str, Any]:
        """Plain values for a bundle's report."""
        return {
            "name": self.name,
            "source": self.source,
            "members": self.members,
            "recipe": dataclasses.asdict(self.recipe),
        }

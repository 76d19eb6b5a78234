"""What an architecture is: a network over spectrograms, its windows and front end, and its training recipe."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import keras

from soundbeam.model.architectures.assemble import FRONT_END, NETWORK, assemble
from soundbeam.model.architectures.ensemble import ensemble
from soundbeam.model.architectures.training_outputs import scores_only
from soundbeam.model.errors import SoundbeamError
from soundbeam.model.frontend import FrontEnd, FrontEndConfig
from soundbeam.model.tasks import CLASSIFIER, DETECTOR
from soundbeam.model.windows import WindowSpec

BASE, HEAD = "base", "head"  # the two layers of a network whose base is frozen


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
        average: Decay of the moving average of the weights, which is what is saved; 0: no average.
        patience: Epochs without a better validation loss after which training stops; 0: never stops early.
        mixup: Of a classifier: share of windows that are two clips at once, of any labels
            (``model.training.augment_classifier``).
        warp: Of a classifier: the largest share by which clips are stretched and lowered, or the opposite. Small
            where labels differ in pitch, as speakers do.
    """

    epochs: int
    steps: int = 100
    batch: int = 32
    learning_rate: float = 2e-3
    schedule: str = "cosine"
    mix: bool = True
    average: float = 0.0
    patience: int = 0
    mixup: float = 0.0
    warp: float = 0.2


@dataclasses.dataclass(frozen=True)
class Architecture:
    """One kind of classifier.

    Attributes:
        name: As given to ``--architecture``.
        source: The paper or report that it comes from.
        window_s: Seconds of a window.
        hop_s: Seconds between windows in a scan, unless the user says otherwise.
        front_end: Its front end.
        body: (frames, bins, channels), labels, activation → the network, from spectrograms to scores. Outputs after
            the first exist in training only (see ``model.architectures.training_outputs``).
        recipe: How it is trained.
        score_batch: How many windows are best scored in one call; each thread that scores needs memory for so many.
        members: Networks, alike but for the weights that they begin with, whose mean is the score (see ``ensemble``).
        transfer: Whether its network is a frozen base with weights from elsewhere and a head
            (see ``model.architectures.transfer``).
    """

    name: str
    source: str
    window_s: float
    hop_s: float
    front_end: FrontEndConfig
    body: Callable[[tuple[int, int, int], int, str], keras.Model]
    recipe: Recipe
    score_batch: int = 32
    members: int = 1
    transfer: bool = False

    @property
    def rate(self) -> int:
        """Samples a second of the waveforms that it takes."""
        return self.front_end.rate

    @property
    def window_samples(self) -> int:
        """Samples of a window."""
        return round(self.window_s * self.rate)

    @property
    def windows(self) -> WindowSpec:
        """Which windows a recording has, at its own hop.

        Raises:
            SoundbeamError: The hop would leave samples between two windows.
        """
        return WindowSpec(self.rate, self.window_s, self.hop_s)

    def build(self, labels: int, task: str, front_end: FrontEndConfig | None = None) -> keras.Model:
        """A fresh network (batch, window samples) → (batch, labels).

        Args:
            labels: How many outputs.
            task: ``detector`` (sigmoid) or ``classifier`` (softmax).
            front_end: Instead of the architecture's own, e.g. with other band limits.
        """
        config = front_end or self.front_end
        network = scores_only(self.network(labels, task, config))
        return assemble(FrontEnd(config, name=FRONT_END), network, self.window_samples)

    def network(self, labels: int, task: str, front_end: FrontEndConfig | None = None) -> keras.Model:
        """A fresh network over spectrograms, with all its outputs; arguments as those of ``build``."""
        activation = {DETECTOR: "sigmoid", CLASSIFIER: "softmax"}[task]
        shape = (front_end or self.front_end).shape(self.window_samples)
        if self.members > 1:
            network = ensemble([self.body(shape, labels, "linear") for _ in range(self.members)], activation)
        else:
            network = self.body(shape, labels, activation)
        network.name = NETWORK
        return network

    def varied(
        self,
        front_end: str | None = None,
        window_s: float | None = None,
        windows: int | None = None,
        warp: float | None = None,
    ) -> Architecture:
        """This architecture over another front end, with other windows, or trained on a given number of windows.

        Args:
            front_end: A kind, or several joined by ``+``, which become channels.
            window_s: Seconds of a window; a hop of more than half of it becomes half of it.
            windows: To train on in all, to a batch, in ten epochs at most.
            warp: Instead of the recipe's.

        Raises:
            SoundbeamError: There is no such front end, or windows are shorter than its frames.
        """
        config, window_s = self.front_end, window_s or self.window_s
        try:
            config = config.of_kind(front_end) if front_end else config
        except ValueError as e:
            raise SoundbeamError(f"--front-end {front_end}: {e}") from None
        if config.frames(round(window_s * config.rate)) < 1:
            raise SoundbeamError(f"--window {window_s:g}: shorter than a frame of {config.frame / config.rate:g} s")
        recipe, hop_s = self.recipe, self.hop_s if window_s == self.window_s else min(self.hop_s, window_s / 2)
        if warp is not None:
            recipe = dataclasses.replace(recipe, warp=warp)
        if windows:
            batches = max(1, round(windows / recipe.batch))
            epochs = min(10, batches)
            recipe = dataclasses.replace(recipe, epochs=epochs, steps=round(batches / epochs))
        return dataclasses.replace(self, front_end=config, window_s=window_s, hop_s=hop_s, recipe=recipe)

    def at_rate(self, rate: int) -> Architecture:
        """This architecture for examples of another rate: frames of the same seconds, bands to the same share of it.

        Args:
            rate: Hz.
        """
        if rate == self.rate:
            return self
        return dataclasses.replace(self, front_end=self.front_end.at_rate(rate))

    def describe(self) -> dict[str, Any]:
        """Plain values for a bundle's report."""
        return {
            "name": self.name,
            "source": self.source,
            "members": self.members,
            "recipe": dataclasses.asdict(self.recipe),
        }

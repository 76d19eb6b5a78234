"""Conditions each clip before it is used."""

from __future__ import annotations

import dataclasses

import numpy as np

from soundbeam.model.frontend.conditioning import Step, as_text, condition, kept_ranges, unpack_noise
from soundbeam.transforms.examples.clip_decoding import read_clip


@dataclasses.dataclass(frozen=True)
class Conditioning:
    """How clips are conditioned.

    Attributes:
        cuts: The steps that cut clips.
        steps: The steps that change the sound of a window.
        noise: The noise clip, as text; "" where there is none.
    """

    cuts: tuple[Step, ...] = ()
    steps: tuple[Step, ...] = ()
    noise: str = ""

    def recorded(self) -> dict[str, str]:
        """What a manifest records; empty if nothing is conditioned."""
        values = {"condition": as_text(self.steps), "noise": self.noise, "cuts": as_text(self.cuts)}
        return {name: value for name, value in values.items() if value}

    def kept_spans(self, waveform: np.ndarray) -> list[tuple[int, int]]:
        """The first sample and the end of each part that the cuts leave of a clip, float32 ``[samples]``."""
        return kept_ranges(waveform, self.cuts)

    def apply(self, waveform: np.ndarray, rate: int) -> np.ndarray:
        """A clip, or a part of it, after the steps; both are float32 ``[samples]``."""
        return condition(waveform[None], rate, self.steps, unpack_noise(self.noise))[0]

    def read(self, clip, rate: int) -> np.ndarray:
        """Reads a clip, trims it and applies the steps."""
        waveform = read_clip(clip, rate)
        kept = self.kept_spans(waveform)
        return self.apply(waveform[kept[0][0] : kept[-1][1]], rate) if kept else waveform[:0]

"""What is done to each clip first."""

from __future__ import annotations

import dataclasses

import numpy as np

from soundbeam.model.frontend.conditioning import Step, as_text, condition, kept_ranges, unpack_noise
from soundbeam.transforms.examples.clip_sound import read_clip


@dataclasses.dataclass(frozen=True)
class Conditioning:
    """What was asked for.

    Attributes:
        cuts: For clips.
        steps: For windows.
        noise: The noise clip, as text; "" where there is none.
    """

    cuts: tuple[Step, ...] = ()
    steps: tuple[Step, ...] = ()
    noise: str = ""

    def recorded(self) -> dict[str, str]:
        """For a manifest: nothing where nothing was asked for."""
        values = {"condition": as_text(self.steps), "noise": self.noise, "cuts": as_text(self.cuts)}
        return {name: value for name, value in values.items() if value}

    def stretches(self, waveform: np.ndarray) -> list[tuple[int, int]]:
        """First sample and end of what the cuts leave of a clip, float32 ``[samples]``."""
        return kept_ranges(waveform, self.cuts)

    def apply(self, waveform: np.ndarray, rate: int) -> np.ndarray:
        """A clip, or a stretch of it, after the steps; float32 ``[samples]`` both."""
        return condition(waveform[None], rate, self.steps, unpack_noise(self.noise))[0]

    def read(self, clip, rate: int) -> np.ndarray:
        """A clip as one sound: trimmed, then taken through the steps."""
        waveform = read_clip(clip, rate)
        kept = self.stretches(waveform)
        return self.apply(waveform[kept[0][0] : kept[-1][1]], rate) if kept else waveform[:0]

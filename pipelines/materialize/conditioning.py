"""The options that say how sound is conditioned: which steps, and what the noise is."""

from __future__ import annotations

import argparse
import dataclasses

import numpy as np

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.extras import require
from soundbeam.model.frontend.conditioning import (
    Step,
    as_text,
    condition,
    pack_noise,
    packages_of,
    parse,
    stretches,
    unpack_noise,
)
from soundbeam.pipelines.clips import read_clip

# A noise clip is read no further.
_NOISE_READ_S = 10.0


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of conditioning to a parser."""
    parser.add_argument(
        "--condition",
        default="",
        metavar="STEP[=X],…",
        help="what is done to the sound: pre-emphasis[=0.97], loudness[=-23] (LUFS), denoise[=1] (share of the noise), "
        "each to every window, in training and scanning alike; and to clips only trim[=60] and split[=60] (decibels "
        "below the loudest)",
    )
    parser.add_argument("--noise", metavar="FILE", help="for denoise: a clip of noise alone, instead of each window")


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
        return stretches(waveform, self.cuts)

    def apply(self, waveform: np.ndarray, rate: int) -> np.ndarray:
        """A clip, or a stretch of it, after the steps; float32 ``[samples]`` both."""
        return condition(waveform[None], rate, self.steps, unpack_noise(self.noise))[0]

    def read(self, clip, rate: int) -> np.ndarray:
        """A clip as one sound: trimmed, then taken through the steps."""
        waveform = read_clip(clip, rate)
        kept = self.stretches(waveform)
        return self.apply(waveform[kept[0][0] : kept[-1][1]], rate) if kept else waveform[:0]


def asked_for(options) -> Conditioning:
    """The conditioning that the options say.

    Raises:
        SoundbeamError: It cannot be, or a package is missing, or the noise clip cannot be used.
    """
    try:
        cuts, steps = parse(options.condition)
    except ValueError as e:
        raise SoundbeamError(f"--condition {options.condition}: {e}") from e
    require(f"--condition {options.condition}", packages_of((*cuts, *steps)))
    if options.features:
        refused = [name for name, _ in cuts if name == "split" or options.features == "images"]
        if refused:
            raise SoundbeamError(f"--condition {refused[0]} does not go with --features {options.features}")
    if not options.noise:
        return Conditioning(cuts, steps)
    if "denoise" not in dict(steps):
        raise SoundbeamError("--noise is for --condition denoise; say both")
    from soundbeam.transforms.decoding.decode_recordings import read_recording

    return Conditioning(
        cuts, steps, pack_noise(read_recording(options.noise, options.rate, 0.0, _NOISE_READ_S), options.rate)
    )

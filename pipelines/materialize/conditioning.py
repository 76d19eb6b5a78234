"""The options for conditioning sound: the steps, and a clip of noise."""

from __future__ import annotations

import argparse

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.extras import require
from soundbeam.model.frontend.conditioning import (
    pack_noise,
    packages_of,
    parse,
)
from soundbeam.transforms.examples.conditioning import Conditioning

# Seconds of the noise clip that are read.
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
    parser.add_argument("--noise", metavar="FILE", help="for denoise: noise alone, not each window")


def read_conditioning(options) -> Conditioning:
    """Reads the conditioning from the options.

    Raises:
        SoundbeamError: An option is invalid, a package is missing, or the noise clip cannot be used.
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
    from soundbeam.transforms.decoding.excerpt import read_recording

    return Conditioning(
        cuts, steps, pack_noise(read_recording(options.noise, options.rate, 0.0, _NOISE_READ_S), options.rate)
    )

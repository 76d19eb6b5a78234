"""Front end and network joined into one model."""

from __future__ import annotations

import keras

from soundbeam.model.frontend import FrontEnd

FRONT_END, NETWORK = "front_end", "network"


def assemble(front_end: FrontEnd, network: keras.Model, samples: int) -> keras.Model:
    """One model (batch, samples) → (batch, labels) from a front end and the network over its spectrograms."""
    waveform = keras.Input((samples,), name="waveform")
    return keras.Model(waveform, network(front_end(waveform)), name="classifier")

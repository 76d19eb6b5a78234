"""The kinds that librosa computes."""

from __future__ import annotations

import tensorflow as tf

from model.frontend.config import FrontEndConfig


def tonal(kind: str, config: FrontEndConfig, waveform: tf.Tensor) -> tf.Tensor:
    """(batch, samples) → (batch, frames, bins)."""
    raise NotImplementedError(kind)

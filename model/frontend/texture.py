"""Statistics of how the mel bands of a whole window move: the front end ``texture``.

Rain, fire, surf and engines have no event to wait for; what tells them apart is how their bands flicker. Moments of
the bands' envelopes and the power of their modulation are what listeners go by (McDermott and Simoncelli, Sound texture
perception via statistics of the auditory periphery, Neuron 2011), and what Ellis, Zeng and McDermott told sound tracks
apart by (Classifying soundtracks with audio texture features, ICASSP 2011).
"""

from __future__ import annotations

import functools
import itertools

import numpy as np
import tensorflow as tf

from soundbeam.model.frontend.kinds import GROUPS, MODULATIONS
from soundbeam.model.frontend.weights import cosine_weights

LOWEST_HZ = 0.2  # of modulation; the highest is half of the frames a second
FLOOR = 1e-3  # of a band's power relative to the window's mean: what is 30 dB below it is silence
_FAINT = 1e-4


def texture(log_mel: tf.Tensor, coefficients: int, frames_per_s: float) -> tf.Tensor:
    """The statistics, one after another:

    - of each band its mean, deviation, and mean step from frame to frame;
    - of each cepstral coefficient the last two;
    - of each of 16 groups of bands, for each of 16 ranges of modulation frequency, the logarithm of the power of its
      modulation (``|DFT|² / frames``, mean over the range).

    All of logarithms of powers relative to the window's mean: how loud a window is does not matter.

    Args:
        log_mel: (batch, frames, bands) natural logarithms of powers.
        coefficients: How many cepstral coefficients.
        frames_per_s: Of ``log_mel``.

    Returns:
        (batch, values).
    """
    _, frames, bands = log_mel.shape
    mean = tf.reduce_logsumexp(log_mel, axis=[1, 2], keepdims=True) - float(np.log(frames * bands))
    x = tf.math.log(tf.exp(log_mel - mean) + FLOOR)
    cepstra = tf.tensordot(x, tf.constant(cosine_weights(bands, coefficients).astype(np.float32)), 1)
    parts = [tf.reduce_mean(x, axis=1), *_movement(x), *_movement(cepstra), _modulation(x, frames_per_s)]
    return tf.concat(parts, axis=1)


def _movement(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """(batch, frames, n) → (batch, n) twice: deviation, and mean step from frame to frame."""
    steps = tf.abs(x[:, 1:] - x[:, :-1])
    return tf.math.reduce_std(x, axis=1), tf.reduce_sum(steps, axis=1) / max(1, x.shape[1] - 1)


def _modulation(x: tf.Tensor, frames_per_s: float) -> tf.Tensor:
    """(batch, frames, bands) → (batch, groups · ranges)."""
    _, frames, bands = x.shape
    edges = np.round(np.linspace(0, bands, min(GROUPS, bands) + 1)).astype(int)
    groups = tf.stack([tf.reduce_mean(x[:, :, a:b], axis=2) for a, b in itertools.pairwise(edges)], axis=1)
    groups -= tf.reduce_mean(groups, axis=2, keepdims=True)
    size = 1 << (2 * frames - 1).bit_length()
    power = tf.square(tf.abs(tf.signal.rfft(groups, [size]))) / frames
    ranges = tf.tensordot(power, tf.constant(modulation_weights(size, frames_per_s)), 1)
    return tf.reshape(tf.math.log(ranges + _FAINT), [-1, groups.shape[1] * MODULATIONS])


@functools.lru_cache(maxsize=8)
def modulation_weights(size: int, frames_per_s: float) -> np.ndarray:
    """float32 ``[size / 2 + 1, 16]``: powers of DFT bins → their mean in each range of modulation frequency.

    Ranges grow geometrically; one that holds no bin gets the bin nearest to its middle.
    """
    hz = np.arange(size // 2 + 1) * frames_per_s / size
    edges = np.geomspace(LOWEST_HZ, frames_per_s / 2, MODULATIONS + 1)
    weights = ((hz[:, None] >= edges[:-1]) & (hz[:, None] < edges[1:])).astype(np.float32)
    for i in np.flatnonzero(weights.sum(axis=0) == 0):
        weights[np.argmin(np.abs(hz - np.sqrt(edges[i] * edges[i + 1]))), i] = 1.0
    return weights / weights.sum(axis=0)

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
import scipy.fft

from soundbeam.model.frontend.kinds import GROUPS, MODULATIONS
from soundbeam.model.frontend.weights import WeightedSums, cosine_weights

LOWEST_HZ = 0.2  # of modulation; the highest is half of the frames a second
FLOOR = 1e-3  # of a band's power relative to the window's mean: what is 30 dB below it is silence
_FAINT = 1e-4


def texture(log_mel: np.ndarray, coefficients: int, frames_per_s: float) -> np.ndarray:
    """The statistics, one after another:

    - of each band its mean, deviation, and mean step from frame to frame;
    - of each cepstral coefficient the last two;
    - of each of 16 groups of bands, for each of 16 ranges of modulation frequency, the logarithm of the power of its
      modulation (``|DFT|² / frames``, mean over the range).

    All of logarithms of powers relative to the window's mean: how loud a window is does not matter.

    Args:
        log_mel: float32 ``[n, frames, bands]``: natural logarithms of powers.
        coefficients: How many cepstral coefficients.
        frames_per_s: Of ``log_mel``.

    Returns:
        float32 ``[n, values]``.
    """
    # Relative to the highest first: no power overflows.
    x = log_mel - log_mel.max(axis=(1, 2), keepdims=True)
    np.exp(x, out=x)
    x /= x.mean(axis=(1, 2), dtype=np.float64, keepdims=True).astype(np.float32)
    x += np.float32(FLOOR)
    np.log(x, out=x)
    bands = x.shape[-1]
    cepstra = WeightedSums(cosine_weights(bands, coefficients))(x.reshape(-1, bands)).reshape(
        *x.shape[:2], coefficients
    )
    parts = [x.mean(axis=1, dtype=np.float64), *_movement(x), *_movement(cepstra), _modulation(x, frames_per_s)]
    return np.concatenate(parts, axis=1, dtype=np.float32)


def _movement(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``[n, frames, values]`` → ``[n, values]`` twice: deviation, and mean step from frame to frame."""
    steps = np.abs(np.diff(x, axis=1)).sum(axis=1, dtype=np.float64)
    return x.std(axis=1, dtype=np.float64), steps / max(1, x.shape[1] - 1)


def _modulation(x: np.ndarray, frames_per_s: float) -> np.ndarray:
    """``[n, frames, bands]`` → ``[n, groups · ranges]``."""
    frames, bands = x.shape[1:]
    edges = np.round(np.linspace(0, bands, min(GROUPS, bands) + 1)).astype(int)
    groups = np.stack([x[:, :, a:b].mean(axis=2) for a, b in itertools.pairwise(edges)], axis=1)
    groups -= groups.mean(axis=2, keepdims=True)
    size = 1 << (2 * frames - 1).bit_length()
    power = np.square(np.abs(scipy.fft.rfft(groups, size))) / np.float32(frames)
    ranges = np.matmul(power, modulation_weights(size, frames_per_s))
    return np.log(ranges + np.float32(_FAINT)).reshape(len(x), groups.shape[1] * MODULATIONS)


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

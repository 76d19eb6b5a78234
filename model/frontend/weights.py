"""The constants of the front ends: the window, from FFT bins to bands, from bands to coefficients."""

from __future__ import annotations

import numpy as np

from soundbeam.model.frontend.kinds import CHROMA, Bands

# Multiply-adds of one product up to which OpenBLAS, NumPy's, computes it in the calling thread. Its other threads gain
# nothing on products of this size, and wait busily between them: twice the processor time was measured.
_ONE_THREAD = 1 << 18
_GROUP = 16  # columns of one product: neighbouring bands, which reach over few of the bins


class WeightedSums:
    """The product of rows with constant weights, without the zeros of mel filters: called with ``[n, values]``.

    Args:
        weights: ``[values, sums]``.
        dtype: Of what it takes and gives.
    """

    def __init__(self, weights: np.ndarray, dtype: type[np.floating] = np.float32):
        self._sums, self._dtype = weights.shape[1], dtype
        self._parts = []
        for first in range(0, self._sums, _GROUP):
            part = weights[:, first : first + _GROUP]
            reached = np.flatnonzero(part.any(axis=1))
            values = slice(reached[0], reached[-1] + 1) if len(reached) else slice(0, 0)
            self._parts.append((values, slice(first, first + _GROUP), np.ascontiguousarray(part[values], dtype)))

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """``[n, values]`` → ``[n, sums]``, a new array."""
        sums = np.empty((len(rows), self._sums), self._dtype)
        for values, columns, weights in self._parts:
            size = max(1, _ONE_THREAD // max(1, weights.size))
            for i in range(0, len(rows), size):
                sums[i : i + size, columns] = rows[i : i + size, values] @ weights
        return sums


def hann_window(samples: int) -> np.ndarray:
    """float64 ``[samples]``: the periodic Hann window; of an odd length the symmetric one, as ``tf.signal`` has it."""
    period = samples if samples % 2 == 0 else max(1, samples - 1)
    return 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(samples) / period) if samples > 1 else np.ones(1)


def mel_weights(mel: Bands, rate: int, fft: int) -> np.ndarray:
    """Triangular filters on the mel scale 2595 log10(1 + f / 700) (O'Shaughnessy 1987), each with peak 1.

    A band narrower than an FFT bin gets the bin nearest to its centre, so that no band is empty.

    Args:
        mel: The mel bands.
        rate: Hz.
        fft: Length of the FFT.

    Returns:
        float32 ``[fft / 2 + 1, bands]``: powers of FFT bins → powers of bands.
    """

    low_mel, high_mel = (2595.0 * np.log10(1.0 + hz / 700.0) for hz in (mel.low_hz, mel.high_hz))
    edges = 700.0 * (10.0 ** (np.linspace(low_mel, high_mel, mel.bands + 2) / 2595.0) - 1.0)
    hz = np.arange(fft // 2 + 1)[:, None] * rate / fft
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    weights = np.maximum(0.0, np.minimum((hz - low) / (centre - low), (high - hz) / (high - centre)))
    for band in np.flatnonzero(weights.sum(axis=0) == 0):
        weights[np.argmin(np.abs(hz[:, 0] - centre[band])), band] = 1.0
    return weights.astype(np.float32)


def gammatone_centres(low_hz: float, high_hz: float, bands: int) -> np.ndarray:
    """Frequencies evenly spaced on the ERB-rate scale 21.4 log10(1 + 0.00437 f) (Glasberg and Moore 1990), Hz."""
    low, high = (21.4 * np.log10(1.0 + 0.00437 * hz) for hz in (low_hz, high_hz))
    return (10.0 ** (np.linspace(low, high, bands) / 21.4) - 1.0) / 0.00437


def gammatone_weights(gammatone: Bands, rate: int, fft: int) -> np.ndarray:
    """Power responses of gammatone filters of order 4, each with peak 1 (Patterson et al. 1987).

    Args:
        gammatone: The gammatone bands.
        rate: Hz.
        fft: Length of the FFT.

    Returns:
        float32 ``[fft / 2 + 1, bands]``: ``(1 + ((f - centre) / b)²)⁻⁴`` with b = 1.019 × 24.7 (0.00437 centre + 1).
    """
    centres = gammatone_centres(gammatone.low_hz, gammatone.high_hz, gammatone.bands)
    width = 1.019 * 24.7 * (0.00437 * centres + 1.0)
    hz = np.arange(fft // 2 + 1)[:, None] * rate / fft
    return ((1.0 + ((hz - centres) / width) ** 2) ** -4).astype(np.float32)


def cosine_weights(values: int, coefficients: int) -> np.ndarray:
    """The orthonormal DCT-II, float64 ``[values, coefficients]``."""
    n, k = np.arange(values)[:, None], np.arange(coefficients)[None, :]
    weights = np.sqrt(2.0 / values) * np.cos(np.pi * (2 * n + 1) * k / (2 * values))
    weights[:, 0] /= np.sqrt(2.0)
    return weights


def chroma_weights(rate: int, fft: int, tuning: float = 0.0) -> np.ndarray:
    """Gaussian bumps around the octaves of 12 pitch classes from C, weighted towards 880 Hz (Ellis 2007).

    Each bin's weights have Euclidean norm 1 before the weighting, a Gaussian of 2 octaves. It is librosa's filter bank.

    Args:
        rate: Hz.
        fft: Length of the FFT.
        tuning: Of the recording, in semitones off A = 440 Hz.

    Returns:
        float64 ``[fft / 2 + 1, 12]``.
    """
    hz = np.arange(1, fft) * rate / fft
    a0 = 440.0 * 2.0 ** (tuning / CHROMA) / 16.0
    semitones = CHROMA * np.log2(hz / a0)
    semitones = np.concatenate([[semitones[0] - 1.5 * CHROMA], semitones])
    width = np.append(np.maximum(np.diff(semitones), 1.0), 1.0)[:, None]
    away = np.remainder(semitones[:, None] - np.arange(CHROMA) + 10.5 * CHROMA, CHROMA) - CHROMA / 2
    weights = np.exp(-0.5 * (2.0 * away / width) ** 2)
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    weights *= np.exp(-0.5 * ((semitones[:, None] / CHROMA - 5.0) / 2.0) ** 2)
    return np.roll(weights, -3, axis=1)[: fft // 2 + 1]  # from A to C


def resize_weights(values: int, size: int) -> np.ndarray:
    """Linear interpolation, ends on ends: float32 ``[values, size]``."""
    position = np.linspace(0, values - 1, size)
    left = np.minimum(np.floor(position).astype(int), max(0, values - 2))
    weights = np.zeros((values, size), np.float32)
    weights[left, np.arange(size)] = 1.0 - (position - left)
    if values > 1:
        weights[left + 1, np.arange(size)] += position - left
    return weights

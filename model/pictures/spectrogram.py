"""Spectrograms for pictures: decibels on the mel scale, one column a pixel at most; NumPy only."""

from __future__ import annotations

import numpy as np

_FRAME_S = 0.064
_FRAMES_AT_ONCE = 2048  # bounds memory


def mel(hz: np.ndarray | float) -> np.ndarray:
    """Hz → mel, m = 2595 log₁₀(1 + f / 700) (O'Shaughnessy, Speech Communication, 1987)."""
    return 2595.0 * np.log10(1.0 + np.asarray(hz, np.float64) / 700.0)


def hertz(mels: np.ndarray | float) -> np.ndarray:
    """mel → Hz, the inverse of `mel`."""
    return 700.0 * (10.0 ** (np.asarray(mels, np.float64) / 2595.0) - 1.0)


def mel_spectrogram_db(samples: np.ndarray, rate: int, columns: int = 1600, bands: int = 200) -> np.ndarray:
    """Power over time and frequency.

    Hann frames of about 64 ms (a power of two of samples), from an eighth to half of a frame apart; the sound is padded
    with zeros by half a frame at both ends. Each column is the mean power of its frames, each band the mean over its
    frequencies, from 0 to rate / 2 in equal steps of mel.

    Args:
        samples: float32 ``[samples]``.
        rate: Hz.
        columns: At most so many.
        bands: How many.

    Returns:
        float32 ``[bands, columns]``, lowest first: dB, 0 for a full-scale sine within one bin, −120 at least.
    """
    frame = 1 << max(4, round(np.log2(_FRAME_S * rate)))
    step = int(np.clip(len(samples) // columns, frame // 8, frame // 2))
    padded = np.pad(np.asarray(samples, np.float32), frame // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, frame)[::step]
    columns = min(columns, len(frames))
    column = np.arange(len(frames)) * columns // len(frames)
    window = np.hanning(frame + 1)[:-1].astype(np.float32)
    weights = band_weights(rate, frame, bands)
    total = np.zeros((columns, bands))
    for first in range(0, len(frames), _FRAMES_AT_ONCE):
        part = np.fft.rfft(frames[first : first + _FRAMES_AT_ONCE] * window, axis=1)
        power = (part.real**2 + part.imag**2) / (window.sum() / 2) ** 2
        np.add.at(total, column[first : first + _FRAMES_AT_ONCE], power @ weights)
    mean = total / np.bincount(column, minlength=columns)[:, None]
    return (10 * np.log10(np.maximum(mean, 1e-12))).T.astype(np.float32)


def band_weights(rate: int, frame: int, bands: int) -> np.ndarray:
    """float64 ``[bins, bands]``: how much of each band each bin of an FFT fills; every band's weights sum to 1."""
    spacing = rate / frame
    low = np.maximum((np.arange(frame // 2 + 1) - 0.5) * spacing, 0.0)
    high = np.minimum((np.arange(frame // 2 + 1) + 0.5) * spacing, rate / 2)
    edges = hertz(np.linspace(0, mel(rate / 2), bands + 1))
    shared = np.minimum(high[:, None], edges[1:]) - np.maximum(low[:, None], edges[:-1])
    return np.maximum(shared, 0) / np.diff(edges)

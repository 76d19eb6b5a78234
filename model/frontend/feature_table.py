"""One row of numbers of a whole sound: the feature table's, and the front end ``summary``.

They are librosa's, with its defaults (0.11: frames of 2048 samples, centred, zeros beyond the ends, steps of 512),
whatever the front end's own frames are; computed in double precision.
"""

from __future__ import annotations

import functools

import numpy as np
import scipy.fft

from soundbeam.model.frontend.kinds import CHROMA, SUMMARY
from soundbeam.model.frontend.spectra import peak_one
from soundbeam.model.frontend.weights import WeightedSums, chroma_weights, cosine_weights, hann_window

FRAME, STEP = 2048, 512
COEFFICIENTS, BANDS = 20, 128
ROLLOFF = 0.85
SUMMARY_NAMES = (
    "chroma_stft",
    "rms",
    "spectral_centroid",
    "spectral_bandwidth",
    "spectral_rolloff",
    "zero_crossing_rate",
    "spectral_flux",
    *(f"mfcc{k}_mean" for k in range(1, COEFFICIENTS + 1)),
    *(f"mfcc{k}_std" for k in range(1, COEFFICIENTS + 1)),
)
assert len(SUMMARY_NAMES) == SUMMARY
_TUNINGS = np.linspace(-0.5, 0.5, 101)  # semitones: edges of the histogram of how far notes lie off A = 440 Hz
_UNTUNED = 50  # the tuning of 0
_BLOCK = 64  # frames that are transformed at once


def summary(waveforms: np.ndarray, rate: int) -> np.ndarray:
    """The numbers of ``SUMMARY_NAMES``, each a mean over frames (or a standard deviation, ``_std``).

    ``chroma_stft`` is the mean over all pitch classes too; centroid, bandwidth and roll-off (the frequency under which
    85 % of the magnitude lie) are in Hz; ``spectral_flux`` is librosa's onset strength, decibels a step.

    Args:
        waveforms: float32 ``[n, samples]``.
        rate: Hz.

    Returns:
        float32 ``[n, 47]``.
    """
    return np.stack([_of_one(waveform.astype(np.float64), rate) for waveform in np.asarray(waveforms)])


def _of_one(sound: np.ndarray, rate: int) -> np.ndarray:
    """float64 ``[samples]`` → float32 ``[47]``."""
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(sound, FRAME // 2), FRAME)[::STEP]
    magnitude = np.empty((len(frames), FRAME // 2 + 1))
    for i in range(0, len(frames), _BLOCK):
        np.abs(scipy.fft.rfft(frames[i : i + _BLOCK] * hann_window(FRAME)), out=magnitude[i : i + _BLOCK])
    shape = _shape(magnitude, rate)
    power = np.square(magnitude, out=magnitude)
    decibels = _mel_decibels(power, rate)
    mfcc = decibels @ cosine_weights(BANDS, COEFFICIENTS)
    rms = np.sqrt(np.einsum("fk,fk->f", frames, frames) / FRAME)
    means = [part.mean() for part in (_chroma(power, rate), rms, *shape, _zero_crossings(sound), _flux(decibels))]
    return np.concatenate([means, mfcc.mean(axis=0), mfcc.std(axis=0)], dtype=np.float32)


def _mel_decibels(power: np.ndarray, rate: int) -> np.ndarray:
    """Decibels of 128 mel bands, ``[frames, 128]``, none more than 80 dB below the highest."""
    decibels = 10.0 * np.log10(np.maximum(_slaney_weights(rate)(power), 1e-10))
    return np.maximum(decibels, decibels.max() - 80.0)


@functools.lru_cache(maxsize=4)
def _slaney_weights(rate: int) -> WeightedSums:
    """Triangles of equal area on Slaney's mel scale (Auditory Toolbox, 1998): linear to 1 kHz, then logarithmic."""
    per_linear, per_log = 200.0 / 3.0, np.log(6.4) / 27.0
    top = rate / 2 / per_linear if rate <= 2000 else 15.0 + np.log(rate / 2000.0) / per_log
    mels = np.linspace(0.0, top, BANDS + 2)
    edges = np.where(mels < 15.0, mels * per_linear, 1000.0 * np.exp((mels - 15.0) * per_log))
    hz = _hz(rate)[:, None]
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    weights = np.maximum(0.0, np.minimum((hz - low) / (centre - low), (high - hz) / (high - centre)))
    return WeightedSums(weights * 2.0 / (high - low), np.float64)


def _hz(rate: int) -> np.ndarray:
    return np.arange(FRAME // 2 + 1) * rate / FRAME


def _shape(magnitude: np.ndarray, rate: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centroid, bandwidth and roll-off of each frame, Hz; 0 where it is silent."""
    hz, below = _hz(rate), np.cumsum(magnitude, axis=-1)
    rolloff = hz[np.argmax(below >= ROLLOFF * below[:, -1:], axis=-1)]
    share = np.divide(magnitude, below[:, -1:], out=below, where=below[:, -1:] > 0)
    centroid = share @ hz
    bandwidth = np.sqrt(np.sum(share * np.square(hz - centroid[:, None]), axis=-1))
    return centroid, bandwidth, rolloff


def _zero_crossings(sound: np.ndarray) -> np.ndarray:
    """Changes of sign a sample, of frames; beyond its ends the sound stays as it was."""
    negative = np.pad(sound < -1e-10, FRAME // 2, mode="edge")
    changes = np.concatenate([[0], np.cumsum(negative[1:] != negative[:-1])])
    first = np.arange(0, len(negative) - FRAME + 1, STEP)
    return (changes[first + FRAME - 1] - changes[first]) / FRAME


def _flux(decibels: np.ndarray) -> np.ndarray:
    """Mean rise over the bands since the frame before; the first frames, which see the padding, are 0."""
    rise = np.maximum(np.diff(decibels, axis=0), 0.0).mean(axis=-1)
    return np.pad(rise, (1 + FRAME // (2 * STEP), 0))[: len(decibels)]


def _chroma(power: np.ndarray, rate: int) -> np.ndarray:
    """``[frames, 12]``, the highest of each frame 1; tuned to the sound, as it is estimated from it."""
    return peak_one(power @ _tuned_chroma(rate, _tuning(power, rate)))


@functools.lru_cache(maxsize=100)
def _tuned_chroma(rate: int, tuning: int) -> np.ndarray:
    """float64 ``[bins, 12]``: the filters for one of the tunings."""
    return chroma_weights(rate, FRAME, _TUNINGS[tuning])


def _tuning(power: np.ndarray, rate: int) -> int:
    """Which of the tunings most of the louder spectral peaks have (150 to 4000 Hz), as librosa estimates it.

    Args:
        power: ``[frames, bins]`` of one sound.
        rate: Hz.
    """
    hz = _hz(rate)
    first, end = np.searchsorted(hz, [150.0, min(4000.0, rate / 2)])
    end = min(end, len(hz) - 1)
    floor = 0.1 * power.max(axis=-1, keepdims=True)
    left, middle, right = (power[:, first + k : end + k] for k in (-1, 0, 1))
    # What is not over the floor counts as 0.
    is_peak = (middle > floor) & ((middle > left) | (left <= floor)) & ((middle >= right) | (right <= floor))
    peaks = np.nonzero(is_peak)
    if not len(peaks[0]):
        return _UNTUNED
    a, b, c = left[peaks], middle[peaks], right[peaks]
    slope, curve = (c - a) / 2.0, a + c - 2.0 * b
    shift = np.divide(-slope, curve, out=np.zeros_like(slope), where=np.abs(slope) < np.abs(curve))
    strength = b + 0.5 * slope * shift
    chosen = (peaks[1] + first + shift)[strength >= np.median(strength)]
    deviation = np.mod(CHROMA * np.log2(chosen * rate / FRAME / 27.5), 1.0)
    deviation[deviation >= 0.5] -= 1.0
    tuning = np.searchsorted(_TUNINGS, deviation, side="right") - 1
    return int(np.argmax(np.bincount(np.clip(tuning, 0, 99), minlength=100)))

"""One row of numbers of a whole sound: the feature table's, and the front end ``summary``.

They are librosa's, with its defaults (0.11: frames of 2048 samples, centred, zeros beyond the ends, steps of 512),
whatever the front end's own frames are; computed in double precision in the TensorFlow graph.
"""

from __future__ import annotations

import functools

import numpy as np
import tensorflow as tf

from soundbeam.model.frontend.kinds import CHROMA, SUMMARY
from soundbeam.model.frontend.spectra import peak_one
from soundbeam.model.frontend.weights import chroma_weights, cosine_weights

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


def summary(waveform: tf.Tensor, rate: int) -> tf.Tensor:
    """The numbers of ``SUMMARY_NAMES``, each a mean over frames (or a standard deviation, ``_std``).

    ``chroma_stft`` is the mean over all pitch classes too; centroid, bandwidth and roll-off (the frequency under which
    85 % of the magnitude lie) are in Hz; ``spectral_flux`` is librosa's onset strength, decibels a step.

    Args:
        waveform: float32 (batch, samples).
        rate: Hz.

    Returns:
        float32 (batch, 47).
    """
    sound = tf.cast(waveform, tf.float64)
    padded = tf.pad(sound, [[0, 0], [FRAME // 2, FRAME // 2]])
    magnitude = tf.abs(tf.signal.stft(padded, FRAME, STEP, FRAME))
    power = tf.square(magnitude)
    decibels = _mel_decibels(power, rate)
    mfcc = tf.tensordot(decibels, tf.constant(cosine_weights(BANDS, COEFFICIENTS)), 1)
    rms = tf.sqrt(tf.reduce_mean(tf.square(tf.signal.frame(padded, FRAME, STEP)), axis=-1))
    single = [_chroma(power, rate), rms, *_shape(magnitude, rate), _zero_crossings(sound), _flux(decibels)]
    means = tf.stack([tf.reduce_mean(value, axis=range(1, value.shape.rank)) for value in single], axis=-1)
    return tf.cast(tf.concat([means, tf.reduce_mean(mfcc, 1), tf.math.reduce_std(mfcc, 1)], axis=-1), tf.float32)


def _mel_decibels(power: tf.Tensor, rate: int) -> tf.Tensor:
    """Decibels of 128 mel bands, none more than 80 dB below the highest."""
    bands = tf.tensordot(power, tf.constant(_slaney_weights(rate)), 1)
    decibels = 10.0 / np.log(10.0) * tf.math.log(tf.maximum(bands, tf.constant(1e-10, tf.float64)))
    return tf.maximum(decibels, tf.reduce_max(decibels, axis=[-2, -1], keepdims=True) - 80.0)


@functools.lru_cache(maxsize=4)
def _slaney_weights(rate: int) -> np.ndarray:
    """Triangles of equal area on Slaney's mel scale (Auditory Toolbox, 1998): linear to 1 kHz, then logarithmic."""
    per_linear, per_log = 200.0 / 3.0, np.log(6.4) / 27.0
    top = rate / 2 / per_linear if rate <= 2000 else 15.0 + np.log(rate / 2000.0) / per_log
    mels = np.linspace(0.0, top, BANDS + 2)
    edges = np.where(mels < 15.0, mels * per_linear, 1000.0 * np.exp((mels - 15.0) * per_log))
    hz = _hz(rate)[:, None]
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    weights = np.maximum(0.0, np.minimum((hz - low) / (centre - low), (high - hz) / (high - centre)))
    return weights * 2.0 / (high - low)


def _hz(rate: int) -> np.ndarray:
    return np.arange(FRAME // 2 + 1) * rate / FRAME


def _shape(magnitude: tf.Tensor, rate: int) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Centroid, bandwidth and roll-off of each frame, Hz; 0 where it is silent."""
    hz = tf.constant(_hz(rate))
    below = tf.cumsum(magnitude, axis=-1)
    share = tf.math.divide_no_nan(magnitude, below[..., -1:])
    centroid = tf.reduce_sum(share * hz, axis=-1, keepdims=True)
    bandwidth = tf.sqrt(tf.reduce_sum(share * tf.square(hz - centroid), axis=-1))
    rolloff = tf.gather(hz, tf.argmax(below >= ROLLOFF * below[..., -1:], axis=-1))
    return centroid[..., 0], bandwidth, rolloff


def _zero_crossings(sound: tf.Tensor) -> tf.Tensor:
    """Changes of sign a sample, of frames; beyond its ends the sound stays as it was."""
    negative = tf.cast(sound < -1e-10, tf.float64)
    ends = tf.ones(FRAME // 2, tf.float64)
    padded = tf.concat([negative[:, :1] * ends, negative, negative[:, -1:] * ends], axis=1)
    frames = tf.signal.frame(padded, FRAME, STEP)
    return tf.reduce_sum(tf.abs(frames[..., 1:] - frames[..., :-1]), axis=-1) / FRAME


def _flux(decibels: tf.Tensor) -> tf.Tensor:
    """Mean rise over the bands since the frame before; the first frames, which see the padding, are 0."""
    rise = tf.reduce_mean(tf.nn.relu(decibels[:, 1:] - decibels[:, :-1]), axis=-1)
    return tf.pad(rise, [[0, 0], [1 + FRAME // (2 * STEP), 0]])[:, : tf.shape(decibels)[1]]


def _chroma(power: tf.Tensor, rate: int) -> tf.Tensor:
    """(batch, frames, 12), the highest of each frame 1; tuned to the sound, as it is estimated from it."""
    tuning = tf.map_fn(lambda of_one: _tuning(of_one, rate), power, fn_output_signature=tf.int64)
    weights = tf.cast(tf.gather(tf.constant(_tuned_chroma(rate)), tuning), tf.float64)
    return peak_one(tf.linalg.matmul(power, weights))


@functools.lru_cache(maxsize=4)
def _tuned_chroma(rate: int) -> np.ndarray:
    """float32 ``[100, bins, 12]``: the filters for each tuning."""
    return np.stack([chroma_weights(rate, FRAME, t) for t in _TUNINGS[:-1]]).astype(np.float32)


def _tuning(power: tf.Tensor, rate: int) -> tf.Tensor:
    """Which of the tunings most of the louder spectral peaks have (150 to 4000 Hz), as librosa estimates it.

    Args:
        power: (frames, bins) of one sound.
        rate: Hz.
    """
    left, middle, right = power[:, :-2], power[:, 1:-1], power[:, 2:]
    floor = 0.1 * tf.reduce_max(power, axis=-1, keepdims=True)

    def loud(values: tf.Tensor) -> tf.Tensor:
        return tf.where(values > floor, values, tf.zeros_like(values))

    hz = _hz(rate)[1:-1]
    within = tf.constant((hz >= 150.0) & (hz < min(4000.0, rate / 2)))
    peaks = tf.where(within & (loud(middle) > loud(left)) & (loud(middle) >= loud(right)))
    a, b, c = (tf.gather_nd(values, peaks) for values in (left, middle, right))
    slope, curve = (c - a) / 2.0, a + c - 2.0 * b
    shift = tf.where(tf.abs(slope) >= tf.abs(curve), tf.zeros_like(slope), tf.math.divide_no_nan(-slope, curve))
    strength = b + 0.5 * slope * shift
    ordered, n = tf.sort(strength), tf.shape(strength)[0]
    # Of no peaks at all: nothing is taken, and the tuning is 0.
    median = tf.cond(n > 0, lambda: (ordered[(n - 1) // 2] + ordered[n // 2]) / 2.0, lambda: tf.zeros((), tf.float64))
    chosen = tf.boolean_mask(tf.cast(peaks[:, 1] + 1, tf.float64) + shift, strength >= median)
    deviation = tf.math.floormod(CHROMA * tf.math.log(chosen * rate / FRAME / 27.5) / np.log(2.0), 1.0)
    deviation = tf.where(deviation >= 0.5, deviation - 1.0, deviation)
    tuning_bin = tf.searchsorted(tf.constant(_TUNINGS), deviation, side="right", out_type=tf.int64) - 1
    counts = tf.math.bincount(tf.cast(tf.clip_by_value(tuning_bin, 0, 99), tf.int32), minlength=100, maxlength=100)
    return tf.where(n > 0, tf.argmax(counts), tf.constant(50, tf.int64))

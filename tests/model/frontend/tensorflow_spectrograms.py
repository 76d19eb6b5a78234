"""The front end by TensorFlow, as soundbeam computed it until 0.9 in training and in scanning: what bundles learned of.

Only what differs from NumPy's in more than the name is here: ``tf.signal`` for the frames, float32 sums for the rest.
"""

import numpy as np
import tensorflow as tf

from soundbeam.model.frontend import FrontEndConfig
from soundbeam.model.frontend.kinds import Features
from soundbeam.model.frontend.weights import (
    chroma_weights,
    cosine_weights,
    gammatone_weights,
    mel_weights,
    resize_weights,
)

KINDS = ("stft", "power", "complex", "magnitude_phase", "log_mel", "pcen", "mfcc", "gfcc", "chroma_stft")


def by_tensorflow(windows: np.ndarray, c: FrontEndConfig) -> np.ndarray:
    """float32 ``[n, samples]`` → float32 ``[n, frames, bins, channels]``."""
    spectra = tf.signal.stft(windows, c.frame, c.step, c.fft)
    channels = [channel for features in c.features for channel in _channels(spectra, features, c)]
    return tf.stack([_normalised(_resized(channel, c.bins), c) for channel in channels], axis=-1).numpy()


def _channels(spectra: tf.Tensor, features: Features, c: FrontEndConfig) -> list[tf.Tensor]:
    real, imaginary, magnitude = tf.math.real(spectra), tf.math.imag(spectra), tf.abs(spectra)
    power = tf.square(real) + tf.square(imaginary)
    if features.kind in ("log_mel", "mfcc"):
        log_mel = tf.math.log(tf.tensordot(power, mel_weights(features, c.rate, c.fft), 1) + features.floor)
        return [log_mel if features.kind == "log_mel" else _cosine(log_mel, features)]
    if features.kind == "gfcc":
        bands = tf.tensordot(power, gammatone_weights(features, c.rate, c.fft), 1) + features.floor
        return [_cosine(tf.pow(bands, 1.0 / 3.0), features)]
    if features.kind == "chroma_stft":
        classes = tf.tensordot(power, chroma_weights(c.rate, c.fft).astype(np.float32), 1)
        return [tf.math.divide_no_nan(classes, tf.reduce_max(classes, axis=-1, keepdims=True))]
    if features.kind == "pcen":
        return [_pcen(tf.tensordot(magnitude, mel_weights(features, c.rate, c.fft), 1), features, c)]
    return {
        "stft": [magnitude],
        "power": [power],
        "complex": [real, imaginary],
        "magnitude_phase": [magnitude, tf.math.atan2(imaginary, real)],
    }[features.kind]


def _cosine(values: tf.Tensor, features: Features) -> tf.Tensor:
    return tf.tensordot(values, cosine_weights(features.bands, features.coefficients).astype(np.float32), 1)


def _pcen(magnitudes: tf.Tensor, features: Features, c: FrontEndConfig) -> tf.Tensor:
    time = features.pcen_time_s * c.rate / c.step
    b = (np.sqrt(1.0 + 4.0 * time**2) - 1.0) / (2.0 * time**2)
    energy = tf.unstack(magnitudes * 2.0**31, axis=1)
    smooth = energy[:1]
    for frame in energy[1:]:
        smooth.append(b * frame + (1 - b) * smooth[-1])
    gained = tf.stack(energy, 1) * tf.pow(1e-6 + tf.stack(smooth, 1), -features.pcen_gain)
    return tf.pow(gained + features.pcen_bias, features.pcen_power) - features.pcen_bias**features.pcen_power


def _resized(values: tf.Tensor, bins: int) -> tf.Tensor:
    return values if values.shape[-1] == bins else tf.tensordot(values, resize_weights(values.shape[-1], bins), 1)


def _normalised(values: tf.Tensor, c: FrontEndConfig) -> tf.Tensor:
    if c.normalise == "percentile":
        rank = int(0.25 * (values.shape[1] - 1))
        background = tf.sort(values, axis=1)[:, rank : rank + 1]
        return tf.clip_by_value(values - background, *c.clip) * (2.0 / c.clip[1])
    if c.normalise == "none":
        return values
    axes = [1, 2] if c.normalise == "window" else [1]
    centred = values - tf.reduce_mean(values, axes, keepdims=True)
    return centred / (tf.sqrt(tf.reduce_mean(tf.square(centred), axes, keepdims=True)) + 1e-6)

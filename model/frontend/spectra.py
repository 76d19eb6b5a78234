"""The kinds that come of one STFT, in the TensorFlow graph: frame by frame, but for ``texture``, which is of all."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from soundbeam.model.frontend.config import FrontEndConfig
from soundbeam.model.frontend.texture import texture
from soundbeam.model.frontend.weights import chroma_weights, cosine_weights, gammatone_weights, mel_weights

# Full scale of PCEN's input, as in 32-bit samples: its constants are meant for it (Lostanlen et al. 2019).
_FULL_SCALE = 2.0**31
_PCEN_EPSILON = 1e-6


class FrameSpectra:
    """The frame-by-frame kinds of a front end; called with (…, samples), gives kind → (…, frames, values).

    ``texture`` takes whole windows and has one frame. The channels of ``complex`` and ``magnitude_phase`` stand one
    after another. ``pcen`` is yet without its smoother: ``pcen`` does that, of whole windows.

    Args:
        config: The front end.
    """

    def __init__(self, config: FrontEndConfig):
        self._config, kinds = config, config.kinds
        self._mel = mel_weights(config) if {"log_mel", "pcen", "mfcc", "texture"} & set(kinds) else None
        self._gammatone = gammatone_weights(config) if "gfcc" in kinds else None
        self._cosine = cosine_weights(config.bands, config.coefficients).astype(np.float32)
        self._chroma = None
        if "chroma_stft" in kinds:
            self._chroma = chroma_weights(config.rate, config.fft).astype(np.float32)
        how = {
            "stft": tf.abs,
            "power": self._power,
            "complex": self._complex,
            "magnitude_phase": self._magnitude_phase,
            "log_mel": self._log_mel,
            "pcen": self._mel_magnitudes,
            "mfcc": self._mfcc,
            "gfcc": self._gfcc,
            "chroma_stft": self._chroma_stft,
            "texture": self._texture,
        }
        self._compute = {kind: how[kind] for kind in kinds if kind in how}

    def __call__(self, waveform: tf.Tensor) -> dict[str, tf.Tensor]:
        """(…, samples) → kind → (…, frames, values)."""
        if not self._compute:
            return {}
        c = self._config
        bins = tf.signal.stft(waveform, c.frame, c.step, c.fft)
        return {kind: compute(bins) for kind, compute in self._compute.items()}

    def _power(self, bins: tf.Tensor) -> tf.Tensor:
        return tf.math.square(tf.math.real(bins)) + tf.math.square(tf.math.imag(bins))

    def _complex(self, bins: tf.Tensor) -> tf.Tensor:
        return tf.concat([tf.math.real(bins), tf.math.imag(bins)], axis=-1)

    def _magnitude_phase(self, bins: tf.Tensor) -> tf.Tensor:
        return tf.concat([tf.abs(bins), tf.math.atan2(tf.math.imag(bins), tf.math.real(bins))], axis=-1)

    def _log_mel(self, bins: tf.Tensor) -> tf.Tensor:
        return tf.math.log(tf.tensordot(self._power(bins), tf.constant(self._mel), 1) + self._config.floor)

    def _mel_magnitudes(self, bins: tf.Tensor) -> tf.Tensor:
        return tf.tensordot(tf.abs(bins), tf.constant(self._mel), 1)

    def _mfcc(self, bins: tf.Tensor) -> tf.Tensor:
        return tf.tensordot(self._log_mel(bins), tf.constant(self._cosine), 1)

    def _texture(self, bins: tf.Tensor) -> tf.Tensor:
        c = self._config
        return texture(self._log_mel(bins), c.coefficients, c.rate / c.step)[:, None]

    def _gfcc(self, bins: tf.Tensor) -> tf.Tensor:
        power = tf.tensordot(self._power(bins), tf.constant(self._gammatone), 1) + self._config.floor
        return tf.tensordot(tf.pow(power, 1.0 / 3.0), tf.constant(self._cosine), 1)

    def _chroma_stft(self, bins: tf.Tensor) -> tf.Tensor:
        return peak_one(tf.tensordot(self._power(bins), tf.constant(self._chroma), 1))


def peak_one(values: tf.Tensor) -> tf.Tensor:
    """Divides each frame by its highest value, which is not below zero; a silent frame stays as it is."""
    peak = tf.reduce_max(values, axis=-1, keepdims=True)
    return values / tf.where(peak < np.finfo(values.dtype.as_numpy_dtype).tiny, tf.ones_like(peak), peak)


def pcen(magnitudes: tf.Tensor, config: FrontEndConfig) -> tf.Tensor:
    """Per-channel energy normalisation (Wang et al. 2017): ``(E / (ε + M)^α + δ)^r - δ^r``.

    M is E smoothed over time by a first-order filter, with the coefficient that librosa takes for a time constant; it
    begins at the first frame's value, as if that had lasted for ever.

    Args:
        magnitudes: (batch, frames, bands), of samples of full scale 1.
        config: The front end, for α, δ, r and the time constant.
    """
    energy = magnitudes * _FULL_SCALE
    time = config.pcen_time_s * config.rate / config.step
    b = (np.sqrt(1.0 + 4.0 * time**2) - 1.0) / (2.0 * time**2)
    # The smoother as a matrix: frame t holds b (1 - b)^(t - k) of frame k, and of the first what is left.
    at = tf.range(tf.shape(energy)[-2])
    lag = tf.cast(at[:, None] - at[None, :], energy.dtype)
    weights = tf.where(at[None, :] == 0, 1.0, float(b)) * tf.pow(tf.constant(1.0 - b, energy.dtype), tf.maximum(lag, 0))
    smooth = tf.einsum("tk,...kb->...tb", tf.where(lag >= 0, weights, 0.0), energy)
    gained = energy * tf.exp(-config.pcen_gain * tf.math.log(_PCEN_EPSILON + smooth))
    return tf.pow(gained + config.pcen_bias, config.pcen_power) - config.pcen_bias**config.pcen_power

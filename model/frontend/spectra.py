"""The kinds that come of one STFT, in the TensorFlow graph: frame by frame, but for ``texture``, which is of all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from soundbeam.model.frontend.config import FrontEndConfig
from soundbeam.model.frontend.kinds import (
    ChromaStft,
    ComplexSpectrum,
    Features,
    Gfcc,
    LogMel,
    MagnitudePhase,
    Mfcc,
    Pcen,
    PowerSpectrum,
    Stft,
    Texture,
)
from soundbeam.model.frontend.texture import texture
from soundbeam.model.frontend.weights import chroma_weights, cosine_weights, gammatone_weights, mel_weights

# Full scale of PCEN's input, as in 32-bit samples: its constants are meant for it (Lostanlen et al. 2019).
_FULL_SCALE = 2.0**31
_PCEN_EPSILON = 1e-6


Spectrum = Callable[[tf.Tensor], tf.Tensor]  # complex (…, frames, FFT bins) → (…, frames, values)


class FrameSpectra:
    """The kinds of a front end that come of its STFT; called with (…, samples), gives kind → (…, frames, values).

    ``texture`` takes whole windows and has one frame. The channels of ``complex`` and ``magnitude_phase`` stand one
    after another. ``pcen`` is yet without its smoother: ``pcen`` does that, of whole windows.

    Args:
        config: The front end.
    """

    def __init__(self, config: FrontEndConfig):
        self._framing = config.frame, config.step, config.fft
        of_stft = [features for features in config.features if type(features) in _OF_STFT]
        self._spectra = {features.kind: _OF_STFT[type(features)](features, config) for features in of_stft}

    def __call__(self, waveform: tf.Tensor) -> dict[str, tf.Tensor]:
        """(…, samples) → kind → (…, frames, values)."""
        if not self._spectra:
            return {}
        bins = tf.signal.stft(waveform, *self._framing)
        return {kind: spectrum(bins) for kind, spectrum in self._spectra.items()}


def _power(bins: tf.Tensor) -> tf.Tensor:
    return tf.math.square(tf.math.real(bins)) + tf.math.square(tf.math.imag(bins))


def _complex(bins: tf.Tensor) -> tf.Tensor:
    return tf.concat([tf.math.real(bins), tf.math.imag(bins)], axis=-1)


def _magnitude_phase(bins: tf.Tensor) -> tf.Tensor:
    return tf.concat([tf.abs(bins), tf.math.atan2(tf.math.imag(bins), tf.math.real(bins))], axis=-1)


def _log_mel(mel: LogMel, config: FrontEndConfig) -> Spectrum:
    weights = mel_weights(mel, config.rate, config.fft)
    return lambda bins: tf.math.log(tf.tensordot(_power(bins), tf.constant(weights), 1) + mel.floor)


def _mel_magnitudes(mel: Pcen, config: FrontEndConfig) -> Spectrum:
    weights = mel_weights(mel, config.rate, config.fft)
    return lambda bins: tf.tensordot(tf.abs(bins), tf.constant(weights), 1)


def _mfcc(mfcc: Mfcc, config: FrontEndConfig) -> Spectrum:
    log_mel, cosine = _log_mel(mfcc, config), cosine_weights(mfcc.bands, mfcc.coefficients).astype(np.float32)
    return lambda bins: tf.tensordot(log_mel(bins), tf.constant(cosine), 1)


def _gfcc(gfcc: Gfcc, config: FrontEndConfig) -> Spectrum:
    weights = gammatone_weights(gfcc, config.rate, config.fft)
    cosine = cosine_weights(gfcc.bands, gfcc.coefficients).astype(np.float32)

    def spectrum(bins: tf.Tensor) -> tf.Tensor:
        power = tf.tensordot(_power(bins), tf.constant(weights), 1) + gfcc.floor
        return tf.tensordot(tf.pow(power, 1.0 / 3.0), tf.constant(cosine), 1)

    return spectrum


def _chroma(chroma: ChromaStft, config: FrontEndConfig) -> Spectrum:
    weights = chroma_weights(config.rate, config.fft).astype(np.float32)
    return lambda bins: peak_one(tf.tensordot(_power(bins), tf.constant(weights), 1))


def _texture(kind: Texture, config: FrontEndConfig) -> Spectrum:
    log_mel = _log_mel(kind, config)
    return lambda bins: texture(log_mel(bins), kind.coefficients, config.rate / config.step)[:, None]


_OF_STFT: dict[type[Features], Callable[[Any, FrontEndConfig], Spectrum]] = {
    Stft: lambda kind, config: tf.abs,
    PowerSpectrum: lambda kind, config: _power,
    ComplexSpectrum: lambda kind, config: _complex,
    MagnitudePhase: lambda kind, config: _magnitude_phase,
    LogMel: _log_mel,
    Pcen: _mel_magnitudes,
    Mfcc: _mfcc,
    Gfcc: _gfcc,
    ChromaStft: _chroma,
    Texture: _texture,
}


def peak_one(values: tf.Tensor) -> tf.Tensor:
    """Divides each frame by its highest value, which is not below zero; a silent frame stays as it is."""
    peak = tf.reduce_max(values, axis=-1, keepdims=True)
    return values / tf.where(peak < np.finfo(values.dtype.as_numpy_dtype).tiny, tf.ones_like(peak), peak)


def pcen(magnitudes: tf.Tensor, settings: Pcen, config: FrontEndConfig) -> tf.Tensor:
    """Per-channel energy normalisation (Wang et al. 2017): ``(E / (ε + M)^α + δ)^r - δ^r``.

    M is E smoothed over time by a first-order filter, with the coefficient that librosa takes for a time constant; it
    begins at the first frame's value, as if that had lasted for ever.

    Args:
        magnitudes: (batch, frames, bands), of samples of full scale 1.
        settings: α, δ, r and the time constant.
        config: The front end, for its rate and step.
    """
    energy = magnitudes * _FULL_SCALE
    time = settings.pcen_time_s * config.rate / config.step
    b = (np.sqrt(1.0 + 4.0 * time**2) - 1.0) / (2.0 * time**2)
    # The smoother as a matrix: frame t holds b (1 - b)^(t - k) of frame k, and of the first what is left.
    frame = tf.range(tf.shape(energy)[-2])
    lag = tf.cast(frame[:, None] - frame[None, :], energy.dtype)
    weights = tf.where(frame[None, :] == 0, 1.0, float(b))
    weights *= tf.pow(tf.constant(1.0 - b, energy.dtype), tf.maximum(lag, 0))
    smooth = tf.einsum("tk,...kb->...tb", tf.where(lag >= 0, weights, 0.0), energy)
    gained = energy * tf.exp(-settings.pcen_gain * tf.math.log(_PCEN_EPSILON + smooth))
    return tf.pow(gained + settings.pcen_bias, settings.pcen_power) - settings.pcen_bias**settings.pcen_power

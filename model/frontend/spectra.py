"""The kinds that come of one STFT, by NumPy and SciPy: frame by frame, but for ``texture``, which is of all frames.

The sound goes through in blocks of frames that fit a processor's cache, each by all steps, in float32. FFTs, products
and functions of arrays release Python's lock, so threads compute side by side.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.fft

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
from soundbeam.model.frontend.weights import (
    WeightedSums,
    chroma_weights,
    cosine_weights,
    gammatone_weights,
    hann_window,
    mel_weights,
)

# Full scale of PCEN's input, as in 32-bit samples: its constants are meant for it (Lostanlen et al. 2019).
_FULL_SCALE = 2.0**31
_PCEN_EPSILON = 1e-6
_BLOCK = 1 << 17  # samples, windowed and padded, that are transformed at once: half a megabyte


class Block:
    """The STFT of some frames.

    Args:
        bins: complex64 ``[frames, FFT bins]``.
    """

    def __init__(self, bins: np.ndarray):
        self.bins = bins

    @functools.cached_property
    def power(self) -> np.ndarray:
        """float32 ``[frames, FFT bins]``: squared magnitudes."""
        power = np.square(self.bins.real)
        power += np.square(self.bins.imag)
        return power


Spectrum = Callable[[Block], np.ndarray]  # → float32 [frames, values]


class FrameSpectra:
    """The kinds of a front end that come of its STFT; called with sound, gives kind → values of frames.

    ``texture`` takes whole windows and has one frame. The channels of ``complex`` and ``magnitude_phase`` stand one
    after another. ``pcen`` is yet without its smoother: ``pcen`` does that, of whole windows.

    Args:
        config: The front end.
    """

    def __init__(self, config: FrontEndConfig):
        self._config, self._hann = config, hann_window(config.frame).astype(np.float32)
        self._of_stft = [features for features in config.features if type(features) in _OF_STFT]
        self._spectra = [_OF_STFT[type(features)](features, config) for features in self._of_stft]

    def __call__(self, waveforms: np.ndarray) -> dict[str, np.ndarray]:
        """float32 ``[n, samples]`` → kind → float32 ``[n, frames, values]``, new arrays."""
        if not self._of_stft:
            return {}
        c, n = self._config, len(waveforms)
        frames = max(0, (waveforms.shape[-1] - c.frame) // c.step + 1)
        sizes = [f.bands if isinstance(f, Texture) else f.channels * f.bins(c.fft) for f in self._of_stft]
        values = [np.empty((n, frames, size), np.float32) for size in sizes]
        if n and frames:
            self._fill(np.lib.stride_tricks.sliding_window_view(waveforms, c.frame, axis=-1)[:, :: c.step], values)
        for i, features in enumerate(self._of_stft):
            if isinstance(features, Texture):
                values[i] = texture(values[i], features.coefficients, c.rate / c.step)[:, None]
        return {features.kind: each for features, each in zip(self._of_stft, values, strict=True)}

    def _fill(self, frames: np.ndarray, values: list[np.ndarray]) -> None:
        """Frames, a view ``[n, frames, samples of a frame]`` → the values of each kind, block by block."""
        c, (n, of_window, _) = self._config, frames.shape
        size = max(16, _BLOCK // c.fft)
        windows = max(1, size // of_window)
        windowed = np.zeros((min(size, n * of_window), c.fft), np.float32)  # zeros beyond the frame stay
        for w in range(0, n, windows):
            for i in range(0, of_window, size):
                part = frames[w : w + windows, i : i + size]
                rows = windowed[: part.shape[0] * part.shape[1]]
                np.multiply(part, self._hann, out=rows.reshape(*part.shape[:2], c.fft)[..., : c.frame])
                block = Block(scipy.fft.rfft(rows))
                for spectrum, each in zip(self._spectra, values, strict=True):
                    each[w : w + windows, i : i + size] = spectrum(block).reshape(*part.shape[:2], -1)


def _magnitude(block: Block) -> np.ndarray:
    return np.sqrt(block.power)


def _complex(block: Block) -> np.ndarray:
    return np.concatenate([block.bins.real, block.bins.imag], axis=-1)


def _magnitude_phase(block: Block) -> np.ndarray:
    return np.concatenate([_magnitude(block), np.arctan2(block.bins.imag, block.bins.real)], axis=-1)


def _log_mel(mel: LogMel, config: FrontEndConfig) -> Spectrum:
    bands = WeightedSums(mel_weights(mel, config.rate, config.fft))

    def spectrum(block: Block) -> np.ndarray:
        power = bands(block.power)
        power += np.float32(mel.floor)
        return np.log(power, out=power)

    return spectrum


def _mel_magnitudes(mel: Pcen, config: FrontEndConfig) -> Spectrum:
    bands = WeightedSums(mel_weights(mel, config.rate, config.fft))
    return lambda block: bands(_magnitude(block))


def _mfcc(mfcc: Mfcc, config: FrontEndConfig) -> Spectrum:
    log_mel, cosine = _log_mel(mfcc, config), WeightedSums(cosine_weights(mfcc.bands, mfcc.coefficients))
    return lambda block: cosine(log_mel(block))


def _gfcc(gfcc: Gfcc, config: FrontEndConfig) -> Spectrum:
    bands = WeightedSums(gammatone_weights(gfcc, config.rate, config.fft))
    cosine = WeightedSums(cosine_weights(gfcc.bands, gfcc.coefficients))

    def spectrum(block: Block) -> np.ndarray:
        power = bands(block.power)
        power += np.float32(gfcc.floor)
        return cosine(np.cbrt(power, out=power))

    return spectrum


def _chroma(chroma: ChromaStft, config: FrontEndConfig) -> Spectrum:
    classes = WeightedSums(chroma_weights(config.rate, config.fft))
    return lambda block: peak_one(classes(block.power))


_OF_STFT: dict[type[Features], Callable[[Any, FrontEndConfig], Spectrum]] = {
    Stft: lambda kind, config: _magnitude,
    PowerSpectrum: lambda kind, config: lambda block: block.power,
    ComplexSpectrum: lambda kind, config: _complex,
    MagnitudePhase: lambda kind, config: _magnitude_phase,
    LogMel: _log_mel,
    Pcen: _mel_magnitudes,
    Mfcc: _mfcc,
    Gfcc: _gfcc,
    ChromaStft: _chroma,
    Texture: _log_mel,
}


def peak_one(values: np.ndarray) -> np.ndarray:
    """Divides each frame by its highest value, which is not below zero; a silent frame stays as it is."""
    peak = values.max(axis=-1, keepdims=True)
    return values / np.where(peak < np.finfo(values.dtype).tiny, values.dtype.type(1.0), peak)


def pcen(magnitudes: np.ndarray, settings: Pcen, config: FrontEndConfig) -> np.ndarray:
    """Per-channel energy normalisation (Wang et al. 2017): ``(E / (ε + M)^α + δ)^r - δ^r``.

    M is E smoothed over time by a first-order filter, with the coefficient that librosa takes for a time constant; it
    begins at the first frame's value, as if that had lasted for ever.

    Args:
        magnitudes: float32 ``[n, frames, bands]``, of samples of full scale 1.
        settings: α, δ, r and the time constant.
        config: The front end, for its rate and step.

    Returns:
        float32 ``[n, frames, bands]``, a new array.
    """
    energy = magnitudes * np.float32(_FULL_SCALE)
    time = settings.pcen_time_s * config.rate / config.step
    b = (np.sqrt(1.0 + 4.0 * time**2) - 1.0) / (2.0 * time**2)
    # The smoother as a matrix: frame t holds b (1 - b)^(t - k) of frame k, and of the first what is left.
    frame = np.arange(energy.shape[-2])
    lag = frame[:, None] - frame
    weights = np.where(lag >= 0, np.where(frame == 0, 1.0, b) * (1.0 - b) ** np.maximum(lag, 0), 0.0)
    gain = np.matmul(weights.astype(np.float32), energy)
    gain += np.float32(_PCEN_EPSILON)
    np.log(gain, out=gain)
    gain *= np.float32(-settings.pcen_gain)
    energy *= np.exp(gain, out=gain)
    energy += np.float32(settings.pcen_bias)
    np.power(energy, np.float32(settings.pcen_power), out=energy)
    energy -= np.float32(settings.pcen_bias**settings.pcen_power)
    return energy

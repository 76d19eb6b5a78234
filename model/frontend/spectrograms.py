"""Waveform → spectrogram, or any other features, by NumPy and SciPy: the one computation, in training and in scanning.

Frames lie wholly within the window (no centre padding), so overlapping windows share theirs: ``spectrogram`` does
what depends on single frames only, ``normalise`` what depends on the window. Kinds that are not frame by frame
(``FrontEndConfig.frame_local`` says which) do all in ``spectrogram``, of whole windows.
"""

from __future__ import annotations

import functools

import numpy as np

from soundbeam.model.frontend.conditioning import condition, parse, unpack_noise
from soundbeam.model.frontend.config import FrontEndConfig
from soundbeam.model.frontend.feature_table import summary
from soundbeam.model.frontend.kinds import Features, FeatureSummary, Pcen, Waveform
from soundbeam.model.frontend.spectra import FrameSpectra, pcen
from soundbeam.model.frontend.tonal import tonal
from soundbeam.model.frontend.weights import WeightedSums, resize_weights

LOW = 0.25  # the share of a band's frames that lie below its background


class Spectrograms:
    """A front end over arrays. It needs no TensorFlow, keeps nothing between calls, and threads may share it.

    Args:
        config: What to compute.

    Raises:
        SoundbeamError: A package that it is computed by is not installed.
    """

    def __init__(self, config: FrontEndConfig):
        config.check()
        self.config = config
        self._spectra = FrameSpectra(config)
        self._steps, self._noise = parse(config.condition)[1], unpack_noise(config.noise)
        self._by_channel = [features for features in config.features for _ in range(features.channels)]
        self._sizes = [features.bins(config.fft) for features in self._by_channel]
        self._resize = {n: WeightedSums(resize_weights(n, config.bins)) for n in set(self._sizes) - {config.bins}}

    def of_windows(self, waveforms: np.ndarray) -> np.ndarray:
        """float32 ``[n, samples]`` of whole windows → float32 ``[n, frames, bins, channels]``, a new array."""
        return self._normalised(self.spectrogram(waveforms))

    def of_segment(self, samples: np.ndarray, first_frames: np.ndarray) -> np.ndarray:
        """The spectrograms of windows of one stretch of sound, each of whose frames is computed once.

        Args:
            samples: float32 ``[m]``; the last window ends where they do.
            first_frames: int ``[n]``: the frame at which each window begins, ``step`` samples a frame.

        Returns:
            float32 ``[n, frames, bins, channels]``, a new array.

        Raises:
            ValueError: Windows of this front end cannot share frames.
        """
        c = self.config
        if not c.frame_local:
            raise ValueError(f"{'+'.join(filter(None, (c.condition, *c.kinds)))} is of whole windows, not of frames")
        if not len(first_frames):
            return np.zeros((0, 0, c.bins, c.channels), np.float32)
        spectrogram = self.spectrogram(samples)
        return self.of_frames(spectrogram, first_frames, len(spectrogram) - int(np.max(first_frames)))

    def of_frames(self, spectrogram: np.ndarray, first_frames: np.ndarray, frames: int) -> np.ndarray:
        """The spectrograms of some windows of a stretch whose frames are computed already; as ``of_segment``.

        Args:
            spectrogram: float32 ``[frames of the stretch, values]``, as ``spectrogram`` gives it.
            first_frames: int ``[n]``: the frame at which each window begins.
            frames: How many frames a window has.

        Returns:
            float32 ``[n, frames, bins, channels]``, a new array.
        """
        return self._normalised(spectrogram[np.asarray(first_frames)[:, None] + np.arange(frames)])

    def spectrogram(self, waveforms: np.ndarray) -> np.ndarray:
        """float32 ``[…, samples]`` → float32 ``[…, frames, values]``, new: what a frame needs only its samples for.

        The values of a frame are its bins; where there are several channels, theirs stand one after another.
        Kinds that are not ``frame_local`` take ``[n, samples]`` of whole windows.
        """
        c = self.config
        windows = np.asarray(waveforms, np.float32).reshape(-1, waveforms.shape[-1])
        if c.condition:
            windows = condition(windows, c.rate, self._steps, self._noise)
        spectra = self._spectra(windows)
        parts = [spectra[f.kind] if f.kind in spectra else _of_window(f, c, windows) for f in c.features]
        values = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)
        return values.reshape(*waveforms.shape[:-1], *values.shape[1:])

    def normalise(self, spectrogram: np.ndarray) -> np.ndarray:
        """float32 ``[n, frames, values]`` of whole windows → float32 ``[n, frames, bins, channels]``, a new array."""
        return self._normalised(np.array(spectrogram, np.float32))

    def _normalised(self, spectrogram: np.ndarray) -> np.ndarray:
        """``normalise``; what is given may be changed, and returned."""
        if len(self._sizes) == 1:
            return self._channel(self._by_channel[0], spectrogram)[..., None]
        out = np.empty((*spectrogram.shape[:2], self.config.bins, len(self._sizes)), np.float32)
        parts = np.split(spectrogram, np.cumsum(self._sizes)[:-1], axis=-1)
        for i, (features, part) in enumerate(zip(self._by_channel, parts, strict=True)):
            out[..., i] = self._channel(features, part)
        return out

    def _channel(self, features: Features, values: np.ndarray) -> np.ndarray:
        """float32 ``[n, frames, bins of the kind]``, which may be changed → ``[n, frames, bins]``."""
        c = self.config
        if isinstance(features, Pcen):
            values = pcen(values, features, c)
        if values.shape[-1] != c.bins:
            resized = self._resize[values.shape[-1]](values.reshape(-1, values.shape[-1]))
            values = resized.reshape(*values.shape[:2], c.bins)
        if not values.size:
            return values
        if c.normalise in ("window", "band"):
            axes = (-2, -1) if c.normalise == "window" else (-2,)
            # float32 adds up thousands of values to 1e-4 only.
            values -= values.mean(axes, np.float64, keepdims=True).astype(np.float32)
            deviation = np.sqrt(np.square(values).mean(axes, np.float64, keepdims=True))
            values /= (deviation + 1e-6).astype(np.float32)
        elif c.normalise == "percentile":
            values -= low_percentile(values)
            np.clip(values, c.clip[0], c.clip[1], out=values)
            values *= np.float32(2.0 / c.clip[1])
        return values


def _of_window(features: Features, config: FrontEndConfig, windows: np.ndarray) -> np.ndarray:
    """float32 ``[n, samples]`` of whole windows → a new array ``[n, frames, bins]`` of a kind not of the STFT."""
    if isinstance(features, Waveform):
        return np.array(windows[..., None])
    if not len(windows):
        return np.zeros((0, *config.shape(windows.shape[-1])[:1], features.bins(config.fft)), np.float32)
    if isinstance(features, FeatureSummary):
        return summary(windows, config.rate)[:, None, :]
    return tonal(features, config, windows)


def low_percentile(spectrogram: np.ndarray, share: float = LOW) -> np.ndarray:
    """float32 ``[n, frames, bins]`` → ``[n, 1, bins]``: each bin's value at a share of its frames' ranks, rounded down.

    Sorting takes half of a partition's time where NumPy sorts by AVX-512, elsewhere three times as much.
    """
    rank = int(share * (spectrogram.shape[-2] - 1))
    by_bin = np.array(spectrogram.swapaxes(-1, -2), order="C")
    if _sorts_fast():
        by_bin.sort(axis=-1)
    else:
        by_bin.partition(rank, axis=-1)
    return by_bin[:, None, :, rank]


@functools.cache
def _sorts_fast() -> bool:
    """Whether NumPy sorts by AVX-512: it tells of the processor in this one place, which has no public name."""
    try:
        from numpy.core._multiarray_umath import __cpu_features__
    except ImportError:
        return False
    return bool(__cpu_features__.get("AVX512_SKX"))

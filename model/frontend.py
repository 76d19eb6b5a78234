"""The front end: waveform → spectrogram, inside the graph of the scorer, so that training and scanning cannot differ.

Frames lie wholly within the window (no centre padding), so overlapping windows share theirs: ``spectrogram`` does
what depends on single frames only, ``normalise`` what depends on the window.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
import numpy as np
import tensorflow as tf

KINDS = ("stft", "log_mel")
NORMALISATIONS = ("none", "window", "band", "percentile")


@dataclasses.dataclass(frozen=True)
class FrontEndConfig:
    """How a waveform becomes a spectrogram.

    Attributes:
        kind: ``stft``: magnitudes of all FFT bins; ``log_mel``: natural logarithm of mel-band powers.
        rate: Samples a second of the waveform.
        frame: Samples of a frame (periodic Hann window).
        step: Samples between the starts of two frames.
        fft: Length of the FFT, at least ``frame``.
        bands: Mel bands (``log_mel`` only).
        low_hz: Lower edge of the lowest mel band.
        high_hz: Upper edge of the highest mel band.
        floor: Added to a band's power before the logarithm: silence stays finite.
        normalise: ``none``; ``window``: zero mean and unit deviation over the window; ``band``: the same for each
            frequency over time; ``percentile``: each band's 25th percentile over time, its background, is subtracted,
            the rest clipped to ``clip`` and scaled to about unit size.
        clip: Lowest and highest value above the background, in nats (``percentile`` only).
    """

    kind: str = "log_mel"
    rate: int = 16000
    frame: int = 800
    step: int = 320
    fft: int = 1024
    bands: int = 64
    low_hz: float = 60.0
    high_hz: float = 7600.0
    floor: float = 1e-7
    normalise: str = "percentile"
    clip: tuple[float, float] = (-1.0, 7.0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "clip", (float(self.clip[0]), float(self.clip[1])))
        if self.kind not in KINDS or self.normalise not in NORMALISATIONS:
            raise ValueError(f"unknown front end {self.kind}/{self.normalise}; there are {KINDS} and {NORMALISATIONS}")
        if self.step <= 0 or not 0 < self.frame <= self.fft:
            raise ValueError(f"step {self.step}, frame {self.frame} and fft {self.fft} do not fit together")
        if self.kind == "log_mel" and not 0 <= self.low_hz < self.high_hz <= self.rate / 2:
            raise ValueError(f"{self.low_hz} to {self.high_hz} Hz is no band below half of {self.rate} Hz")

    def frames(self, samples: int) -> int:
        """The number of frames that lie wholly within so many samples."""
        return max(0, (samples - self.frame) // self.step + 1)

    @property
    def bins(self) -> int:
        """Values in a frame."""
        return self.bands if self.kind == "log_mel" else self.fft // 2 + 1


def mel_weights(config: FrontEndConfig) -> np.ndarray:
    """Triangular filters on the mel scale 2595 log10(1 + f / 700) (O'Shaughnessy 1987), each with peak 1.

    A band narrower than an FFT bin gets the bin nearest to its centre, so that no band is empty.

    Args:
        config: A ``log_mel`` front end.

    Returns:
        float32 ``[fft / 2 + 1, bands]``: powers of FFT bins → powers of bands.
    """

    def mel(hz: float) -> float:
        return 2595.0 * np.log10(1.0 + hz / 700.0)

    edges = 700.0 * (10.0 ** (np.linspace(mel(config.low_hz), mel(config.high_hz), config.bands + 2) / 2595.0) - 1.0)
    hz = np.arange(config.fft // 2 + 1)[:, None] * config.rate / config.fft
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    weights = np.maximum(0.0, np.minimum((hz - low) / (centre - low), (high - hz) / (high - centre)))
    for band in np.flatnonzero(weights.sum(axis=0) == 0):
        weights[np.argmin(np.abs(hz[:, 0] - centre[band])), band] = 1.0
    return weights.astype(np.float32)


@keras.saving.register_keras_serializable(package="soundbeam")
class FrontEnd(keras.layers.Layer):
    """(batch, samples) → (batch, frames, bins, 1), without weights.

    Args:
        config: What to compute.
        **kwargs: Keras' own (``name``).
    """

    def __init__(self, config: FrontEndConfig, **kwargs: Any):
        super().__init__(trainable=False, **kwargs)
        self.config = config
        self._mel = mel_weights(config) if config.kind == "log_mel" else None

    def call(self, waveform: tf.Tensor) -> tf.Tensor:
        """``normalise(spectrogram(waveform))``."""
        return self.normalise(self.spectrogram(waveform))

    def spectrogram(self, waveform: tf.Tensor) -> tf.Tensor:
        """(…, samples) → (…, frames, bins): all that a frame needs nothing but its own samples for."""
        c = self.config
        bins = tf.signal.stft(waveform, c.frame, c.step, c.fft)
        if self._mel is None:
            return tf.abs(bins)
        power = tf.math.square(tf.math.real(bins)) + tf.math.square(tf.math.imag(bins))
        return tf.math.log(tf.tensordot(power, tf.constant(self._mel), 1) + c.floor)

    def normalise(self, spectrogram: tf.Tensor) -> tf.Tensor:
        """(batch, frames, bins) of whole windows → (batch, frames, bins, 1)."""
        c = self.config
        if c.normalise in ("window", "band"):
            axes = [-2, -1] if c.normalise == "window" else [-2]
            centred = spectrogram - tf.reduce_mean(spectrogram, axes, keepdims=True)
            deviation = tf.sqrt(tf.reduce_mean(tf.square(centred), axes, keepdims=True))
            spectrogram = centred / (deviation + 1e-6)
        elif c.normalise == "percentile":
            background = low_percentile(spectrogram)
            above = tf.clip_by_value(spectrogram - background, c.clip[0], c.clip[1])
            spectrogram = above * (2.0 / c.clip[1])
        return spectrogram[..., None]

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Keras asks for it where it builds a model without running it."""
        samples = input_shape[-1]
        return (*input_shape[:-1], None if samples is None else self.config.frames(samples), self.config.bins, 1)

    def get_config(self) -> dict[str, Any]:
        """Plain values only: the layer loads in safe mode."""
        return {"name": self.name, "config": {**dataclasses.asdict(self.config), "clip": list(self.config.clip)}}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> FrontEnd:
        """The layer that ``get_config`` describes."""
        config = dict(config)
        return cls(FrontEndConfig(**config.pop("config")), **config)


def low_percentile(spectrogram: tf.Tensor, share: float = 0.25) -> tf.Tensor:
    """(batch, frames, bins) → (batch, 1, bins): each bin's value at a share of its frames' ranks, rounded down."""
    frames = tf.shape(spectrogram)[-2]
    rank = tf.cast(tf.math.floor(share * tf.cast(frames - 1, tf.float32)), tf.int32)
    by_bin = tf.sort(tf.linalg.matrix_transpose(spectrogram), axis=-1)
    return tf.linalg.matrix_transpose(tf.gather(by_bin, rank[None], axis=-1))

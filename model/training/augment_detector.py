"""Training windows for detectors: calls mixed into backgrounds, anywhere in the window, near or far, warped, coloured.

Each example has one seed for everything random (stateless), so the same seed gives the same mixes on any number of
threads.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

_CURVE_POINTS = 8
_DRAWS = 96


@dataclasses.dataclass(frozen=True)
class Mixing:
    """How calls and backgrounds are mixed.

    Attributes:
        near_share: Share of the calls of which at least ``near_inside`` lies in the window; the others lie anywhere.
        near_inside: A share of the call; see above.
        second_share: Share of the windows with a call that get another call before or after it.
        event_share: Share of the windows that get a distractor, as loud as a call may be.
        tones_share: Share of the distractors that are artificial tones.
        wrong_share: Share of the distractors that are calls warped by ``wrong_warp`` or 1 / ``wrong_warp``.
        wrong_warp: See above. Below 2 the network would learn to reject calls of individuals with another pitch.
        other_warp: Range of the factor for backgrounds as distractors: slowed or sped up they sound like other animals.
        snr_db: Range of the calls' level above the background.
        warp: Range of the factor by which sounds are stretched and lowered in pitch, log-uniform.
        curve_db: Largest gain or loss of the random equaliser.
        noise_db: Range of the level of coloured noise above the background.
        inside: Shares of a call within the window at which its target begins to rise from 0, and reaches 1.
    """

    near_share: float = 0.75
    near_inside: float = 0.7
    second_share: float = 0.3
    event_share: float = 0.6
    tones_share: float = 0.25
    wrong_share: float = 0.25
    wrong_warp: tuple[float, float] = (2.0, 3.0)
    other_warp: tuple[float, float] = (0.5, 2.0)
    snr_db: tuple[float, float] = (-8.0, 24.0)
    warp: tuple[float, float] = (0.85, 1.18)
    curve_db: float = 8.0
    noise_db: tuple[float, float] = (-30.0, 3.0)
    inside: tuple[float, float] = (0.3, 0.6)


class _Draws:
    """Uniform random numbers, one after the other, from one seed."""

    def __init__(self, seed: tf.Tensor):
        self._values = tf.unstack(tf.random.stateless_uniform([_DRAWS], seed))

    def uniform(self, low: Any = 0.0, high: Any = 1.0) -> tf.Tensor:
        return low + (high - low) * self._values.pop()

    def chance(self, share: float) -> tf.Tensor:
        return tf.cast(self.uniform() < share, tf.float32)

    def curve(self, span: float) -> tf.Tensor:
        return tf.stack([self.uniform(-span, span) for _ in range(_CURVE_POINTS)])


class WindowMixer:
    """Makes training windows.

    Args:
        samples: Of a window.
        rate: Samples a second.
        mixing: How calls and backgrounds are mixed.
    """

    def __init__(self, samples: int, rate: int, mixing: Mixing | None = None):
        self.samples, self.rate, self.mixing = samples, rate, mixing or Mixing()
        hz = np.fft.rfftfreq(samples, 1 / rate)
        points = np.geomspace(60.0, rate / 2, _CURVE_POINTS)
        eye = np.eye(_CURVE_POINTS)
        self._curves = np.stack([np.interp(np.log(hz + 1.0), np.log(points), row) for row in eye]).astype(np.float32)
        self._octaves = np.log2(np.maximum(hz, 50.0) / 1000.0).astype(np.float32)

    def mix(
        self,
        call: tf.Tensor,
        second: tf.Tensor,
        grounds: list[tf.Tensor],
        event: tf.Tensor,
        seed: tf.Tensor,
        alarm: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Two training windows over one background: one with a call or two, one without.

        Args:
            call: float32 ``[n]``: a call.
            second: float32 ``[m]``: another.
            grounds: Two backgrounds, float32.
            event: float32: a background to use as a distractor.
            seed: int ``[2]``.
            alarm: float32: a false alarm, which is the distractor instead; empty or None: there is none.

        Returns:
            float32 ``[2, samples]``, and how much of the first and of the second call the first window holds, as
            targets from 0 to 1.
        """
        draws, m = _Draws(seed), self.mixing
        background = self._background(grounds, draws, seed)
        level = self._level(background)
        warp = _log_uniform(draws, m.warp)
        extent, extent2 = (tf.cast(tf.size(sound), tf.float32) * warp for sound in (call, second))
        near = draws.uniform(-(1 - m.near_inside) * extent, self.samples - m.near_inside * extent)
        near = tf.where(extent > self.samples, draws.uniform(self.samples - extent, 0.0), near)
        far = draws.uniform(-extent, float(self.samples))
        start = tf.where(draws.uniform() < m.near_share, near, far)
        gap = draws.uniform(0.1, 2.5) * self.rate
        start2 = tf.where(draws.uniform() < 0.5, start + extent + gap, start - extent2 - gap)
        there2 = draws.chance(m.second_share)
        calls = self._placed(call, start, warp)
        calls += there2 * _gain(draws.uniform(-6.0, 6.0)) * self._placed(second, start2, warp)
        distractor = self._distractor(event, second, draws, seed, alarm)
        # Each has its own equaliser and level, as from its own distance and direction.
        calls, distractor = tf.unstack(tf.signal.rfft(tf.stack([calls, distractor])))
        calls *= self._curve(draws) * tf.cast(level * _gain(draws.uniform(*m.snr_db)), tf.complex64)
        distractor *= self._curve(draws) * tf.cast(level, tf.complex64)
        loud = [draws.chance(m.event_share) * _gain(draws.uniform(*m.snr_db)) for _ in range(2)]
        spectra = tf.stack(
            [
                background + calls + distractor * tf.cast(loud[0], tf.complex64),
                background + distractor * tf.cast(loud[1], tf.complex64),
            ]
        )
        windows = self._recorded(tf.signal.irfft(spectra, [self.samples]), draws)
        return windows, self._label(start, extent), there2 * self._label(start2, extent2)

    def _distractor(
        self, event: tf.Tensor, call: tf.Tensor, draws: _Draws, seed: tf.Tensor, alarm: tf.Tensor | None
    ) -> tf.Tensor:
        """A sound that is no call, anywhere: a background, artificial tones, or a call far too fast or too slow.

        A false alarm is warped as little as a call: it is as it is that it was taken for one.
        """
        m, start = self.mixing, draws.uniform(-2.0 * self.rate, float(self.samples))
        factor, wrong = _log_uniform(draws, m.other_warp), _log_uniform(draws, m.wrong_warp)
        wrong = tf.where(draws.uniform() < 0.5, wrong, 1.0 / wrong)
        kind, tones = draws.uniform(), self._tones
        known = []
        if alarm is not None:
            warp, at = _log_uniform(draws, m.warp), draws.uniform(-0.5, 0.5)
            extent = warp * tf.cast(tf.size(alarm), tf.float32)
            begin = (self.samples - extent) / 2 + at * tf.maximum(extent, float(self.samples))
            known = [(tf.size(alarm) > 0, lambda: self._placed(alarm, begin, warp))]
        return tf.case(
            [
                *known,
                (kind < m.tones_share, lambda: tones(start, seed)),
                (kind < m.tones_share + m.wrong_share, lambda: self._placed(call, start, wrong)),
            ],
            default=lambda: self._placed(event, start, factor),
            exclusive=False,
        )

    def _tones(self, start: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """0.3 to 4 s of an artificial bird: gliding, trembling, hoarse notes with overtones, RMS 1."""
        draws = _Draws(seed + 2)
        at = (tf.range(self.samples, dtype=tf.float32) - start) / self.rate
        length = draws.uniform(0.3, 4.0)
        pitch = _log_uniform(draws, (120.0, 3500.0))
        glide = draws.uniform(-0.5, 0.5) * at
        tremble = draws.uniform(0.0, 0.15) * tf.sin(2 * np.pi * draws.uniform(0.5, 25.0) * at)
        rasp = draws.uniform() ** 3 * tf.random.stateless_normal([self.samples], seed + 3)
        phase = tf.cumsum(pitch * tf.exp(glide + tremble + rasp)) * (2 * np.pi / self.rate)
        sound = tf.add_n([draws.uniform() ** 2 * tf.sin(k * phase) for k in (1.0, 2.0, 3.0)])
        note = tf.math.floormod(at / draws.uniform(0.12, 1.5), 1.0) / draws.uniform(0.2, 1.0)
        sound *= tf.where((note < 1) & (at > 0) & (at < length), tf.sin(np.pi * note), 0.0)
        return sound / tf.sqrt(tf.reduce_sum(tf.square(sound)) / (length * self.rate) + 1e-6)

    def place(self, clip: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """A clip alone, anywhere in a window (or any part of a longer clip), with noise."""
        draws = _Draws(seed)
        warp = _log_uniform(draws, self.mixing.warp)
        extent = tf.cast(tf.size(clip), tf.float32) * warp
        start = draws.uniform(tf.minimum(0.0, self.samples - extent), tf.maximum(0.0, self.samples - extent))
        placed = self._placed(clip, start, warp)
        spectrum = tf.signal.rfft(placed) * self._curve(draws) + self._noise(draws, seed, _rms(placed), (-50.0, -10.0))
        return self._recorded(tf.signal.irfft(spectrum, [self.samples]), draws)

    def crop(self, clip: tf.Tensor) -> tf.Tensor:
        """The first window of a clip as it is, padded on the right with zeros."""
        clip = clip[: self.samples]
        return tf.ensure_shape(tf.pad(clip, [[0, self.samples - tf.size(clip)]]), [self.samples])

    def _background(self, grounds: list[tf.Tensor], draws: _Draws, seed: tf.Tensor) -> tf.Tensor:
        """complex64 ``[samples / 2 + 1]``: one or two backgrounds and coloured noise."""
        weights = [draws.chance(0.9), draws.chance(0.5) * _gain(draws.uniform(-15.0, 5.0))]
        spectrum = self._noise(draws, seed, 1.0, self.mixing.noise_db)
        for ground, weight in zip(grounds, weights, strict=True):
            looped = self._looped(ground, draws)
            spectrum += tf.signal.rfft(looped * (weight / _rms(looped))) * self._curve(draws)
        return spectrum

    def _level(self, spectrum: tf.Tensor) -> tf.Tensor:
        """The RMS of the sound of a spectrum (Parseval)."""
        return tf.sqrt(2.0 * tf.reduce_sum(tf.square(tf.abs(spectrum)))) / self.samples

    def _noise(self, draws: _Draws, seed: tf.Tensor, level: Any, range_db: tuple[float, float]) -> tf.Tensor:
        """complex64 ``[samples / 2 + 1]``: noise that falls by 0 to 6 dB an octave, with a random equaliser on it."""
        colour = _gain(-draws.uniform(0.0, 6.0) * self._octaves)
        normal = tf.random.stateless_normal([2, self.samples // 2 + 1], seed + 1)
        noise = tf.complex(normal[0] * colour, normal[1] * colour) * self._curve(draws)
        gain = level * _gain(draws.uniform(*range_db)) / (self._level(noise) + 1e-9)
        return noise * tf.cast(gain, tf.complex64)

    def _curve(self, draws: _Draws) -> tf.Tensor:
        curve = tf.linalg.matvec(self._curves, draws.curve(self.mixing.curve_db), transpose_a=True)
        return tf.cast(_gain(curve), tf.complex64)

    def _looped(self, ground: tf.Tensor, draws: _Draws) -> tf.Tensor:
        """A window of a background, warped; a shorter one runs forwards and backwards, so that there is no seam."""
        needed = tf.cast(self.samples / _log_uniform(draws, self.mixing.warp), tf.int32)
        both = tf.concat([ground, tf.reverse(ground, [0])], 0)
        both = tf.tile(both, [needed // tf.size(both) + 2])
        first = tf.cast(draws.uniform() * tf.cast(2 * tf.size(ground), tf.float32), tf.int32)
        return tf.ensure_shape(_resized(both[first : first + needed], self.samples), [self.samples])

    def _placed(self, sound: tf.Tensor, start: tf.Tensor, warp: tf.Tensor) -> tf.Tensor:
        """The sound from sample ``start`` of the window on, warped, faded in and out, at an RMS of 1 as a whole."""
        extent = tf.cast(tf.cast(tf.size(sound), tf.float32) * warp, tf.int32)
        at = tf.range(extent, dtype=tf.float32)
        fade = tf.minimum(tf.minimum(at, at[::-1]) / (0.05 * self.rate), 1.0)
        sound = _resized(sound, extent) * fade / _rms(sound)
        first = tf.clip_by_value(tf.cast(start, tf.int32), -extent, self.samples)
        sound = sound[tf.maximum(-first, 0) :][: self.samples]
        before = tf.maximum(first, 0)
        after = tf.maximum(self.samples - before - tf.size(sound), 0)
        return tf.ensure_shape(tf.pad(sound, [[before, after]])[: self.samples], [self.samples])

    def _label(self, start: tf.Tensor, extent: tf.Tensor) -> tf.Tensor:
        """The target: the share of the sound that lies in the window, or of the window that it fills."""
        inside = tf.minimum(start + extent, self.samples) - tf.maximum(start, 0.0)
        low, high = self.mixing.inside
        return tf.clip_by_value((inside / tf.minimum(extent, self.samples) - low) / (high - low), 0.0, 1.0)

    def _recorded(self, sounds: tf.Tensor, draws: _Draws) -> tf.Tensor:
        """(…, samples): at a random recording level; what would pass full scale is clipped, as recorders do."""
        peak = tf.reduce_max(tf.abs(sounds), -1, keepdims=True) + 1e-9
        return tf.clip_by_value(sounds / peak * _gain(draws.uniform(-40.0, 1.0)), -1.0, 1.0)


def mask(spectrogram: tf.Tensor, frames: int, bins: int) -> tf.Tensor:
    """Time and frequency masking (Park et al., SpecAugment, 2019) of one spectrogram (frames, bins).

    A stripe of less than ``bins`` bins and one of less than ``frames`` frames become zero. Not by tensorflow-io, which
    draws the same stripes: it takes seconds to load, and there is none for Windows.
    """
    for axis, most in ((1, bins), (0, frames)):
        length = tf.shape(spectrogram)[axis]
        width = tf.random.uniform((), 0, most, tf.int32)
        first = tf.random.uniform((), 0, length - width, tf.int32)
        at = tf.expand_dims(tf.range(length), 1 - axis)
        spectrogram = tf.where((at >= first) & (at < first + width), 0.0, spectrogram)
    return spectrogram


def _resized(sound: tf.Tensor, samples: tf.Tensor) -> tf.Tensor:
    """The sound stretched to so many samples, linearly interpolated."""
    return tf.image.resize(sound[None, :, None, None], [samples, 1])[0, :, 0, 0]


def _gain(decibels: tf.Tensor) -> tf.Tensor:
    return tf.exp(decibels * float(np.log(10) / 20))


def _rms(sound: tf.Tensor) -> tf.Tensor:
    return tf.sqrt(tf.reduce_mean(tf.square(sound)) + 1e-12)


def _log_uniform(draws: _Draws, limits: tuple[float, float]) -> tf.Tensor:
    return tf.exp(draws.uniform(float(np.log(limits[0])), float(np.log(limits[1]))))

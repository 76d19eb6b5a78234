"""Artificial sounds: wind, rain, insects, birds that chirp, and birds that call; each a pure function of its generator.

Every sound is float32 mono at any rate and holds next to nothing above 0.45 of it. Individuals are drawn once and then
sing with small variations, as animals do, so that a split by source means something.
"""

from __future__ import annotations

import dataclasses

import numpy as np


def coloured_noise(rng: np.random.Generator, samples: int, rate: int, gain) -> np.ndarray:
    """Gaussian noise with the magnitude response ``gain(frequencies in Hz)``, scaled to an RMS of 1."""
    power = 1 << max(4, samples.bit_length() - 1)
    size = next(
        size for size in (power, power * 5 // 4, power * 3 // 2, power * 2) if size >= samples
    )  # fast to transform
    spectrum = np.fft.rfft(rng.standard_normal(size, dtype=np.float32))
    frequencies = np.fft.rfftfreq(size, 1 / rate)
    noise = np.fft.irfft(spectrum * gain(frequencies) * (frequencies < 0.45 * rate), size)
    return _unit(noise[:samples])


def _unit(sound: np.ndarray) -> np.ndarray:
    rms = np.sqrt(np.mean(np.square(sound))) if len(sound) else 0.0
    return (sound / rms if rms > 0 else sound).astype(np.float32)


def _slow(rng: np.random.Generator, samples: int, rate: int, period_s: float) -> np.ndarray:
    """A smooth random curve ``[samples]`` from 0 to 1: a new value every ``period_s``, cosines between them."""
    knots = rng.random(int(samples / rate / period_s) + 2)
    step = max(1, rate // 1000)  # the curve itself at about 1 kHz, straight lines between
    coarse = np.arange(0, samples + step, step)
    at = coarse / rate / period_s
    left = np.minimum(at.astype(int), len(knots) - 2)
    bend = (1 - np.cos(np.pi * (at - left))) / 2
    return np.interp(np.arange(samples), coarse, knots[left] * (1 - bend) + knots[left + 1] * bend)


def _edges(sound: np.ndarray, rate: int, seconds: float) -> np.ndarray:
    """Fades both ends with raised cosines, so that nothing clicks."""
    n = min(len(sound) // 2, max(1, round(seconds * rate)))
    ramp = (1 - np.cos(np.pi * (np.arange(n) + 0.5) / n)) / 2
    sound = sound.copy()
    sound[:n] *= ramp
    sound[len(sound) - n :] *= ramp[::-1]
    return sound


def wind(rng: np.random.Generator, place: int, samples: int, rate: int) -> np.ndarray:
    """Low-pitched noise that comes in gusts; RMS 1. The place decides how dark it is and how long its gusts are."""
    here = np.random.default_rng(place)
    slope, gusts_s = here.uniform(0.8, 1.4), here.uniform(1.0, 3.0)
    noise = coloured_noise(rng, samples, rate, lambda f: (np.maximum(f, 40.0) / 40.0) ** -slope * (f > 20))
    return _unit(noise * (0.3 + _slow(rng, samples, rate, gusts_s) ** 2))


def rain(rng: np.random.Generator, place: int, samples: int, rate: int) -> np.ndarray:
    """A broad hiss under single drops, RMS 1. The place decides how many: 5 to 40 a second."""
    drops_per_s = np.random.default_rng(place).uniform(5, 40)
    hiss = coloured_noise(rng, samples, rate, lambda f: (np.maximum(f, 300.0) / 300.0) ** -0.35)
    drops = np.zeros(samples, dtype=np.float32)
    drop_samples = max(8, round(0.012 * rate))
    for at in rng.integers(0, max(1, samples - drop_samples), int(samples / rate * drops_per_s)):
        t = np.arange(min(drop_samples, samples - at)) / rate
        pitch = min(rng.uniform(600, 3500), 0.4 * rate)
        drops[at : at + len(t)] += rng.exponential(2.5) * np.exp(-t / 0.003) * np.sin(2 * np.pi * pitch * t)
    return _unit(hiss + drops)


def insects(rng: np.random.Generator, place: int, samples: int, rate: int) -> np.ndarray:
    """The one or two kinds of insects of a place, each a narrow band of noise that pulses; RMS 1."""
    here = np.random.default_rng(place)
    sound = np.zeros(samples, dtype=np.float32)
    t = np.arange(samples) / rate
    for _ in range(here.integers(1, 3)):
        pitch, width = min(here.uniform(2800, 6500), 0.4 * rate), here.uniform(60, 250)
        pulse_hz, swell_s = here.uniform(8, 45), here.uniform(0.5, 4.0)
        band = coloured_noise(rng, samples, rate, lambda f, p=pitch, w=width: np.exp(-(((f - p) / w) ** 2)))
        pulses = 0.5 + 0.5 * np.sin(2 * np.pi * pulse_hz * t)
        sound += band * pulses * (0.2 + _slow(rng, samples, rate, swell_s))
    return _unit(sound)


BACKGROUNDS = {"wind": wind, "rain": rain, "insects": insects}


@dataclasses.dataclass(frozen=True)
class Chirper:
    """A bird of another kind: short high notes, alone or in a series.

    Attributes:
        pitch: Hz, of the middle of a note.
        sweep: Octaves from a note's start to its end; negative falls.
        note_s: Seconds a note.
        pause_s: Seconds between notes.
        notes: Notes in a series.
    """

    pitch: float
    sweep: float
    note_s: float
    pause_s: float
    notes: int

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Chirper:
        """Draws an individual."""
        return cls(
            pitch=float(np.exp(rng.uniform(np.log(1900), np.log(3800)))),
            sweep=rng.uniform(-0.5, 0.5),
            note_s=rng.uniform(0.05, 0.22),
            pause_s=rng.uniform(0.04, 0.3),
            notes=int(rng.integers(1, 9)),
        )

    def sing(self, rng: np.random.Generator, rate: int) -> np.ndarray:
        """One series, ``[samples]``, RMS 1."""
        parts = []
        for _ in range(max(1, self.notes + int(rng.integers(-1, 2)))):
            n = max(8, round(self.note_s * rng.uniform(0.85, 1.15) * rate))
            at = np.linspace(-0.5, 0.5, n)
            pitch = np.minimum(self.pitch * rng.uniform(0.97, 1.03) * 2.0 ** (self.sweep * at), 0.43 * rate)
            parts.append(_edges(np.sin(2 * np.pi * np.cumsum(pitch) / rate), rate, self.note_s / 3))
            parts.append(np.zeros(round(self.pause_s * rng.uniform(0.8, 1.2) * rate)))
        return _unit(np.concatenate(parts[:-1]))


@dataclasses.dataclass(frozen=True)
class Caller:
    """A bird of the kind that is counted: one long, low, harmonic call.

    Attributes:
        pitch: Hz, at the height of the call.
        rise: Octaves from the start up to the height.
        fall: Octaves from the height down to the end.
        height: Where in the call its height lies, 0 to 1.
        length_s: Seconds.
        tilt: dB an octave by which the harmonics weaken.
        formant: Hz, round which the harmonics are stronger.
        quaver_hz: Rate of the tremolo.
        quaver: Depth of the tremolo, 0 to 1.
        breath: Noise in the voice, relative to its tones.
    """

    pitch: float
    rise: float
    fall: float
    height: float
    length_s: float
    tilt: float
    formant: float
    quaver_hz: float
    quaver: float
    breath: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Caller:
        """Draws an individual."""
        return cls(
            pitch=float(np.exp(rng.uniform(np.log(280), np.log(620)))),
            rise=rng.uniform(0.25, 0.8),
            fall=rng.uniform(0.1, 0.6),
            height=rng.uniform(0.35, 0.7),
            length_s=rng.uniform(1.3, 2.6),
            tilt=rng.uniform(4, 9),
            formant=rng.uniform(700, 1800),
            quaver_hz=rng.uniform(5, 14),
            quaver=rng.uniform(0.0, 0.4),
            breath=rng.uniform(0.02, 0.12),
        )

    def call(self, rng: np.random.Generator, rate: int) -> np.ndarray:
        """One call, ``[samples]`` of 1 to 3 s, RMS 1."""
        n = round(np.clip(self.length_s * rng.uniform(0.85, 1.15), 1.0, 3.0) * rate)
        at, t = np.linspace(0, 1, n), np.arange(n) / rate
        up, down = np.minimum(at / self.height, 1), np.maximum((at - self.height) / (1 - self.height), 0)
        octaves = -self.rise * (1 - np.sin(np.pi / 2 * up)) - self.fall * (1 - np.cos(np.pi / 2 * down))
        pitch = self.pitch * rng.uniform(0.96, 1.04) * 2.0 ** (octaves + 0.02 * (_slow(rng, n, rate, 0.15) - 0.5))
        phase = 2 * np.pi * np.cumsum(pitch) / rate
        voice = np.zeros(n)
        for k in range(1, 1 + int(min(3600.0, 0.45 * rate) / pitch.max())):
            formant = 1 + 2 * np.exp(-(((k * self.pitch - self.formant) / 400) ** 2))
            level = 10 ** (-self.tilt * np.log2(k) / 20) * formant * rng.uniform(0.8, 1.2)
            voice += level * np.sin(k * phase + rng.uniform(0, 2 * np.pi))
        breath = coloured_noise(rng, n, rate, lambda f: np.exp(-(((f - self.formant) / 600) ** 2)))
        voice = _unit(voice) + self.breath * breath
        voice *= 1 - self.quaver * (0.5 + 0.5 * np.sin(2 * np.pi * self.quaver_hz * t + rng.uniform(0, 2 * np.pi)))
        swell = 0.35 + 0.65 * np.sin(np.pi * at**0.8)
        return _unit(_edges(voice * swell, rate, 0.08))

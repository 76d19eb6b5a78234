"""Conditioning: optional processing of sound before the front end; off unless asked for.

Steps change a window's samples and nothing of its times. They are part of the front end (``FrontEndConfig.condition``),
so training and scanning run this one code on each window. Cuts (trimming and splitting) change times: they are for
clips alone, where silence may go; a scan's windows must cover all that was recorded, at exact times.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable

import numpy as np

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.frontend.compiled_code import prepare_numba

# Each step or cut: its value unless given, the lowest and highest, and the package that it needs.
_STEPS = {
    "pre-emphasis": (0.97, 0.0, 1.0, None),
    "loudness": (-23.0, -60.0, 0.0, "pyloudnorm"),
    "denoise": (1.0, 0.0, 1.0, "noisereduce"),
}
_CUTS = {"trim": (60.0, 1.0, 200.0, "librosa"), "split": (60.0, 1.0, 200.0, "librosa")}
LOUDNESS_S = 0.4  # the shortest sound that has a loudness
NOISE_S = 2.0  # of a noise clip that is kept
# Zeros around what is denoised. noisereduce's own 30000 give the same (frames of 1024, 256 apart, lie as they do with
# these), and take up to ten times as long.
_PADDING = 2048 + 30000 % 256
Step = tuple[str, float]


def parse(text: str) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """Reads what the user asked for, e.g. ``trim=40,pre-emphasis,loudness=-23,denoise=0.8``.

    Returns:
        The cuts and the steps, each in the order given.

    Raises:
        ValueError: There is no such step, or its value is out of bounds.
    """
    cuts, steps = list[Step](), list[Step]()
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, separator, value = part.partition("=")
        operations = {**_STEPS, **_CUTS}
        if name not in operations:
            raise ValueError(f"there is no conditioning {name!r}; there are {', '.join(operations)}")
        default, low, high, _ = operations[name]
        try:
            number = float(value) if separator else default
        except ValueError:
            raise ValueError(f"{part}: {value!r} is no number") from None
        if not low <= number <= high:
            raise ValueError(f"{part}: must be {low:g} to {high:g}")
        if name in [n for n, _ in (*cuts, *steps)]:
            raise ValueError(f"{name} is asked for twice")
        (cuts if name in _CUTS else steps).append((name, number))
    return tuple(cuts), tuple(steps)


def as_text(steps: Iterable[Step]) -> str:
    """Steps as ``parse`` reads them, every value written."""
    return ",".join(f"{name}={value:g}" for name, value in steps)


def packages_of(steps: Iterable[Step]) -> list[str]:
    """The packages that steps or cuts need."""
    return [package for name, _ in steps if (package := {**_STEPS, **_CUTS}[name][3])]


def condition(waveforms: np.ndarray, rate: int, steps: Iterable[Step], noise: np.ndarray | None = None) -> np.ndarray:
    """Applies the steps to each window by itself.

    Args:
        waveforms: float32 ``[windows, samples]``.
        rate: Hz.
        steps: In their order.
        noise: float32 ``[samples]`` of noise alone, for ``denoise``; None: each window's own statistics.

    Returns:
        float32 ``[windows, samples]``.
    """
    for name, value in steps if len(waveforms) else ():
        if name == "pre-emphasis":
            waveforms = pre_emphasis(waveforms, value)
        elif name == "loudness":
            waveforms = np.stack([to_loudness(window, rate, value) for window in waveforms])
        else:
            waveforms = np.stack([denoise(window, rate, value, noise) for window in waveforms])
    return np.asarray(waveforms, np.float32)


def pre_emphasis(waveforms: np.ndarray, share: float) -> np.ndarray:
    """``y[n] = x[n] - share × x[n - 1]``; the sample before the first is taken to equal it."""
    before = np.concatenate([waveforms[..., :1], waveforms[..., :-1]], axis=-1)
    return waveforms - np.float32(share) * before


def to_loudness(window: np.ndarray, rate: int, lufs: float) -> np.ndarray:
    """A window scaled to an integrated loudness (ITU-R BS.1770-4, as EBU R 128 has it), by pyloudnorm.

    A window that is silent, or nowhere as loud as -70 LUFS, stays as it is. Nothing is clipped.

    Args:
        window: float32 ``[samples]``, 0.4 s at least.
        rate: Hz.
        lufs: The loudness.
    """
    import pyloudnorm

    measured = pyloudnorm.Meter(rate).integrated_loudness(np.asarray(window, np.float64))
    return window * np.float32(10.0 ** ((lufs - measured) / 20.0)) if np.isfinite(measured) else window


def denoise(window: np.ndarray, rate: int, share: float, noise: np.ndarray | None = None) -> np.ndarray:
    """A window without its steady noise: stationary spectral gating (Sainburg et al. 2020), by noisereduce.

    Bins that are not 1.5 standard deviations above the noise's mean level at their frequency are turned down. By its
    own statistics a sound that lasts for more than 0.31 of a window is noise; and since the gate is smooth over 500 Hz,
    a pure tone comes out some 10 dB weaker.

    Args:
        window: float32 ``[samples]``.
        rate: Hz.
        share: Of the noise that goes, 0 to 1.
        noise: float32 ``[samples]`` of noise alone; None: the window, without the zeros that it was padded with.
    """
    prepare_numba()
    import noisereduce

    sounding = np.flatnonzero(window)
    if not len(sounding):
        return window
    profile = window[sounding[0] : sounding[-1] + 1] if noise is None else noise
    if len(profile) < 1024:  # an FFT frame
        return window
    return noisereduce.reduce_noise(
        window, rate, stationary=True, y_noise=profile, prop_decrease=share, padding=_PADDING
    )


def kept_ranges(waveform: np.ndarray, cuts: Iterable[Step]) -> list[tuple[int, int]]:
    """The parts of a clip that are kept: all of it, or what ``trim`` and ``split`` leave, by librosa.

    Frames (of 2048 samples, 512 apart) whose level is so many decibels below the loudest one's are silence.

    Args:
        waveform: float32 ``[samples]``.
        cuts: As ``parse`` gives them.

    Returns:
        First sample, and the one after the last, of each.
    """
    kept = [(0, len(waveform))]
    for name, decibels in cuts:
        prepare_numba()
        import librosa

        if name == "trim":
            bounds = [(a, librosa.effects.trim(waveform[a:b], top_db=decibels)[1]) for a, b in kept]
            kept = [(a + int(first), a + int(end)) for a, (first, end) in bounds]
        else:
            inner = [(a, librosa.effects.split(waveform[a:b], top_db=decibels)) for a, b in kept]
            kept = [(a + int(first), a + int(end)) for a, parts in inner for first, end in parts]
    return kept


def pack_noise(noise: np.ndarray, rate: int) -> str:
    """The first seconds of a noise clip as text: base64 of 16-bit samples, for a manifest and a bundle.

    Raises:
        SoundbeamError: It is too short, or silent.
    """
    kept = noise[: round(NOISE_S * rate)]
    if len(kept) < 1024 or not np.any(np.abs(kept) > 2.0**-15):
        raise SoundbeamError("the noise clip is too short or silent; give a second or more of noise")
    return base64.b64encode(np.clip(np.rint(kept * 2.0**15), -(2**15), 2**15 - 1).astype("<i2").tobytes()).decode()


def unpack_noise(text: str) -> np.ndarray | None:
    """What ``pack_noise`` made, as float32 ``[samples]``; None of ""."""
    return np.frombuffer(base64.b64decode(text), "<i2").astype(np.float32) / np.float32(2.0**15) if text else None

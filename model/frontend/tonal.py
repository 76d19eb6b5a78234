"""The kinds that librosa computes: constant-Q and its chroma, and the 40 × 5 table; of whole windows."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from soundbeam.model.frontend.compiled_code import prepare_numba
from soundbeam.model.frontend.config import FrontEndConfig, of_kind
from soundbeam.model.frontend.kinds import CHROMA, TABLE, ConstantQ, Features, MeansTable

C1_HZ = 32.70319566257483
_CHROMA_BINS = 36  # of an octave, before they are folded into 12
_TABLE_STEP = 512


def tonal(features: Features, config: FrontEndConfig, waveforms: np.ndarray) -> np.ndarray:
    """float32 ``[n, samples]`` → float32 ``[n, frames, bins]`` of one kind.

    The frames of a constant-Q transform are as many as an STFT's and lie where those do, to within half a step: the
    k-th is centred at the sample ``frame / 2 + k × step``. What they see beyond the window's ends are zeros.
    """
    if isinstance(features, MeansTable):
        return table(waveforms, config)
    return constant_q(waveforms, config, features)


def constant_q(waveforms: np.ndarray, config: FrontEndConfig, features: Features | str) -> np.ndarray:
    """float32 ``[batch, samples]`` → float32 ``[batch, frames, bins]`` of ``cqt``, ``chroma_cqt`` or ``chroma_cens``.

    The kind may be given by its name, with its defaults.

    Tuning is that of A = 440 Hz, always: an estimate from one window would jump. Chroma are folded from 36 bins an
    octave, of seven octaves from C1 (32.7 Hz) or as many as the rate holds.
    """
    librosa = _librosa()
    if isinstance(features, str):
        features = of_kind(features)
    if isinstance(features, ConstantQ):
        octaves = (features.low_hz, features.octaves, features.bins_per_octave)
        values = np.log(np.abs(_cqt(waveforms, config.rate, config.step, *octaves)) + features.floor)
    else:
        chroma = {"chroma_cqt": librosa.feature.chroma_cqt, "chroma_cens": librosa.feature.chroma_cens}[features.kind]
        values = chroma(**_for_chroma(waveforms, config.rate, config.step))
    frames = config.frames(waveforms.shape[-1])
    first = min(round(config.frame / 2 / config.step), values.shape[-1] - frames)
    return np.swapaxes(values[..., first : first + frames], -1, -2).astype(np.float32)


def table(waveforms: np.ndarray, config: FrontEndConfig) -> np.ndarray:
    """Means over time, a column each: 40 MFCC, 40 mel-band powers, chroma of STFT, of CQT and CENS.

    librosa's defaults, but for the tuning, which is that of A = 440 Hz. The 12 pitch classes, which are a circle, are
    repeated until there are 40 (the tutorials that this is from asked for 40 classes, which later librosas refuse).

    Args:
        waveforms: float32 ``[batch, samples]``.
        config: For its rate.

    Returns:
        float32 ``[batch, 40, 5]``.
    """
    librosa, rate = _librosa(), config.rate
    rows = TABLE[0]
    power = np.abs(librosa.stft(waveforms)) ** 2
    decibels = [librosa.power_to_db(librosa.feature.melspectrogram(S=one, sr=rate)) for one in power]
    cqt = _for_chroma(waveforms, rate, _TABLE_STEP)
    columns = [
        librosa.feature.mfcc(S=np.stack(decibels), n_mfcc=rows),
        librosa.feature.melspectrogram(S=power, sr=rate, n_mels=rows),
        librosa.feature.chroma_stft(S=power, sr=rate, tuning=0.0),
        librosa.feature.chroma_cqt(**cqt),
        librosa.feature.chroma_cens(**cqt),
    ]
    means = [np.take(c.mean(axis=-1), np.arange(rows) % c.shape[-2], axis=-1) for c in columns]
    return np.stack(means, axis=-1).astype(np.float32)


def _for_chroma(waveforms: np.ndarray, rate: int, step: int) -> dict[str, Any]:
    """The constant-Q magnitudes, and what librosa's chroma must know of them."""
    octaves = min(7, int(np.log2(rate / 2 / C1_HZ)))
    magnitudes = np.abs(_cqt(waveforms, rate, step, C1_HZ, octaves, _CHROMA_BINS))
    return {"C": magnitudes, "sr": rate, "fmin": C1_HZ, "bins_per_octave": _CHROMA_BINS, "n_chroma": CHROMA}


def _cqt(waveforms: np.ndarray, rate: int, step: int, low_hz: float, octaves: int, bins: int) -> np.ndarray:
    """complex64 ``[batch, octaves × bins, 1 + samples // step]``."""
    return _librosa().cqt(
        waveforms, sr=rate, hop_length=step, fmin=low_hz, n_bins=octaves * bins, bins_per_octave=bins, tuning=0.0
    )


def _librosa() -> Any:
    prepare_numba()
    import librosa

    # Filters that are longer than a short window see zeros beyond it, as documented.
    warnings.filterwarnings("ignore", message="n_fft=.* is too large for input signal", module="librosa")
    return librosa

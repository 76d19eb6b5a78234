"""The numbers of the feature table against librosa's own, with its defaults, to 1e-4."""

import librosa
import numpy as np
import pytest

from soundbeam.model.frontend import SUMMARY_NAMES, FrontEnd, FrontEndConfig, summary
from soundbeam.model.frontend.kinds import FeatureSummary

RATE = 16000


def librosas(y: np.ndarray, sr: int) -> np.ndarray:
    mfcc = librosa.feature.mfcc(y=y, sr=sr, n_mfcc=20)
    frames = [
        librosa.feature.chroma_stft(y=y, sr=sr),
        librosa.feature.rms(y=y),
        librosa.feature.spectral_centroid(y=y, sr=sr),
        librosa.feature.spectral_bandwidth(y=y, sr=sr),
        librosa.feature.spectral_rolloff(y=y, sr=sr, roll_percent=0.85),
        librosa.feature.zero_crossing_rate(y),
        librosa.onset.onset_strength(y=y, sr=sr),
    ]
    return np.array([*(values.mean() for values in frames), *mfcc.mean(axis=1), *mfcc.std(axis=1)])


def sounds() -> dict[str, np.ndarray]:
    rng, t = np.random.default_rng(1), np.arange(RATE) / RATE
    out_of_tune = 0.2 * np.sin(2 * np.pi * 452.0 * t) + 0.1 * np.sin(2 * np.pi * 904.0 * t)
    return {
        "noise": 0.1 * rng.standard_normal(RATE),
        "out of tune": out_of_tune + 1e-3 * rng.standard_normal(RATE),
        "fading": out_of_tune * np.exp(-8 * t) + 1e-5 * rng.standard_normal(RATE),
        "a knock in silence": np.pad(0.5 * rng.standard_normal(200), (5000, RATE - 5200)),
        "short": 0.1 * rng.standard_normal(500),
    }


@pytest.mark.parametrize("rate", [8000, RATE, 44100])
def test_it_is_librosas_to_1e4(rate):
    for name, y in sounds().items():
        y = y.astype(np.float32)
        got = np.asarray(summary(y[None], rate))[0]
        np.testing.assert_allclose(got, librosas(y, rate), rtol=1e-4, atol=1e-4, err_msg=f"{name}: {SUMMARY_NAMES}")


def test_silence_has_numbers():
    row = dict(zip(SUMMARY_NAMES, np.asarray(summary(np.zeros((1, RATE), np.float32), RATE))[0], strict=True))
    assert all(np.isfinite(value) for value in row.values())
    assert row["rms"] == row["spectral_centroid"] == row["zero_crossing_rate"] == 0


def test_the_front_end_gives_the_same_row_for_each_window_of_a_batch():
    windows = np.stack([y[:500].astype(np.float32) for y in sounds().values()])
    got = np.asarray(FrontEnd(FrontEndConfig((FeatureSummary(),), normalise="none"))(windows))[:, 0, :, 0]
    for row, window in zip(got, windows, strict=True):
        np.testing.assert_allclose(row, librosas(window, RATE), rtol=1e-4, atol=1e-4)

import librosa
import numpy as np
import pytest
from scipy.signal import spectrogram

from soundbeam.model.pictures.spectrogram import band_weights, hertz, mel, mel_spectrogram_db


def test_mel_is_librosas_htk_scale():
    hz = np.array([0.0, 100, 1000, 4000, 8000])
    assert mel(hz) == pytest.approx(librosa.hz_to_mel(hz, htk=True))
    assert hertz(mel(hz)) == pytest.approx(hz, abs=1e-9)


@pytest.mark.parametrize(("rate", "frame"), [(16000, 1024), (8000, 512), (44100, 2048)])
def test_every_band_is_a_mean(rate, frame):
    weights = band_weights(rate, frame, 200)
    assert weights.shape == (frame // 2 + 1, 200) and weights.min() >= 0
    assert weights.sum(axis=0) == pytest.approx(np.ones(200))


def test_power_against_scipy():
    rate, rng = 16000, np.random.default_rng(0)
    samples = rng.normal(size=rate).astype(np.float32) * 0.1
    picture = mel_spectrogram_db(samples, rate, columns=10_000)
    window = np.hanning(1025)[:-1]
    _, _, power = spectrogram(
        np.pad(samples, 512),
        rate,
        window,
        nperseg=1024,
        noverlap=1024 - 128,
        detrend=False,
        scaling="spectrum",
        mode="psd",
    )
    power[1:-1] /= 2  # SciPy's is one-sided and for RMS; ours counts a full-scale sine as 1
    expected = 10 * np.log10((power * 4).T @ band_weights(rate, 1024, 200)).T
    assert picture.shape == expected.shape
    assert picture == pytest.approx(expected, abs=0.01)


def test_a_full_scale_sine_is_0_db_where_it_sounds():
    rate = 16000
    hz = 64 * rate / 1024
    samples = np.sin(2 * np.pi * hz * np.arange(rate * 4) / rate)
    samples[: rate * 2] = 0
    picture = mel_spectrogram_db(samples, rate, columns=100)
    band = int(mel(hz) / mel(rate / 2) * 200)
    assert picture.shape[0] == 200 and picture.shape[1] <= 100
    assert picture[band, -20] == pytest.approx(0, abs=1.5) and abs(int(picture[:, -20].argmax()) - band) <= 1
    assert picture[:, 10].max() == -120


@pytest.mark.parametrize("samples", [1, 100, 1024, 5000])
def test_short_sound(samples):
    picture = mel_spectrogram_db(np.zeros(samples, np.float32), 16000)
    assert picture.shape[1] >= 1 and np.all(picture == -120)

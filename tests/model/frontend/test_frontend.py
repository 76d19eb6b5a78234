"""The front end against NumPy and librosa, and what it does with silence, clipping and neighbours."""

import keras
import librosa
import numpy as np
import pytest

from soundbeam.model.frontend import FrontEnd, FrontEndConfig, mel_weights
from soundbeam.model.frontend.kinds import FEATURES, ConstantQ, LogMel, Stft

REFERENCE = FrontEndConfig((Stft(),), frame=320, step=32, fft=512, normalise="none")


def tone_and_noise(samples: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    t = np.arange(samples) / 16000
    return (0.3 * np.sin(2 * np.pi * (500 + 200 * t) * t) + 0.02 * rng.standard_normal(samples)).astype(np.float32)


def frames_of(x: np.ndarray, config: FrontEndConfig) -> np.ndarray:
    """[frames, fft / 2 + 1] by NumPy alone, in float64."""
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(config.frame) / config.frame)
    starts = range(0, len(x) - config.frame + 1, config.step)
    return np.stack(
        [np.abs(np.fft.rfft(x[s : s + config.frame].astype(np.float64) * hann, config.fft)) for s in starts]
    )


def test_the_reference_is_1491_by_257_and_equals_numpy():
    x = tone_and_noise(48000)
    got = np.asarray(FrontEnd(REFERENCE)(x[None]))
    assert got.shape == (1, 1491, 257, 1)
    np.testing.assert_allclose(got[0, :, :, 0], frames_of(x, REFERENCE), atol=2e-4)


def test_stft_equals_librosa():
    config = FrontEndConfig((Stft(),), frame=512, step=128, fft=512, normalise="none")
    x = tone_and_noise(8000)
    want = np.abs(librosa.stft(x, n_fft=512, hop_length=128, win_length=512, center=False)).T
    np.testing.assert_allclose(np.asarray(FrontEnd(config)(x[None]))[0, :, :, 0], want, atol=2e-4)


def test_mel_filters_equal_librosa():
    want = librosa.filters.mel(sr=16000, n_fft=1024, n_mels=64, fmin=100, fmax=4000, htk=True, norm=None).T
    np.testing.assert_allclose(mel_weights(LogMel(low_hz=100, high_hz=4000), 16000, 1024), want, atol=1e-5)


def test_no_mel_band_is_empty():
    assert (mel_weights(LogMel(low_hz=10, bands=128), 16000, 800).sum(axis=0) > 0).all()


def test_log_mel_equals_librosa():
    config = FrontEndConfig((LogMel(low_hz=50, high_hz=8000),), frame=1024, fft=1024, normalise="none")
    x = tone_and_noise(16000)
    power = librosa.feature.melspectrogram(
        y=x, sr=16000, n_fft=1024, hop_length=320, n_mels=64, fmin=50, fmax=8000, htk=True, norm=None, center=False
    )
    np.testing.assert_allclose(np.asarray(FrontEnd(config)(x[None]))[0, :, :, 0], np.log(power.T + 1e-7), atol=1e-3)


@pytest.mark.parametrize("kind", ["stft", "log_mel"])
def test_normalisations_equal_numpy(kind):
    x = tone_and_noise(32000)[None]
    plain = np.asarray(FrontEnd(FrontEndConfig((FEATURES[kind](),), normalise="none"))(x))[0, :, :, 0].astype(
        np.float64
    )
    background = np.percentile(plain, 25, axis=0, method="lower")
    want = {
        "window": (plain - plain.mean()) / (plain.std() + 1e-6),
        "band": (plain - plain.mean(axis=0)) / (plain.std(axis=0) + 1e-6),
        "percentile": np.clip(plain - background, -1, 7) * 2 / 7,
    }
    for name, values in want.items():
        got = np.asarray(FrontEnd(FrontEndConfig((FEATURES[kind](),), normalise=name))(x))[0, :, :, 0]
        np.testing.assert_allclose(got, values, atol=2e-3, err_msg=name)


def test_frames_of_overlapping_windows_are_shared():
    x, front = tone_and_noise(32000), FrontEnd(FrontEndConfig())
    whole = np.asarray(front.spectrogram(x[None]))[0]
    window = np.asarray(front.spectrogram(x[None, 3200 : 3200 + 16000]))[0]
    np.testing.assert_allclose(whole[10 : 10 + len(window)], window, atol=1e-5)


@pytest.mark.parametrize("normalise", ["none", "window", "band", "percentile"])
@pytest.mark.parametrize("kind", ["stft", "log_mel"])
@pytest.mark.parametrize("x", [np.zeros(8000), np.sign(tone_and_noise(8000)), 1e4 * tone_and_noise(8000)])
def test_silence_and_clipping_stay_finite(kind, normalise, x):
    out = np.asarray(FrontEnd(FrontEndConfig((FEATURES[kind](),), normalise=normalise))(x[None].astype(np.float32)))
    assert np.isfinite(out).all()


def test_a_quieter_recording_looks_the_same_after_percentile():
    x, front = tone_and_noise(32000)[None], FrontEnd(FrontEndConfig())
    np.testing.assert_allclose(front(x), front(0.25 * x), atol=0.02)


def test_saves_and_loads_in_safe_mode(tmp_path):
    front = FrontEnd(FrontEndConfig((LogMel(low_hz=120.5),), clip=(-2, 6)))
    model = keras.Sequential([keras.Input((8000,)), front])
    model.save(tmp_path / "front.keras")
    loaded = keras.saving.load_model(tmp_path / "front.keras", safe_mode=True)
    assert loaded.layers[0].config == front.config
    np.testing.assert_array_equal(loaded(tone_and_noise(8000)[None]), model(tone_and_noise(8000)[None]))


@pytest.mark.parametrize("rate", [8000, 22050, 44100])
def test_at_another_rate_frames_and_bands_are_the_same_share_of_it(rate):
    config = FrontEndConfig((LogMel(high_hz=7600.0),), frame=800, step=320, fft=1024)
    other = config.at_rate(rate)
    assert (other.frame, other.step) == (round(0.05 * rate), round(0.02 * rate))
    assert other.fft >= 1024 * rate / 16000 and other.fft & (other.fft - 1) == 0
    assert other.features[0].high_hz == pytest.approx(0.475 * rate)
    assert abs(other.frames(3 * rate) - config.frames(48000)) <= 1
    assert config.at_rate(16000) == config


def test_octaves_that_a_lower_rate_cannot_hold_fall_away():
    config = FrontEndConfig((ConstantQ(low_hz=60.0, octaves=7),))
    assert [config.at_rate(rate).features[0].octaves for rate in (8000, 44100)] == [6, 7]
    with pytest.raises(ValueError, match="100 Hz"):
        config.at_rate(100)


def test_config_says_what_is_wrong():
    for wrong in ({"kind": "cepstrum"}, {"normalise": "soft"}, {"frame": 2048}, {"high_hz": 9000.0}):
        with pytest.raises(ValueError):
            FrontEndConfig.from_plain(wrong)

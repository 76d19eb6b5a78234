"""The front end ``texture`` against NumPy, and what its numbers mean on sounds whose modulation is known."""

import numpy as np
import pytest
import scipy.fft

from soundbeam.model.frontend import FrontEnd, FrontEndConfig
from soundbeam.model.frontend.kinds import GROUPS, MODULATIONS, Texture
from soundbeam.model.frontend.texture import FLOOR, LOWEST_HZ, modulation_weights, texture

RATE = 16000
CONFIG = FrontEndConfig(
    (Texture(bands=32, coefficients=12, floor=1e-9),), frame=512, step=160, fft=512, normalise="none"
)
EDGES_HZ = np.geomspace(LOWEST_HZ, 50.0, MODULATIONS + 1)


def parts(values, bands=32, coefficients=12):
    """The statistics by name: [bands] or [coefficients] or [groups, ranges]."""
    names = ("mean", "deviation", "step", "cepstral_deviation", "cepstral_step", "modulation")
    sizes = (bands,) * 3 + (coefficients,) * 2 + (GROUPS * MODULATIONS,)
    found = dict(zip(names, np.split(values, np.cumsum(sizes)[:-1]), strict=True))
    found["modulation"] = found["modulation"].reshape(GROUPS, MODULATIONS)
    return found


def flickering(hz, seconds=3.0, seed=0):
    """Noise whose loudness swells ``hz`` times a second."""
    t = np.arange(round(seconds * RATE)) / RATE
    noise = 0.1 * np.random.default_rng(seed).standard_normal(len(t))
    return ((1.0 + 0.9 * np.sin(2 * np.pi * hz * t)) * noise).astype(np.float32)


def of_sound(x):
    return parts(np.asarray(FrontEnd(CONFIG)(x[None]))[0, 0, :, 0])


def test_every_number_equals_numpy():
    rng = np.random.default_rng(3)
    frames, bands = 90, 32
    log_mel = (0.3 * rng.standard_normal((2, frames, bands))).cumsum(axis=1).astype(np.float32)
    got = parts(np.asarray(texture(log_mel, 12, 100.0))[1])
    power = np.exp(log_mel[1].astype(np.float64))
    x = np.log(power / power.mean() + FLOOR)
    cepstra = scipy.fft.dct(x, type=2, norm="ortho", axis=1)[:, :12]
    np.testing.assert_allclose(got["mean"], x.mean(axis=0), atol=1e-4)
    np.testing.assert_allclose(got["deviation"], x.std(axis=0), atol=1e-4)
    np.testing.assert_allclose(got["step"], np.abs(np.diff(x, axis=0)).mean(axis=0), atol=1e-4)
    np.testing.assert_allclose(got["cepstral_deviation"], cepstra.std(axis=0), atol=1e-4)
    np.testing.assert_allclose(got["cepstral_step"], np.abs(np.diff(cepstra, axis=0)).mean(axis=0), atol=1e-4)
    groups = x.reshape(frames, GROUPS, 2).mean(axis=2)
    groups -= groups.mean(axis=0)
    hz = np.arange(129) * 100.0 / 256
    for g, values in enumerate(groups.T):
        spectrum = np.array([np.abs(np.exp(-2j * np.pi * f / 100.0 * np.arange(frames)) @ values) ** 2 for f in hz])
        for k in range(6, MODULATIONS):  # the lower ranges hold a bin or none
            within = (hz >= EDGES_HZ[k]) & (hz < EDGES_HZ[k + 1])
            want = np.log(spectrum[within].mean() / frames + 1e-4)
            np.testing.assert_allclose(got["modulation"][g, k], want, atol=1e-3)


@pytest.mark.parametrize("hz", [4.0, 12.0])
def test_what_flickers_shows_at_its_own_rate(hz):
    still, moving = of_sound(flickering(0.0)), of_sound(flickering(hz))
    rise = (moving["modulation"] - still["modulation"]).mean(axis=0)
    assert np.argmax(rise) == np.searchsorted(EDGES_HZ, hz) - 1 and rise.max() > 2.0


def test_how_loud_a_sound_is_does_not_matter():
    x = flickering(4.0)
    a, b = (np.asarray(FrontEnd(CONFIG)((gain * x)[None])) for gain in (1.0, 0.05))
    np.testing.assert_allclose(a, b, atol=1e-3)


@pytest.mark.parametrize("samples", [512, 700, 1200])
def test_a_window_of_few_frames_and_silence_have_finite_numbers(samples):
    windows = np.stack([np.zeros(samples, np.float32), flickering(8.0)[:samples]])
    values = np.asarray(FrontEnd(CONFIG)(windows))
    assert values.shape == (2, *CONFIG.shape(samples)) and np.isfinite(values).all()


def test_ranges_follow_one_another():
    weights = modulation_weights(1024, 100.0)
    assert weights.shape == (513, MODULATIONS)
    np.testing.assert_allclose(weights.sum(axis=0), 1.0, rtol=1e-5)
    assert (np.diff(weights.argmax(axis=0)) > 0).all()

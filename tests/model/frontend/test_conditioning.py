"""Each step against SciPy, a closed form or what it must do to sound; what may be asked for, and what not."""

import librosa
import noisereduce
import numpy as np
import pytest
import scipy.signal

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.frontend import FrontEnd, FrontEndConfig
from soundbeam.model.frontend.conditioning import (
    as_text,
    condition,
    denoise,
    kept_ranges,
    pack_noise,
    parse,
    to_loudness,
    unpack_noise,
)
from soundbeam.model.frontend.kinds import LogMel

RATE = 16000


def noise(seconds: float, level: float = 0.05, seed: int = 0) -> np.ndarray:
    return (level * np.random.default_rng(seed).standard_normal(round(seconds * RATE))).astype(np.float32)


def sine(seconds: float, hz: float, amplitude: float, rate: int = RATE) -> np.ndarray:
    return (amplitude * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def test_what_may_be_asked_for():
    cuts, steps = parse(" trim=40, pre-emphasis,loudness=-30 ,denoise=0.8,split")
    assert cuts == (("trim", 40.0), ("split", 60.0))
    assert steps == (("pre-emphasis", 0.97), ("loudness", -30.0), ("denoise", 0.8))
    assert as_text(steps) == "pre-emphasis=0.97,loudness=-30,denoise=0.8" and parse(as_text(steps))[1] == steps
    assert parse("") == ((), ())
    for wrong, said in (
        ("echo", "no conditioning 'echo'; there are pre-emphasis, loudness, denoise, trim, split"),
        ("denoise=2", "must be 0 to 1"), ("loudness=loud", "'loud' is no number"), ("loudness=nan", "must be -60 to 0"),
        ("trim,trim=3", "trim is asked for twice"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=said):
            parse(wrong)
    with pytest.raises(ValueError, match="trim is for clips"):
        FrontEndConfig(condition="trim=40")


def test_pre_emphasis_is_scipys_filter_at_rest_where_the_window_begins():
    x = noise(0.2)
    want = scipy.signal.lfilter([1, -0.9], [1], x.astype(np.float64), zi=[-0.9 * x[0]])[0]
    np.testing.assert_allclose(condition(x[None], RATE, (("pre-emphasis", 0.9),))[0], want, atol=1e-6)


@pytest.mark.parametrize("rate", [RATE, 48000])
def test_loudness_is_that_of_the_standards_tone(rate):
    # ITU-R BS.1770: a sine of 997 Hz and full scale in one channel has -3.01 LUFS; silence beside it is gated out.
    for amplitude in (0.02, 0.7):
        x = np.concatenate([sine(2.0, 997.0, amplitude, rate), np.zeros(2 * rate, np.float32)])
        y = to_loudness(x, rate, -23.0)
        loudness = -3.01 + 20 * np.log10(np.abs(y).max())
        # Blocks of 0.4 s, 0.1 s apart: 17 are all tone, and three more hold 3/4, 1/2 and 1/4 of it.
        assert loudness + 10 * np.log10((17 + 1.5) / 20) == pytest.approx(-23.0, abs=0.1)
        np.testing.assert_allclose(y / np.abs(y).max(), x / np.abs(x).max(), atol=1e-5)
    whole = to_loudness(sine(4.0, 997.0, 0.1, rate), rate, -30.0)
    assert -3.01 + 20 * np.log10(np.abs(whole).max()) == pytest.approx(-30.0, abs=0.1)
    silence = np.zeros(rate, np.float32)
    np.testing.assert_array_equal(to_loudness(silence, rate, -23.0), silence)


def level(x: np.ndarray) -> float:
    """Decibels of the mean power."""
    return 10 * np.log10(np.mean(x.astype(np.float64) ** 2))


def test_denoising_takes_steady_noise_and_leaves_what_comes_and_goes():
    def with_burst(seconds: float) -> tuple[np.ndarray, slice]:
        x, at = noise(3.0), slice(RATE, RATE + round(seconds * RATE))
        x[at] += noise(seconds, 1.0, 2)
        return x, at

    x, burst = with_burst(0.5)
    calm, profile = slice(2 * RATE, 3 * RATE), noise(1.5, seed=1)
    for given in (None, profile):
        y = denoise(x, RATE, 1.0, given)
        assert level(y[calm]) < level(x[calm]) - 10
        assert level(y[burst]) == pytest.approx(level(x[burst]), abs=2.5)
        want = noisereduce.reduce_noise(x, RATE, stationary=True, y_noise=x if given is None else given)
        np.testing.assert_allclose(y, want, atol=1e-6)
    half = denoise(x, RATE, 0.5)
    assert level(denoise(x, RATE, 1.0)[calm]) < level(half[calm]) < level(x[calm])
    # A share p of loud frames stands out of the mean by 1.5 deviations while 1 - p > 1.5 √(p (1 - p)): up to 0.31.
    long, burst = with_burst(1.5)
    assert level(denoise(long, RATE, 1.0)[burst]) < level(long[burst]) - 3
    assert level(denoise(long, RATE, 1.0, profile)[burst]) == pytest.approx(level(long[burst]), abs=2.5)
    # The zeros that a short recording is padded with say nothing of its noise.
    padded = denoise(np.pad(x, (0, 6 * RATE)), RATE, 1.0)
    assert level(padded[calm]) < level(x[calm]) - 10
    np.testing.assert_array_equal(denoise(np.zeros(RATE, np.float32), RATE, 1.0), np.zeros(RATE))


def test_cuts_leave_what_numpy_finds_loud():
    x = np.concatenate([noise(0.5, 1e-4), sine(0.6, 800, 0.3), noise(1.0, 1e-4), sine(0.4, 800, 0.1), noise(0.7, 1e-4)])
    padded = np.pad(x, 1024)
    rms = np.sqrt((np.lib.stride_tricks.sliding_window_view(padded, 2048)[::512].astype(np.float64) ** 2).mean(axis=1))
    loud = np.flatnonzero(20 * np.log10(rms / rms.max()) > -40)
    assert kept_ranges(x, parse("trim=40")[0]) == [(loud[0] * 512, min(len(x), (loud[-1] + 1) * 512))]
    runs = np.split(loud, np.flatnonzero(np.diff(loud) > 1) + 1)
    assert kept_ranges(x, parse("split=40")[0]) == [(run[0] * 512, min(len(x), (run[-1] + 1) * 512)) for run in runs]
    assert len(runs) == 2
    assert kept_ranges(x, ()) == [(0, len(x))]
    assert kept_ranges(np.zeros(4000, np.float32), parse("trim,split")[0]) == [(0, 4000)]


def test_a_front_end_conditions_each_window_by_itself_before_it_looks():
    windows = np.stack([noise(0.5, level, seed) for seed, level in enumerate((0.01, 0.1, 0.3))])
    steps = parse("pre-emphasis,loudness=-30,denoise=0.7")[1]
    packed = pack_noise(noise(1.0, 0.02, 9), RATE)
    plain = FrontEndConfig((LogMel(floor=1e-6),), normalise="none")
    front = FrontEnd(FrontEndConfig((LogMel(floor=1e-6),), normalise="none", condition=as_text(steps), noise=packed))
    want = np.stack([condition(w[None], RATE, steps, unpack_noise(packed))[0] for w in windows])
    np.testing.assert_allclose(np.asarray(front(windows)), np.asarray(FrontEnd(plain)(want)), atol=1e-4)
    assert not front.config.frame_local and front.config.condition == "pre-emphasis=0.97,loudness=-30,denoise=0.7"
    assert FrontEnd.from_config(front.get_config()).config == front.config


def test_a_noise_clip_is_kept_to_16_bits():
    x = noise(3.0, 0.1)
    np.testing.assert_allclose(unpack_noise(pack_noise(x, RATE)), x[: 2 * RATE], atol=2.0**-16)
    for useless in (np.zeros(RATE), x[:500]):
        with pytest.raises(SoundbeamError, match="too short or silent"):
            pack_noise(useless, RATE)
    assert unpack_noise("") is None


def test_a_missing_package_is_one_clear_line(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SoundbeamError, match=r"denoise=1\+log_mel needs noisereduce; install it: pip install"):
        FrontEnd(FrontEndConfig(condition="denoise"))
    FrontEnd(FrontEndConfig(condition="pre-emphasis"))


def test_librosa_still_cuts_as_documented():
    # Its default frames, which the documentation of the cuts states.
    assert librosa.effects.trim.__kwdefaults__["frame_length"] == 2048
    assert librosa.effects.split.__kwdefaults__["hop_length"] == 512

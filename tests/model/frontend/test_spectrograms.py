"""Spectrograms by NumPy against TensorFlow's, over kinds, rates, lengths and normalisations; and what windows share."""

import concurrent.futures
import dataclasses
import subprocess
import sys

import numpy as np
import pytest
import scipy.signal
import tensorflow as tf
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from soundbeam.model.frontend import FrontEnd, FrontEndConfig, Spectrograms, spectrograms
from soundbeam.model.frontend.config import NORMALISATIONS
from soundbeam.model.frontend.weights import WeightedSums, hann_window
from tests import ROOT
from tests.model.frontend.tensorflow_spectrograms import KINDS, by_tensorflow

STACKS = ("log_mel+mfcc+gfcc+chroma_stft", "complex+pcen", "magnitude_phase+log_mel")
RATES = (8000, 11025, 16000, 22050, 44100)  # 11025: a frame of 551 samples, which is odd


def config_of(kind: str, rate: int = 16000, normalise: str = "none") -> FrontEndConfig:
    return FrontEndConfig.from_plain({**FrontEndConfig().of_kind(kind).at_rate(rate).plain(), "normalise": normalise})


def sounds(samples: int, seed: int = 0) -> np.ndarray:
    """float32 [5, samples]: a chirp in noise, noise, faint noise, clipped noise, noise after silence."""
    rng, t = np.random.default_rng(seed), np.arange(samples) / 16000
    noise = rng.standard_normal((5, samples))
    noise[0] = 0.3 * np.sin(2 * np.pi * (500 + 200 * t) * t) + 0.02 * noise[0]
    noise[4, : samples // 2] = 0
    return (noise * np.array([1, 0.1, 1e-4, 10, 0.2])[:, None]).clip(-1, 1).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from((*KINDS, *STACKS)),
    rate=st.sampled_from(RATES),
    frames=st.integers(1, 120),
    rest=st.integers(0, 159),
    seed=st.integers(0, 99),
)
def test_every_kind_equals_tensorflows_to_1e5_of_its_range(kind, rate, frames, rest, seed):
    config = config_of(kind, rate)
    windows = sounds(config.frame + (frames - 1) * config.step + rest, seed)
    got, want = Spectrograms(config).of_windows(windows), by_tensorflow(windows, config)
    assert got.shape == (5, *config.shape(windows.shape[-1])) == (5, frames, config.bins, config.channels)
    assert got.dtype == np.float32
    if "phase" in kind:  # it is as exact as its magnitude is great, and π is -π
        got, want = (np.concatenate([v[..., :1] * np.exp(1j * v[..., 1:2]), v[..., 2:]], -1) for v in (got, want))
    for channel in range(got.shape[-1]):
        for window in range(5):
            one, other = got[window, ..., channel], want[window, ..., channel]
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-5 * max(1e-3, np.abs(other).max()))


@settings(max_examples=40, deadline=None)
@given(
    kind=st.sampled_from(("log_mel", "mfcc", "pcen", "stft", "complex", STACKS[0])),
    normalise=st.sampled_from(NORMALISATIONS[1:]),
    rate=st.sampled_from(RATES),
    frames=st.integers(2, 150),
    seed=st.integers(0, 99),
)
def test_normalised_it_equals_tensorflows(kind, normalise, rate, frames, seed):
    assume(kind != "complex" or normalise != "percentile")
    config = config_of(kind, rate, normalise)
    windows = sounds(config.frame + (frames - 1) * config.step, seed)[:2]
    off = np.abs(Spectrograms(config).of_windows(windows) - by_tensorflow(windows, config))
    values = by_tensorflow(windows, dataclasses.replace(config, normalise="none"))
    # What hardly moves is made to move by one deviation, and the last digits of float32 with it.
    axes = (1, 2) if normalise == "window" else (1,)
    unit = config.clip[1] / 2 if normalise == "percentile" else values.std(axes, np.float64, keepdims=True)
    assert (off * unit <= 1e-5 * np.abs(values).max(axis=(1, 2), keepdims=True)).all()


@settings(max_examples=40, deadline=None)
@given(
    kind=st.sampled_from((*KINDS, *STACKS)),
    first=st.lists(st.integers(0, 60), min_size=1, max_size=6),
    frames=st.integers(1, 40),
    rest=st.integers(0, 319),
)
def test_windows_of_a_segment_are_those_windows(kind, first, frames, rest):
    config = config_of(kind)
    size = config.frame + (frames - 1) * config.step + rest
    x = sounds(max(first) * config.step + size)[0]
    windows = np.stack([x[f * config.step :][:size] for f in first])
    spectra = Spectrograms(config)
    got, want = spectra.of_segment(x, np.array(first)), spectra.of_windows(windows)
    if kind.startswith("magnitude_phase"):  # a phase of π is -π
        got[..., 1], want[..., 1] = (v[..., 0] * np.cos(v[..., 1]) for v in (got, want))
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-5 * max(1, np.abs(want).max()))
    whole = spectra.spectrogram(x)
    np.testing.assert_array_equal(spectra.of_frames(whole, first[:2], frames), spectra.of_segment(x, first)[:2])


def test_what_is_of_whole_windows_shares_no_frames():
    for config in (FrontEndConfig().of_kind("texture"), FrontEndConfig(condition="pre-emphasis=0.97")):
        with pytest.raises(ValueError, match="of whole windows"):
            Spectrograms(config).of_segment(sounds(16000)[0], np.array([0, 1]))


@pytest.mark.parametrize("kind", [*KINDS, *STACKS, "texture", "summary", "waveform"])
@pytest.mark.parametrize("normalise", NORMALISATIONS)
def test_silence_is_finite_and_nothing_stands_out_of_it(kind, normalise):
    try:
        config = config_of(kind, 16000, normalise)
    except ValueError:
        pytest.skip("it has no background")
    got = Spectrograms(config).of_windows(np.zeros((2, 8000), np.float32))
    assert got.shape == (2, *config.shape(8000)) and np.isfinite(got).all()
    if normalise in ("band", "percentile"):
        np.testing.assert_allclose(got, 0, atol=1e-6)


@pytest.mark.parametrize("kind", [*KINDS, *STACKS, "texture", "summary", "waveform", "cqt", "table"])
def test_no_windows_and_windows_that_must_not_change(kind):
    spectra = Spectrograms(FrontEndConfig().of_kind(kind))
    windows = sounds(8000)[:2]
    before = windows.copy()
    windows.flags.writeable = False
    got = spectra.of_windows(windows)
    got += 1  # it is the caller's own
    np.testing.assert_array_equal(windows, before)
    assert spectra.of_windows(windows[:0]).shape == (0, *got.shape[1:])
    of_windows = spectra.spectrogram(windows)
    kept = of_windows.copy()
    np.testing.assert_array_equal(spectra.normalise(of_windows) + 1, got)
    np.testing.assert_array_equal(of_windows, kept)


def test_threads_share_one():
    spectra, windows = Spectrograms(FrontEndConfig()), [sounds(32000, seed) for seed in range(16)]
    want = [spectra.of_windows(each) for each in windows]
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        for one, other in zip(threads.map(spectra.of_windows, windows), want, strict=True):
            np.testing.assert_array_equal(one, other)


def test_the_layer_gives_the_same_in_a_graph():
    config, windows = FrontEndConfig(), sounds(16000)
    graph = tf.function(FrontEnd(config), input_signature=[tf.TensorSpec((None, 16000), tf.float32)])
    np.testing.assert_array_equal(graph(windows), Spectrograms(config).of_windows(windows))


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("frames", [1, 2, 5, 198, 1491])
def test_the_low_percentile_is_numpys(fast, frames, monkeypatch):
    monkeypatch.setattr(spectrograms, "_sorts_fast", lambda: fast)
    values = np.random.default_rng(frames).standard_normal((3, frames, 7)).astype(np.float32)
    want = np.percentile(values, 25, axis=1, method="lower", keepdims=True)
    np.testing.assert_array_equal(spectrograms.low_percentile(values), want)


@settings(max_examples=50, deadline=None)
@given(
    rows=st.integers(0, 300), values=st.integers(1, 600), sums=st.integers(1, 70), share=st.sampled_from((0.0, 0.02, 1))
)
def test_weighted_sums_are_a_product(rows, values, sums, share):
    rng = np.random.default_rng(0)
    weights = rng.random((values, sums)) * (rng.random((values, sums)) < share)
    x = rng.random((rows, values))
    np.testing.assert_allclose(WeightedSums(weights, np.float64)(x), x @ weights, rtol=1e-9, atol=1e-9)
    assert WeightedSums(weights)(x.astype(np.float32)).dtype == np.float32


def test_the_window_is_scipys_and_tensorflows():
    for samples in (1, 2, 551, 800):
        np.testing.assert_allclose(hann_window(samples), tf.signal.hann_window(samples), atol=1e-6)
    np.testing.assert_allclose(hann_window(800), scipy.signal.get_window("hann", 800), atol=1e-12)


def test_spectrograms_need_no_tensorflow():
    script = """
import sys
import numpy as np
import soundbeam.model.frontend.conditioning
print("scipy" in sys.modules)
import soundbeam.model.frontend.texture
from soundbeam.model.frontend import FrontEndConfig, Spectrograms, summary
for kind in ("log_mel", "pcen", "texture", "summary", "log_mel+mfcc"):
    Spectrograms(FrontEndConfig().of_kind(kind)).of_windows(np.ones((1, 16000), np.float32))
print(sorted({"tensorflow", "keras", "librosa", "scipy.signal"} & set(sys.modules)))
from soundbeam.model.frontend import FrontEnd
print(FrontEnd.__module__, sorted({"tensorflow", "keras"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["False", "[]", "soundbeam.model.frontend.layer ['keras', 'tensorflow']"]

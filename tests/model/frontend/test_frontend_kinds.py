"""Every kind of front end against librosa, NumPy and SciPy, over the same frames: none beyond the window's ends."""

import dataclasses
import json

import keras
import librosa
import numpy as np
import pytest
import scipy.fft
import scipy.signal

from soundbeam.model.architectures.assemble import FRONT_END, NETWORK, assemble
from soundbeam.model.classifier.tensorflow_scorer import TensorFlowScorer
from soundbeam.model.errors import SoundbeamError
from soundbeam.model.frontend import KINDS, FrontEnd, FrontEndConfig
from soundbeam.model.frontend.kinds import FEATURES, ConstantQ, LogMel, Mfcc, Pcen
from soundbeam.model.frontend.weights import gammatone_centres, gammatone_weights

RATE, SAMPLES = 16000, 16000
EVERY = [
    *({"kind": kind} for kind in KINDS if kind != "stack"),
    {"kind": "stack", "stack": ("log_mel", "mfcc", "gfcc", "chroma_stft")},
    {"kind": "stack", "stack": ("cqt", "pcen", "chroma_cens")},
    {"kind": "stack", "stack": ("magnitude_phase", "chroma_stft"), "normalise": "window"},
]


def config_of(kind: str, **more) -> FrontEndConfig:
    return FrontEndConfig.from_plain({"kind": kind, "frame": 1024, "normalise": "none", **more})


def a_name(values: dict) -> str:
    return "+".join(values.get("stack", [values["kind"]]))


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    """float32 [samples]: a chord of A, C♯ and E that grows, over noise."""
    t = np.arange(SAMPLES) / RATE
    chord = sum(np.sin(2 * np.pi * f * t) for f in (220.0, 277.18, 329.63))
    return (0.1 * t * chord + 0.01 * np.random.default_rng(0).standard_normal(SAMPLES)).astype(np.float32)


def computed(x: np.ndarray, config: FrontEndConfig) -> np.ndarray:
    """[frames, bins, channels] of one window."""
    return np.asarray(FrontEnd(config)(x[None]))[0]


def stft(x: np.ndarray) -> np.ndarray:
    """complex [frames, bins] by librosa, frames within the window."""
    return librosa.stft(x.astype(np.float64), n_fft=1024, hop_length=320, center=False).T


def test_power_complex_and_phase_equal_librosa(x):
    want = stft(x)
    np.testing.assert_allclose(computed(x, config_of("power"))[..., 0], np.abs(want) ** 2, atol=1e-4, rtol=1e-4)
    parts = computed(x, config_of("complex"))
    np.testing.assert_allclose(parts[..., 0] + 1j * parts[..., 1], want, atol=1e-5)
    got = computed(x, config_of("magnitude_phase"))
    np.testing.assert_allclose(got[..., 0], np.abs(want), atol=1e-5)
    # A phase is as exact as its magnitude is great; and π is -π.
    off = np.angle(np.exp(1j * (got[..., 1] - np.angle(want))))
    assert (np.abs(off) * np.abs(want)).max() < 1e-5
    assert np.abs(got[..., 1]).max() <= np.pi + 1e-6
    np.testing.assert_array_equal(computed(x, config_of("waveform")), x[:, None, None])


def test_pcen_equals_librosa(x):
    want = librosa.feature.melspectrogram(
        y=x.astype(np.float64), sr=RATE, n_fft=1024, hop_length=320, n_mels=64, fmin=60, fmax=7600,
        htk=True, norm=None, center=False, power=1,
    ) * 2.0**31  # fmt: skip
    for gain, bias, power, time in ((0.98, 2.0, 0.5, 0.4), (0.8, 10.0, 0.25, 0.06)):
        frames = time * RATE / 320
        b = (np.sqrt(1 + 4 * frames**2) - 1) / (2 * frames**2)
        of = {"gain": gain, "bias": bias, "power": power, "time_constant": time}
        pcen = librosa.pcen(want, sr=RATE, hop_length=320, zi=(1 - b) * want[:, :1], **of)
        config = config_of("pcen", pcen_gain=gain, pcen_bias=bias, pcen_power=power, pcen_time_s=time)
        np.testing.assert_allclose(computed(x, config)[..., 0], pcen.T, atol=1e-4)


def test_mfcc_equals_librosa(x):
    mel = librosa.feature.melspectrogram(
        y=x, sr=RATE, n_fft=1024, hop_length=320, n_mels=64, fmin=60, fmax=7600, htk=True, norm=None, center=False
    )
    want = librosa.feature.mfcc(S=np.log(mel + 1e-7), n_mfcc=13).T
    np.testing.assert_allclose(computed(x, config_of("mfcc", coefficients=13))[..., 0], want, atol=1e-3)


def test_gammatone_bands_are_those_of_scipys_filters():
    config = config_of("gfcc", low_hz=100.0, high_hz=6000.0, bands=24)
    weights, centres = gammatone_weights(config.features[0], RATE, 1024), gammatone_centres(100.0, 6000.0, 24)
    for band in range(24):
        b, a = scipy.signal.gammatone(centres[band], "fir", order=4, numtaps=4096, fs=RATE)
        at = np.append(np.arange(513) * RATE / 1024, centres[band])
        power = np.abs(scipy.signal.freqz(b, a, worN=at, fs=RATE)[1]) ** 2
        # The filter's response to -f, which the closed form leaves out, is the difference.
        np.testing.assert_allclose(weights[:, band], (power / power[-1])[:-1], atol=0.02)


def test_gfcc_equals_scipy(x):
    config = config_of("gfcc", coefficients=13)
    power = np.abs(stft(x)) ** 2 @ gammatone_weights(config.features[0], RATE, 1024).astype(np.float64) + 1e-7
    want = scipy.fft.dct(np.cbrt(power), type=2, norm="ortho", axis=-1)[:, :13]
    np.testing.assert_allclose(computed(x, config)[..., 0], want, atol=1e-3)


def test_chroma_of_the_stft_equals_librosa(x):
    want = librosa.feature.chroma_stft(y=x, sr=RATE, n_fft=1024, hop_length=320, center=False, tuning=0.0).T
    np.testing.assert_allclose(computed(x, config_of("chroma_stft"))[..., 0], want, atol=1e-4)


def test_constant_q_equals_librosa_frame_for_frame(x):
    # Frames of 1024 samples are centred at 512 + k × 320: librosa's, which are centred at k × 320, from the second on.
    config, first = config_of("cqt", low_hz=110.0, octaves=5), 2
    want = np.abs(librosa.cqt(x, sr=RATE, hop_length=320, fmin=110.0, n_bins=60, tuning=0.0))
    frames = config.frames(SAMPLES)
    want = np.log(want[:, first : first + frames].T + 1e-7)
    np.testing.assert_allclose(computed(x, config)[..., 0], want, atol=1e-4)
    for kind, function in (("chroma_cqt", librosa.feature.chroma_cqt), ("chroma_cens", librosa.feature.chroma_cens)):
        want = function(y=x, sr=RATE, hop_length=320, tuning=0.0)[:, first : first + frames].T
        np.testing.assert_allclose(computed(x, config_of(kind))[..., 0], want, atol=1e-4, err_msg=kind)
        loudest = np.argsort(computed(x, config_of(kind)).mean(axis=(0, 2)))[-3:]
        assert set(loudest) == {9, 1, 4}, kind  # A, C♯, E


def test_the_table_is_librosas_means(x):
    want = [
        librosa.feature.mfcc(y=x, sr=RATE, n_mfcc=40),
        librosa.feature.melspectrogram(y=x, sr=RATE, n_mels=40),
        librosa.feature.chroma_stft(y=x, sr=RATE, tuning=0.0),
        librosa.feature.chroma_cqt(y=x, sr=RATE, tuning=0.0),
        librosa.feature.chroma_cens(y=x, sr=RATE, tuning=0.0),
    ]
    columns = [np.resize(values.mean(axis=1), 40) for values in want]
    got = np.asarray(FrontEnd(config_of("table"))(np.stack([0.1 * x[::-1], x])))[1, :, :, 0]
    np.testing.assert_allclose(got, np.stack(columns, axis=1), atol=1e-3, rtol=1e-4)


def test_a_stack_is_its_kinds_side_by_side_resized_to_the_first(x):
    kinds = ("log_mel", "mfcc", "complex")
    got = computed(x, config_of("stack", stack=kinds, coefficients=64))
    alone = [computed(x, config_of(kind, coefficients=64)) for kind in kinds]
    np.testing.assert_allclose(got[..., 0], alone[0][..., 0], atol=1e-6)
    np.testing.assert_allclose(got[..., 1], alone[1][..., 0], atol=1e-6)
    at = np.linspace(0, 512, 64)
    want = np.stack([np.interp(at, np.arange(513), frame) for frame in alone[2][..., 1]])
    np.testing.assert_allclose(got[..., 3], want, atol=1e-5)


@pytest.mark.parametrize("values", EVERY, ids=a_name)
def test_a_segment_scores_as_its_windows_and_a_saved_front_end_as_it_did(values, x, tmp_path):
    config = config_of(**values)
    window = 8000
    keras.utils.set_random_seed(0)
    unit = keras.layers.Rescaling(1 / np.abs(computed(x[:window], config)).max())
    scores = keras.layers.Dense(2, activation="sigmoid", kernel_initializer=keras.initializers.RandomNormal(0, 0.05))
    network = keras.Sequential([keras.Input(config.shape(window)), unit, keras.layers.Flatten(), scores], name=NETWORK)
    model = assemble(FrontEnd(config, name=FRONT_END), network, window)
    offsets = np.array([0, 1600, 3200, 4800, 6400, 7999])  # the last one was moved back
    windows = np.stack([x[o : o + window] for o in offsets])
    scorer = TensorFlowScorer(model, 4)
    want = scorer.score_windows(windows)
    assert np.ptp(want, axis=0).min() > 1e-4 and want.min() > 0.01 and want.max() < 0.99
    np.testing.assert_allclose(scorer.score_segment(x, offsets), want, atol=1e-5)
    assert np.isfinite(computed(np.zeros(window, np.float32), config)).all()

    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert loaded.get_layer(FRONT_END).config == config
    np.testing.assert_allclose(TensorFlowScorer(loaded, 4).score_windows(windows), want, atol=1e-6)


@pytest.mark.parametrize("values", EVERY, ids=a_name)
def test_the_shape_is_told_beforehand(values, x):
    config = config_of(**values)
    assert computed(x[:8000], config).shape == config.shape(8000) == FrontEnd(config)(keras.Input((8000,))).shape[1:]
    assert config.channels == len(config.kinds) + sum(kind in ("complex", "magnitude_phase") for kind in config.kinds)
    assert FrontEndConfig.from_plain(json.loads(json.dumps(config.plain()))) == config


def test_what_cannot_be_is_said():
    for wrong in (
        {"kind": "stack"}, {"kind": "log_mel", "stack": ("mfcc",)}, {"kind": "stack", "stack": ("waveform", "mfcc")},
        {"kind": "mfcc", "coefficients": 65}, {"kind": "cqt", "octaves": 8}, {"kind": "summary"}, {"kind": "complex"},
    ):  # fmt: skip
        with pytest.raises(ValueError):
            FrontEndConfig.from_plain(wrong)


# As soundbeam wrote them until it had a class a kind, in classifier.json and in the .keras file.
FLAT = {
    "kind": "stack", "rate": 22050, "frame": 1024, "step": 441, "fft": 2048, "bands": 40, "low_hz": 50.0,
    "high_hz": 10000.0, "floor": 1e-06, "normalise": "window", "clip": [-1.0, 7.0], "coefficients": 13, "octaves": 6,
    "bins_per_octave": 24, "pcen_gain": 0.8, "pcen_bias": 2.0, "pcen_power": 0.5, "pcen_time_s": 0.4,
    "stack": ["mfcc", "pcen", "cqt"], "condition": "pre-emphasis=0.97", "noise": "",
}  # fmt: skip


def test_the_flat_form_of_earlier_bundles_is_read_and_written():
    config = FrontEndConfig.from_plain(FLAT)
    assert config.features == (
        Mfcc(bands=40, low_hz=50.0, high_hz=10000.0, floor=1e-6, coefficients=13),
        Pcen(bands=40, low_hz=50.0, high_hz=10000.0, pcen_gain=0.8),
        ConstantQ(low_hz=50.0, floor=1e-6, octaves=6, bins_per_octave=24),
    )
    assert (config.rate, config.frame, config.step, config.fft, config.normalise) == (22050, 1024, 441, 2048, "window")
    assert config.plain() == FLAT
    assert FrontEnd.from_config({"name": "front_end", "config": FLAT}).config == config
    unused = FrontEndConfig.from_plain({**FLAT, "kind": "log_mel", "stack": []})
    assert unused.features == (LogMel(bands=40, low_hz=50.0, high_hz=10000.0, floor=1e-6),)
    with pytest.raises(TypeError, match="hop"):
        FrontEndConfig.from_plain({**FLAT, "hop": 1})


def test_stacked_kinds_share_their_settings():
    with pytest.raises(ValueError, match="stacked kinds have bands 64 and 32"):
        FrontEndConfig((LogMel(), Mfcc(bands=32)), normalise="window")


def test_a_missing_librosa_is_one_clear_line(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SoundbeamError, match=r"cqt needs librosa; install it: pip install 'soundbeam\[zoo\]'"):
        FrontEnd(config_of("cqt"))
    FrontEnd(config_of("mfcc"))


@pytest.mark.parametrize("kind", FEATURES)
def test_a_kind_may_be_named(kind):
    named = FrontEndConfig(kind=kind, rate=16000, normalise="none")
    assert named == FrontEndConfig((FEATURES[kind](),), rate=16000, normalise="none")
    assert dataclasses.replace(named, step=400).kind == kind
    with pytest.raises(ValueError, match="unknown front end ceqt"):
        FrontEndConfig(kind="ceqt")

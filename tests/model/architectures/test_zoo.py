"""The whole registry, over windows as small as they can be: shapes, learning, saving, and a scan of a bundle."""

import dataclasses
import warnings

import keras
import numpy as np
import pyarrow.dataset as ds
import pytest
import soundfile
import tensorflow as tf

from soundbeam.model.architectures import architecture_names, get_architecture
from soundbeam.model.architectures.architecture import Architecture
from soundbeam.model.architectures.ensemble import EachMember
from soundbeam.model.architectures.training_outputs import network_to_fit, scores_only
from soundbeam.model.architectures.zoo import inception
from soundbeam.model.classifier.bundle import BundleDescription, load_bundle, save_bundle
from soundbeam.model.classifier.tensorflow_scorer import TensorFlowScorer
from soundbeam.model.frontend import FrontEndConfig
from soundbeam.pipelines.scan.program import main

RATE, SAMPLES = 8000, 4000
ZOO = tuple(name for name in architecture_names() if name not in ("compact", "cnn_baseline"))
EVERY = pytest.mark.parametrize("name", ZOO)
# The 40 × 5 table is librosa's, which takes its time; what follows is the same network.
_FIXED = {"feature_mlp": "summary", "texture_mlp": "texture"}


@pytest.fixture(autouse=True)
def small_base(monkeypatch):
    """Inception v3's own base takes seconds to build: the same code over one convolution."""

    def base(input_shape, **_):
        picture = keras.Input(input_shape)
        x = keras.layers.Conv2D(16, 5, 3, activation="relu")(picture)
        return keras.Model(picture, keras.layers.Flatten()(keras.layers.AveragePooling2D((10, 1))(x)))

    monkeypatch.setattr(inception, "InceptionV3", base)
    monkeypatch.setattr(inception, "SIDE", 32)


def small(name) -> Architecture:
    """The architecture over half a second at 8 kHz, with as few frames as that leaves."""
    architecture = get_architecture(name)
    kind = "waveform" if architecture.front_end.kind == "waveform" else _FIXED.get(name, "log_mel")
    config = FrontEndConfig.from_plain({
        "kind": kind, "rate": RATE, "frame": 256, "step": 200, "fft": 256, "bands": 24, "low_hz": 60, "high_hz": 3900,
        "normalise": "none",
    })  # fmt: skip
    return dataclasses.replace(architecture, front_end=config, window_s=SAMPLES / RATE, hop_s=0.25)


def tones(n, labels, seed=0):
    """float32 [n, SAMPLES] and one-hot labels: each label a pitch."""
    rng = np.random.default_rng(seed)
    rows = np.arange(n) % labels
    hz = 300.0 * 2 ** rows[:, None]
    x = 0.3 * np.sin(2 * np.pi * hz * np.arange(SAMPLES) / RATE + rng.uniform(0, 6, (n, 1)))
    return (x + 0.01 * rng.standard_normal(x.shape)).astype(np.float32), np.eye(labels, dtype=np.float32)[rows]


@EVERY
@pytest.mark.parametrize("shape", [(7, 12, 1), (33, 40, 3), (40, 5, 2)], ids=str)
def test_builds_for_any_shape(name, shape):
    network = scores_only(get_architecture(name).body(shape, 3, "sigmoid"))
    assert network.input_shape == (None, *shape) and network.output_shape == (None, 3)


@EVERY
def test_scores_windows_of_its_own_size_and_silence(name):
    architecture = get_architecture(name)
    assert len(architecture.source) > 20 and 0 < architecture.hop_s <= architecture.window_s
    windows = np.zeros((2, architecture.window_samples), np.float32)
    windows[1] = np.random.default_rng(0).uniform(-1, 1, architecture.window_samples)
    scores = TensorFlowScorer(architecture.build(2, "detector"), 2).score_windows(windows)
    assert scores.shape == (2, 2) and np.isfinite(scores).all() and (scores >= 0).all() and (scores <= 1).all()


@EVERY
def test_learns_saves_loads_and_scans(name, tmp_path):
    architecture = small(name)
    labels = ("low", "middle", "high")
    keras.utils.set_random_seed(1)
    network = architecture.network(len(labels), "classifier")
    x, y = tones(12, len(labels))
    front_end = architecture.build(len(labels), "classifier").get_layer("front_end")
    features = front_end(x)
    fitted = network_to_fit(network)
    loss = EachMember(False)
    optimizer = keras.optimizers.Adam(2e-3)

    @tf.function(reduce_retracing=True)
    def step():
        with tf.GradientTape() as tape:
            value = loss(y, fitted(features, training=True)) + sum(fitted.losses)
        variables = fitted.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(value, variables), variables, strict=True))
        return value

    optimizer.build(fitted.trainable_variables)
    losses = [float(step()) for _ in range(8)]
    while np.mean(losses[-4:]) > 0.9 * np.mean(losses[:4]) and len(losses) < 80:  # dropout of one half takes its time
        losses.append(float(step()))
    assert np.isfinite(losses).all() and np.mean(losses[-4:]) < 0.9 * np.mean(losses[:4])
    model = architecture.build(len(labels), "classifier")
    model.get_layer("network").set_weights(scores_only(network).get_weights())
    description = BundleDescription.of_architecture(
        architecture, task="classifier", labels=labels, thresholds=dict.fromkeys(labels, 0.5)
    )
    bundle = save_bundle(str(tmp_path / "bundle"), model, description)
    expected = TensorFlowScorer(model, 8).score_windows(x)
    np.testing.assert_allclose(expected.sum(axis=1), 1, atol=1e-5)
    assert bundle.network  # every architecture converts; its scores below are LiteRT's
    np.testing.assert_allclose(load_bundle(bundle.url).scorer().score_windows(x), expected, rtol=0, atol=1e-5)
    (tmp_path / "sound").mkdir()
    soundfile.write(tmp_path / "sound" / "a.wav", np.concatenate(x[:3]), RATE, subtype="FLOAT")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        arguments = ["--recordings", tmp_path / "sound", "--classifier", bundle.url, "--output", tmp_path / "out"]
        assert main([str(a) for a in arguments]) == 0
    table = ds.dataset(tmp_path / "out" / "predictions", partitioning="hive").to_table().to_pandas()
    first = table[table.start_s == 0.0]
    np.testing.assert_allclose(first.score.to_numpy(), expected[0], atol=1e-4)
    assert sorted(table.start_s.unique()) == [0.0, 0.25, 0.5, 0.75, 1.0]

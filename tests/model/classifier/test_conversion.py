"""Converted networks: TensorFlow's scores, for every number of windows and threads; what does not convert says so."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from soundbeam.model.architectures import get_architecture
from soundbeam.model.architectures.architecture import Architecture, Recipe
from soundbeam.model.classifier.bundle import BundleDescription, load_bundle, save_bundle
from soundbeam.model.classifier.conversion import UnlikeError, convert, converted_network
from soundbeam.model.classifier.litert_network import BATCH, LiteRTNetwork
from soundbeam.model.classifier.native_messages import without_messages
from soundbeam.model.classifier.tensorflow_scorer import TensorFlowScorer
from soundbeam.model.errors import BundleError
from soundbeam.model.frontend import FrontEndConfig
from tests import ROOT
from tests.placeholder import save_tone_bundle

SHAPE, LABELS = (12, 8, 1), 3


def network(kind):
    """A small network with random weights."""
    keras.utils.set_random_seed(3)
    inner = {
        "convolutions": [keras.layers.Conv2D(4, 3, activation="relu"), keras.layers.Flatten()],
        "recurrent": [keras.layers.Reshape(SHAPE[:2]), keras.layers.Bidirectional(keras.layers.LSTM(5))],
    }[kind]
    return keras.Sequential([keras.Input(SHAPE), *inner, keras.layers.Dense(LABELS, activation="softmax")])


def spectrograms(n, seed=0):
    return np.random.default_rng(seed).standard_normal((n, *SHAPE)).astype(np.float32)


@pytest.fixture(scope="module", params=["convolutions", "recurrent"])
def pair(request):
    """A network, and the same converted."""
    original = network(request.param)
    return original, LiteRTNetwork(convert(original, spectrograms(7)))


@settings(deadline=None, max_examples=20)
@given(sizes=st.lists(st.integers(0, 3 * BATCH + 1), min_size=1, max_size=4))
def test_scores_are_tensorflows_for_any_number_of_windows(pair, sizes):
    original, converted = pair
    for n in sizes:
        scores = converted(spectrograms(n, n))
        assert scores.shape == (n, LABELS) and scores.dtype == np.float32
        if n:
            np.testing.assert_allclose(scores, original(spectrograms(n, n)), rtol=0, atol=1e-5)


def test_threads_score_what_is_theirs(pair):
    original, converted = pair
    want = [np.asarray(original(spectrograms(n % 7 + 1, n))) for n in range(64)]
    together = threading.Barrier(8)

    def score(thread):
        together.wait()
        return [(n, converted(spectrograms(n % 7 + 1, n))) for n in range(thread, 64, 8)]

    with ThreadPoolExecutor(8) as pool:
        for part in pool.map(score, range(8)):
            for n, scores in part:
                np.testing.assert_allclose(scores, want[n], rtol=0, atol=1e-5)
    assert 1 <= len(converted._free) <= 8


def test_the_largest_architecture_converts():
    keras.utils.set_random_seed(0)
    model = get_architecture("cnn_baseline").build(2, "detector")
    original, converted = model.get_layer("network"), LiteRTNetwork(converted_network(model))
    x = np.abs(np.random.default_rng(1).standard_normal((1, *converted.shape))).astype(np.float32)
    np.testing.assert_allclose(converted(x), original(x, training=False), rtol=0, atol=1e-5)


class Noisy(keras.layers.Layer):
    """Adds other noise at each call: no two engines can agree."""

    def call(self, inputs):
        return inputs + tf.random.uniform(tf.shape(inputs))


class ByNumPy(keras.layers.Layer):
    """Calls Python, which is no operation of LiteRT's."""

    def call(self, inputs):
        return tf.ensure_shape(tf.numpy_function(np.tanh, [inputs], tf.float32), inputs.shape)


def test_scores_that_differ_are_refused():
    with pytest.raises(UnlikeError, match=r"differs from TensorFlow's by 0\.\d"):
        convert(keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten(), Noisy()]), spectrograms(2))


def test_a_network_that_does_not_convert_scores_by_tensorflow(tmp_path, capfd):
    def body(shape, labels, activation):
        dense = keras.layers.Dense(labels, activation=activation)
        return keras.Sequential([keras.Input(shape), keras.layers.Flatten(), ByNumPy(), dense])

    keras.saving.register_keras_serializable("tests")(ByNumPy)
    architecture = Architecture("odd", "", 0.5, 0.1, FrontEndConfig(), body, Recipe(epochs=1))
    description = BundleDescription.of_architecture(architecture, task="detector", labels=("a",), thresholds={"a": 0.5})
    model = architecture.build(1, "detector")
    saved = save_bundle(str(tmp_path / "b"), model, description)
    assert load_bundle(saved.url) == saved and not saved.network
    assert "does not convert to LiteRT" in saved.unconverted and "\n" not in saved.unconverted
    assert not list((tmp_path / "b").glob("network-*"))
    scorer = saved.scorer()
    assert isinstance(scorer, TensorFlowScorer)
    x = np.random.default_rng(0).standard_normal((3, 8000)).astype(np.float32)
    np.testing.assert_allclose(scorer.score_windows(x), model(x), atol=1e-6)
    assert capfd.readouterr().err == ""


def test_what_is_no_network_is_one_clear_line(tmp_path):
    saved = save_tone_bundle(tmp_path / "b")
    object.__setattr__(saved, "network", b"TFL3" * 100)
    with pytest.raises(BundleError, match="this LiteRT cannot run the network") as error:
        saved.scorer()
    assert "\n" not in str(error.value)


def test_only_known_lines_are_kept_off_stderr(capfd):
    with without_messages("known"):
        os.write(2, b"a known line\nanother line\n")
        with without_messages("inner"):
            os.write(2, b"an inner line\n")
    with pytest.raises(ZeroDivisionError), without_messages("known"):
        os.write(2, b"the same in many lines\n")
        _ = 1 / 0
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "another line\nafter\n"


WATCH = """
import sys
import numpy as np
from soundbeam.model.classifier.bundle import load_bundle
def loaded():
    return sorted({m.split(".")[0] for m in sys.modules} & {"tensorflow", "keras", "apache_beam"})
bundle = load_bundle(sys.argv[1])
print(loaded())
from soundbeam.model.classifier.litert_network import LiteRTNetwork
network = LiteRTNetwork(bundle.network)
network(np.zeros((5, *network.shape), np.float32))
print(loaded())
bundle.scorer().score_windows(np.zeros((2, bundle.window_samples), np.float32))
print(loaded())
"""


def watch(url):
    """What is loaded after reading a bundle, running its network, and scoring windows, as text; and stderr."""
    command = [sys.executable, "-c", WATCH, url]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout.splitlines(), done.stderr


def test_a_converted_network_is_run_without_tensorflow(tone_bundle):
    (read, run, _), errors = watch(tone_bundle)
    assert (read, run) == ("[]", "[]")
    assert errors == ""


def test_windows_are_scored_without_tensorflow(tone_bundle):
    assert watch(tone_bundle)[0] == ["[]"] * 3

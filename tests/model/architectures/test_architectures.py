"""The default and the reference: they build for both tasks, load in safe mode, and score whatever they are given."""

import inspect
import subprocess
import sys

import keras
import numpy as np
import pytest

from soundbeam.model.architectures import DEFAULT, architecture_names, get_architecture
from soundbeam.model.classifier.bundle import BundleDescription, save_bundle
from soundbeam.model.errors import SoundbeamError

EVERY = pytest.mark.parametrize("name", ["compact", "cnn_baseline"])  # the others: test_zoo.py


def test_the_default_comes_first_and_the_reference_is_there():
    assert architecture_names()[0] == DEFAULT == "compact"
    assert "cnn_baseline" in architecture_names()


def test_an_unknown_one_is_refused_with_the_names():
    with pytest.raises(SoundbeamError, match=r"no architecture 'huge'; there are: compact, .*cnn_baseline"):
        get_architecture("huge")


@EVERY
def test_says_what_it_is(name):
    architecture = get_architecture(name)
    assert architecture.name == name and architecture.source
    assert inspect.getmodule(architecture.body).__doc__
    assert 0 < architecture.hop_s <= architecture.window_s
    assert architecture.describe()["recipe"]["epochs"] == architecture.recipe.epochs


@EVERY
@pytest.mark.parametrize(("task", "labels"), [("detector", 1), ("detector", 3), ("classifier", 5)])
def test_scores_any_number_of_labels(name, task, labels):
    architecture = get_architecture(name)
    network = architecture.build(labels, task)
    rng = np.random.default_rng(0)
    windows = np.stack([np.zeros(architecture.window_samples), rng.uniform(-1, 1, architecture.window_samples)])
    scores = np.asarray(network(windows.astype(np.float32)))
    assert scores.shape == (2, labels)
    assert np.isfinite(scores).all() and (scores >= 0).all() and (scores <= 1).all()
    if task == "classifier":
        np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-5)


@EVERY
def test_loads_in_safe_mode(name, tmp_path):
    network = get_architecture(name).build(2, "detector")
    network.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True, compile=False)
    for a, b in zip(network.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_bundle_loads_where_no_architecture_was_imported(tmp_path):
    architecture = get_architecture(DEFAULT)
    description = BundleDescription.of_architecture(architecture, task="detector", labels=("a",), thresholds={"a": 0.5})
    save_bundle(str(tmp_path), architecture.build(1, "detector"), description)
    code = "import sys; from soundbeam.model.classifier.bundle import load_bundle; "
    code += "print(load_bundle(sys.argv[1]).model().output_shape)"
    run = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True)
    assert run.stdout.strip() == "(None, 1)", run.stderr


def test_the_reference_has_its_parameters():
    network = get_architecture("cnn_baseline").build(1, "detector")
    # Two valid convolutions leave 1487 × 253 × 16 values.
    assert network.count_params() == (9 * 16 + 16) + (9 * 16 * 16 + 16) + (1487 * 253 * 16 + 1) == 6_021_857
    assert network.get_layer("network").input_shape == (None, 1491, 257, 1)


def test_the_default_is_small():
    assert get_architecture(DEFAULT).build(1, "detector").count_params() < 250_000

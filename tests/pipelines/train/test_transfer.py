"""A frozen base: its features are computed once, its head learns, weights are loaded or refused in one line."""

import dataclasses
import os
import pathlib

import keras
import numpy as np
import pytest

import soundbeam.model.architectures.zoo.inception as inception
import soundbeam.model.training.plan
from soundbeam.model.architectures.transfer import base_model
from soundbeam.model.classifier.bundle import load_bundle
from soundbeam.model.training.batches import Examples
from soundbeam.model.training.examples import read_manifest
from soundbeam.model.training.plan import Training, prepare
from soundbeam.pipelines.train.program import main
from tests.training_examples import TINY, write_examples


def stub(include_top, weights, pooling, input_shape=(32, 32, 3)):
    """In place of Inception v3, which takes seconds to build; the code around it is the same."""
    assert not include_top and pooling == "avg"
    if weights == "imagenet":
        raise OSError("no route to host\nmore")
    picture = keras.Input(input_shape)
    x = keras.layers.Conv2D(16, 5, 3, activation="relu")(picture)
    return keras.Model(picture, keras.layers.Flatten()(keras.layers.AveragePooling2D((1, 10))(x)), name="inception")


SMALL = dataclasses.replace(
    TINY,
    name="small_base",
    body=inception.body,
    recipe=dataclasses.replace(TINY.recipe, mixup=0.3, batch=4, learning_rate=0.01),
    transfer=True,
)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(inception, "InceptionV3", stub)
    monkeypatch.setattr(keras.applications, "InceptionV3", stub)
    monkeypatch.setattr(inception, "SIDE", 32)
    by_name = {"small_base": SMALL, "tiny": TINY}
    monkeypatch.setattr(soundbeam.model.training.plan, "get_architecture", by_name.__getitem__)


@pytest.fixture
def examples(tmp_path):
    return write_examples(tmp_path / "examples", ("low", "high", "rest"))


def run(examples, classifier, *more, architecture="small_base"):
    return main(["--examples", examples, "--classifier", str(classifier), "--architecture", architecture, *more])


def made(examples):
    return [pathlib.Path(examples, "embeddings", name) for name in os.listdir(pathlib.Path(examples, "embeddings"))]


def test_features_are_computed_once_and_the_head_learns(examples, tmp_path, capsys, monkeypatch):
    assert run(examples, tmp_path / "a", "--epochs", "4") == 0
    assert "computing the embeddings of small_base once" in capsys.readouterr().out
    (folder,) = made(examples)
    model_ = base_model(SMALL, "none")
    manifest = read_manifest(examples)
    _, _, task = prepare(Training(examples, "", "small_base"))
    sounds = list(Examples(examples, manifest, task, str(tmp_path)).each_clip("train"))
    vectors = list(Examples(str(folder), manifest, task, str(tmp_path)).each_clip("train"))
    assert [(v.label, v.source) for v in vectors] == [(s.label, s.source) for s in sounds]
    for sound, vector in zip(sounds, vectors, strict=True):
        window = np.pad(sound.waveform, (0, 4000 - len(sound.waveform)))[None]
        np.testing.assert_allclose(vector.waveform, np.asarray(model_(window))[0], atol=1e-5)
    bundle = load_bundle(str(tmp_path / "a"))
    assert bundle.report["validation"]["accuracy"] > 0.6  # of three labels, on what random weights hear
    base = bundle.model().get_layer("network").get_layer("base")
    for a, b in zip(base.get_weights(), model_.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)  # frozen
    # Again, with other weights of the head and no feature computed; then the whole network.
    monkeypatch.setattr("soundbeam.pipelines.runners.run.run", lambda pipeline: pytest.fail("computed again"))
    assert run(examples, tmp_path / "b", "--epochs", "1", "--fine-tune", "1") == 0
    tuned = load_bundle(str(tmp_path / "b")).model().get_layer("network").get_layer("base")
    assert not np.array_equal(tuned.get_weights()[0], base.get_weights()[0])


def test_weights_from_a_file(examples, tmp_path):
    keras.utils.set_random_seed(9)
    other = stub(False, None, "avg")
    for name in ("w.keras", "w.weights.h5"):
        other.save(tmp_path / name) if name == "w.keras" else other.save_weights(tmp_path / name)
        found = base_model(SMALL, str(tmp_path / name))
        np.testing.assert_array_equal(found.get_weights()[0], other.get_weights()[0])
    assert not np.array_equal(base_model(SMALL, "none").get_weights()[0], other.get_weights()[0])


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--weights", "imagenet"), "--weights imagenet: cannot be fetched (no route to host); fetch them"),
        (("--weights", "nowhere.keras"), "--weights nowhere.keras: no such file; give one, 'imagenet' or 'none'"),
    ],
)
def test_weights_that_cannot_be_had(examples, tmp_path, capsys, more, told):
    assert run(examples, tmp_path / "a", *more) == 1
    assert told in capsys.readouterr().err
    assert not (tmp_path / "a").exists()


def test_weights_of_something_else(examples, tmp_path, capsys):
    (tmp_path / "w.keras").write_bytes(b"none")
    assert run(examples, tmp_path / "a", "--weights", str(tmp_path / "w.keras")) == 1
    err = capsys.readouterr().err
    assert "w.keras: not the weights of this base" in err and len(err.splitlines()) == 1
    assert run(examples, tmp_path / "a", "--fine-tune", "2", architecture="tiny") == 1
    assert "tiny has no frozen base" in capsys.readouterr().err

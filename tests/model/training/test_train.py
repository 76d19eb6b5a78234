"""Training end to end on tones: both tasks, the same seed, what is reported, and what is refused."""

import dataclasses
import json
import pathlib

import fsspec
import numpy as np
import pytest

import soundbeam.model.training.plan
from soundbeam.model.classifier.bundle import load_bundle
from soundbeam.model.classifier.tensorflow_scorer import TensorFlowScorer
from soundbeam.model.errors import SoundbeamError
from soundbeam.model.training.examples import read_manifest
from soundbeam.model.training.plan import Training, task_of
from soundbeam.model.training.train import train
from tests.training_examples import RATE, TINY, sound, write_examples


@pytest.fixture(scope="module", autouse=True)
def tiny():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(soundbeam.model.training.plan, "get_architecture", lambda name: TINY)
        patch.setattr("soundbeam.model.synthesis.validation_soundscapes.SOUNDSCAPES", 6)
        patch.setattr("soundbeam.model.synthesis.validation_soundscapes.SECONDS", 8.0)
        yield


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    return write_examples(tmp_path_factory.mktemp("examples"), ("low", "high", "rest"))


def run(examples, classifier, said=None, steps=None, **changes):
    training = Training(examples, str(classifier), "tiny", **changes)
    lines, done = said if said is not None else [], steps if steps is not None else []
    return train(training, lines.append, lambda by, note: done.append(by))


@pytest.fixture(scope="module")
def detector(examples, tmp_path_factory, tiny):
    return run(examples, tmp_path_factory.mktemp("detector") / "b", targets=("high", "low"), epochs=3, seed=5)


def in_window(label):
    background = 0.02 * np.random.default_rng(1).standard_normal(4000)
    background[1000:3400] += sound(label, 0.3, 7)
    return background.astype(np.float32)


def test_detectors_detect(detector):
    assert (detector.task, detector.labels) == ("detector", ("high", "low"))
    scores = detector.scorer().score_windows(np.stack([in_window(x) for x in ("high", "low", "rest")]))
    assert scores[0, 0] > scores[1:, 0].max() + 0.3 and scores[1, 1] > scores[[0, 2], 1].max() + 0.3
    assert set(detector.thresholds) == {"high", "low"} and all(0 < t < 1 for t in detector.thresholds.values())


def test_the_report_says_what_was_done(detector):
    with open(f"{detector.url}/classifier.json") as file:
        report = json.load(file)["report"]
    assert report == detector.report
    assert report["data"]["labels"]["low"] == {"train": 6, "validation": 3}
    assert (report["seed"], report["epochs"], len(report["history"])) == (5, 3, 3)
    assert {"loss", "val_loss", "val_average_precision"} <= set(report["history"][0])
    assert set(report["versions"]) >= {"tensorflow", "keras", "python"} and report["wall_s"] > 0
    assert 0 <= report["validation"]["labels"]["low"]["exact_share"] <= 1
    assert list(pathlib.Path(detector.url, "logs").rglob("events.out.tfevents.*"))


def test_what_leaves_the_scorer_is_calibrated(detector):
    windows = np.stack([in_window(x) for x in ("high", "low", "rest")])
    raw = TensorFlowScorer(detector.model()).score_windows(windows)
    assert len(detector.calibration.biases) == 2 and detector.call_rules.dip > 0
    np.testing.assert_allclose(detector.scorer().score_windows(windows), detector.calibration.apply(raw), atol=1e-5)


def test_a_report_lies_in_the_bundle(detector):
    with open(f"{detector.url}/report.html", encoding="utf-8") as file:
        page = file.read()
    for label in detector.labels:
        figures = detector.report["validation"]["labels"][label]
        assert 0 <= figures["expected_calibration_error"] <= 1
        assert f"Calls of {label} with the lowest scores" in page and f"{figures['average_precision']:.3f}" in page


def test_the_same_seed_gives_the_same_weights_on_any_store(detector, examples):
    fsspec.filesystem("memory").put(examples, "/there/examples", recursive=True)
    changes = {"targets": ("high", "low"), "epochs": 3}
    again = run("memory://there/examples", "memory://there/bundle", seed=5, **changes)
    assert load_bundle("memory://there/bundle") == again
    weights, same = detector.model().get_weights(), again.model().get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(weights, same, strict=True))
    assert again.thresholds == detector.thresholds and again.call_rules == detector.call_rules


def test_a_classifier_tells_all_labels_apart(examples, tmp_path):
    bundle = run(examples, tmp_path / "b", epochs=3)
    assert (bundle.task, bundle.labels) == ("classifier", ("high", "low", "rest"))
    scores = bundle.scorer().score_windows(np.stack([in_window(x) for x in bundle.labels]))
    assert scores.argmax(axis=1).tolist() == [0, 1, 2]
    assert set(bundle.thresholds.values()) == {0.5}  # so that two labels are never called of one window
    assert bundle.report["validation"]["accuracy"] > 0.8


def test_a_short_training_does_not_average_in_the_weights_that_it_began_with(examples, tmp_path, monkeypatch):
    slow = dataclasses.replace(TINY, recipe=dataclasses.replace(TINY.recipe, average=0.999))
    monkeypatch.setattr(soundbeam.model.training.plan, "get_architecture", lambda name: slow)
    assert run(examples, tmp_path / "b", epochs=3).report["validation"]["accuracy"] > 0.8


def test_clips_as_they_are_one_epoch_is_each_clip_once(examples, tmp_path, monkeypatch, detector):
    plain = dataclasses.replace(TINY, recipe=dataclasses.replace(TINY.recipe, mix=False, schedule="constant", steps=0))
    monkeypatch.setattr(soundbeam.model.training.plan, "get_architecture", lambda name: plain)
    steps: list[int] = []
    other = run(examples, tmp_path / "b", steps=steps, targets=("high", "low"), epochs=2, seed=6)
    assert len(steps) == 2 * round(3 * 6 / 8)
    pairs = zip(other.model().get_weights(), detector.model().get_weights(), strict=True)
    assert not all(np.array_equal(a, b) for a, b in pairs)


def test_a_label_without_validation_examples_is_told(tmp_path):
    examples = write_examples(tmp_path / "e", ("low", "high", "rest"), only_train=("low",))
    said: list[str] = []
    assert 0 < run(examples, tmp_path / "b", said, targets=("low",), epochs=1).thresholds["low"] < 1
    assert [line.split(":")[0] for line in said] == [
        "no validation examples of low",
        "too little is held out to calibrate with",
    ]


def test_nothing_but_the_target(tmp_path):
    bundle = run(write_examples(tmp_path / "e", ("low",)), tmp_path / "b", targets=("low",), epochs=1)
    assert bundle.labels == ("low",)


def refused(examples, classifier, **changes) -> str:
    with pytest.raises(SoundbeamError) as error:
        run(examples, classifier, **changes)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_what_cannot_be_trained_is_refused(examples, tmp_path):
    assert "soundbeam materialize" in refused(str(tmp_path / "none"), tmp_path / "b")
    assert "the labels are: high, low, rest" in refused(examples, tmp_path / "b", targets=("owl",))
    one = write_examples(tmp_path / "one", ("low",))
    assert "--target" in refused(one, tmp_path / "b")
    too_low = write_examples(tmp_path / "rate", rate=200)
    wrong = refused(too_low, tmp_path / "b", targets=("low",))
    assert "examples at 200 Hz; tiny: 100 to 95.0 Hz is no band below half of 200 Hz" in wrong
    no_train = write_examples(tmp_path / "val", train=0)
    assert "--validation 0" in refused(no_train, tmp_path / "b", targets=("low",))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("precious")
    assert "thesis.txt" in refused(examples, tmp_path / "full", targets=("low",))
    assert not (tmp_path / "b").exists()


def test_the_bundle_has_the_rate_of_the_examples(tmp_path):
    faster = write_examples(tmp_path / "faster", rate=3 * RATE)
    bundle = run(faster, tmp_path / "b", targets=("low",), epochs=1)
    assert bundle.rate == 3 * RATE and bundle.window_s == 0.5
    got = bundle.front_end
    assert (got["rate"], got["frame"], got["step"], got["fft"], got["high_hz"]) == (24000, 768, 240, 1024, 11400.0)
    window = np.concatenate([sound("low", 1.5, seed) for seed in (1, 2)]).reshape(2, 12000)
    assert bundle.scorer().score_windows(window).shape == (2, 1)


def test_repeated_targets_count_once(examples):
    assert task_of(read_manifest(examples), ("low", "low"), examples).labels == ("low",)

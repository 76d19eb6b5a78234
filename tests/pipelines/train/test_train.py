"""``soundbeam train``: from a command line to a bundle that scores, and its errors of one line."""

import pytest

import soundbeam.model.training.plan
from soundbeam.model.classifier.bundle import load_bundle
from soundbeam.pipelines.train.program import main
from tests.training_examples import TINY, write_examples


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    real = soundbeam.model.training.plan.get_architecture
    monkeypatch.setattr(
        soundbeam.model.training.plan, "get_architecture", lambda name: TINY if name == "tiny" else real(name)
    )
    monkeypatch.setattr("soundbeam.model.synthesis.validation_soundscapes.SOUNDSCAPES", 6)
    monkeypatch.setattr("soundbeam.model.synthesis.validation_soundscapes.SECONDS", 8.0)


def test_trains_and_says_so(tmp_path, capsys):
    examples = write_examples(tmp_path / "examples")
    arguments = ["--examples", examples, "--classifier", str(tmp_path / "b"), "--architecture", "tiny"]
    assert main([*arguments, "--target", "low", "--epochs", "1", "--seed", "4"]) == 0
    bundle = load_bundle(str(tmp_path / "b"))
    assert (bundle.labels, bundle.report["seed"], bundle.report["epochs"]) == (("low",), 4, 1)
    out = capsys.readouterr().out
    assert "detector of low" in out and "trained on 12 examples" in out and bundle.fingerprint[:12] in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--architecture", "huge"], "no architecture 'huge'; there are: compact, autoencoder_classifier, cldnn"),
        (["--target", "owl"], "no examples of --target owl; the labels are: low, rest"),
        (["--window", "0.001"], "--window 0.001: shorter than a frame of"),
        (["--window", "10", "--target", "low"], "--window 10: longer than 8 s, the soundscapes that"),
        (["--window", "1e9"], "--window 1e+09: longer than 8 s"),
        (["--seed", "-1"], "--seed -1: not a whole number from 0 to 4294967295"),
        (["--seed", "4294967296"], "--seed 4294967296: not a whole number from 0 to 4294967295"),
        (["--epochs", "9" * 25], "more than 1,000,000,000 batches, which no training ends"),
        (["--windows", "9" * 25], "more than 1,000,000,000 batches, which no training ends"),
        (["--front-end", "nope"], "--front-end nope: unknown front end nope"),
        (["--front-end", "summary+cqt"], "summary cannot be stacked"),
        (["--weights", "imagenet"], "tiny has no frozen base"),
        (["--fine-tune", "3"], "tiny has no frozen base"),
    ],
)
def test_errors_are_one_line(tmp_path, capsys, arguments, message):
    examples = write_examples(tmp_path / "examples")
    common = ["--examples", examples, "--classifier", str(tmp_path / "b"), "--architecture", "tiny"]
    assert main([*common, *arguments]) == 1
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_help_fits_a_screen(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0 and len(capsys.readouterr().out.splitlines()) <= 28


@pytest.mark.parametrize("epochs", ["0", "-1", "x"])
def test_epochs_must_be_positive(epochs):
    with pytest.raises(SystemExit) as end:
        main(["--examples", "e", "--classifier", "c", "--epochs", epochs])
    assert end.value.code == 2


def test_folds_are_measured_first_and_kept_in_the_report(tmp_path, capsys):
    examples = write_examples(tmp_path / "examples", seconds=0.55)
    arguments = ["--examples", examples, "--classifier", str(tmp_path / "b"), "--architecture", "tiny", "--epochs", "1"]
    assert main([*arguments, "--folds", "2"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in out[:3]] == ["fold 1 of 2", "fold 2 of 2", "2 folds"]
    kept = load_bundle(str(tmp_path / "b")).report["cross_validation"]
    assert sum(len(fold["sources"]) for fold in kept["folds"]) == 18
    mean, spread = kept["mean"]["accuracy"], kept["standard_deviation"]["accuracy"]
    assert mean == pytest.approx(sum(fold["figures"]["accuracy"] for fold in kept["folds"]) / 2)
    assert f"accuracy {mean:.3f} ± {spread:.3f}" in out[2] and "mean ± standard deviation" in out[2]


def test_folds_that_cannot_be_dealt_are_one_line(tmp_path, capsys):
    examples = write_examples(tmp_path / "examples")
    arguments = ["--examples", examples, "--classifier", str(tmp_path / "b"), "--architecture", "tiny"]
    assert main([*arguments, "--folds", "10"]) == 1
    error = capsys.readouterr().err
    assert (
        "9 source recordings, which cannot be dealt into 10 folds; give --folds 9" in error and error.count("\n") == 1
    )
    with pytest.raises(SystemExit) as end:
        main([*arguments, "--folds", "1"])
    assert end.value.code == 2


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        ({"rate": 10}, "examples at 10 Hz; tiny: 100 to 4.75 Hz is no band below half of 10 Hz"),
        ({"rate": 0}, "examples at 0 Hz"),
        ({"labels": ("low",)}, "one label (low) cannot be told apart from others"),
        ({"train": 0}, "0 of 2 labels have examples to train on"),
    ],
)
def test_examples_that_cannot_be_trained_on_are_one_line(tmp_path, capsys, examples, message):
    folder = write_examples(tmp_path / "examples", **examples)
    assert main(["--examples", folder, "--classifier", str(tmp_path / "b"), "--architecture", "tiny"]) == 1
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1 and "SOUNDBEAM_DEBUG" not in error


@pytest.mark.parametrize(
    ("examples", "arguments"),
    [
        ({}, ["--windows", "1"]),
        ({}, ["--windows", "64", "--target", "low"]),
        ({"validation": 0}, ["--windows", "8"]),
        ({"train": 1, "validation": 1}, ["--windows", "8", "--folds", "2"]),
        ({"seconds": 0.001}, ["--windows", "8", "--window", "4"]),
    ],
)
def test_the_smallest_that_there_is_to_train_on(tmp_path, examples, arguments):
    folder = write_examples(tmp_path / "examples", **examples)
    common = ["--examples", folder, "--classifier", str(tmp_path / "b"), "--architecture", "tiny", "--epochs", "1"]
    assert main([*common, *arguments]) == 0

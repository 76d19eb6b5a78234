"""``soundbeam compare``: the same budget for each, resumed where it was, a table; arithmetic by hand."""

import dataclasses
import pathlib

import keras
import numpy as np
import pyarrow.parquet as pq
import pytest

import soundbeam.model.training.plan
from soundbeam.model.evaluation.figures import ClassificationFigures
from soundbeam.model.training.comparison import FoldRow, rank_architectures
from soundbeam.model.training.cross_validation import Fold, Folds
from soundbeam.model.training.plan import Training
from soundbeam.pipelines.compare.program import main
from tests.training_examples import TINY, write_examples


def narrow(shape, labels, activation):
    spectrogram = keras.Input(shape)
    x = keras.layers.GlobalMaxPooling2D()(spectrogram)
    return keras.Model(spectrogram, keras.layers.Dense(labels, activation=activation)(x))


@pytest.fixture(autouse=True)
def two(monkeypatch):
    recipe = dataclasses.replace(TINY.recipe, mixup=0.3)
    both = {
        "wide": dataclasses.replace(TINY, name="wide", recipe=recipe),
        "narrow": dataclasses.replace(TINY, name="narrow", body=narrow, recipe=recipe),
    }
    monkeypatch.setattr(soundbeam.model.training.plan, "get_architecture", both.__getitem__)
    monkeypatch.setattr("soundbeam.model.architectures.get_architecture", both.__getitem__)
    monkeypatch.setattr("soundbeam.model.architectures.architecture_names", lambda: tuple(both))


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    return write_examples(tmp_path_factory.mktemp("e") / "examples", ("low", "high", "rest"), train=4, validation=2)


def run(examples, output, *more):
    arguments = ["--examples", examples, "--output", str(output), "--folds", "2", "--windows", "80", *more]
    return main(arguments)


def test_trains_and_measures_every_fold(examples, tmp_path, capsys):
    out = tmp_path / "compared"
    assert run(examples, out, "--architecture", "wide") == 0
    text = capsys.readouterr().out
    rows = [pq.read_table(path).to_pylist()[0] for path in sorted(out.iterdir())]
    assert sorted((row["architecture"], row["fold"]) for row in rows) == [("wide", 1), ("wide", 2)]
    assert all(row["trained_windows"] == 80 and row["cpu_s"] > 0 and row["windows_per_cpu_s"] > 0 for row in rows)
    assert sum(row["clips"] for row in rows) == 18  # every clip held out once
    assert rows[0]["parameters"] == 16 * 8 + 8 + 8 * 3 + 3
    assert rows[0]["multiply_adds"] == TINY.front_end.frames(4000) * 16 * 8 + 8 * 3
    assert f"{sum(row['right'] for row in rows) / 18:.1%}" in text and "18 clips held out" in text


def test_goes_on_where_it_was(examples, tmp_path, capsys, monkeypatch):
    trained = []

    def measure(self, fold, say, step):
        trained.append((self.learner.name, fold))
        figures = ClassificationFigures(2 / 3 if self.learner.name == "wide" else 1 / 3, 0.5, 1.0)
        return Fold(("a",), {"low": 3, "high": 3, "rest": 3}, figures, {}, 1.0)

    monkeypatch.setattr(Folds, "measure", measure)
    out = tmp_path / "compared"
    assert run(examples, out) == 0
    assert trained == [("wide", 0), ("wide", 1), ("narrow", 0), ("narrow", 1)]
    text = capsys.readouterr().out
    table = [line.split()[:2] for line in text.splitlines() if "%" in line and "±" in line]
    assert "\\n" not in text
    assert table == [["wide", "66.7%"], ["narrow", "33.3%"]]  # the better one first
    lost = next(path for path in sorted(out.iterdir()) if path.name.startswith("narrow"))
    fold = pq.read_table(lost).to_pylist()[0]["fold"]
    lost.unlink()
    assert run(examples, out) == 0 and trained[4:] == [("narrow", fold - 1)]
    # Another budget is another comparison.
    assert run(examples, out, "--architecture", "narrow", "--windows", "160") == 0
    assert trained[5:] == [("narrow", 0), ("narrow", 1)] and len(list(out.iterdir())) == 6


def test_one_that_cannot_be_trained_stops_no_other(examples, tmp_path, capsys):
    assert run(examples, tmp_path / "c", "--architecture", "narrow", "--window", "0.01") == 1
    caught = capsys.readouterr()
    assert "narrow: --window 0.01: shorter than a frame" in caught.out
    assert caught.err.strip() == "soundbeam compare: error: not compared: narrow; the reasons stand above"


def test_missing_examples_are_told_once(tmp_path, capsys):
    assert main(["--examples", str(tmp_path / "none"), "--output", str(tmp_path / "out")]) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and "none: no manifest.json there" in err


def test_where_results_cannot_go(examples, tmp_path, capsys):
    (tmp_path / "file").write_text("x")
    assert run(examples, tmp_path / "file") == 1
    assert "is a file; give a folder for the results" in capsys.readouterr().err
    assert pathlib.Path(tmp_path / "file").read_text() == "x"


def test_choices_by_hand():
    def row(name, fold, right, clips):
        return FoldRow("k", name, fold, 2, "log_mel", 1.0, 1, 1, 1.0, 1, clips, right, 0.0, 0.0, 1.0, 1.0)

    first, second = rank_architectures([row("b", 1, 5, 10), row("a", 2, 9, 10), row("a", 1, 7, 10), row("b", 2, 5, 10)])
    assert (first.name, first.accuracy, second.name, second.accuracy) == ("a", 0.8, "b", 0.5)
    assert first.spread == pytest.approx(np.std([0.7, 0.9], ddof=1))
    # Wilson's interval of 16 of 20: 0.584 to 0.919.
    assert (first.low, first.high) == (pytest.approx(0.584, abs=1e-3), pytest.approx(0.919, abs=1e-3))


def test_the_key_knows_what_the_figures_depend_on(examples):
    from soundbeam.model.training.comparison import CrossValidatedArchitecture

    plain = Training(examples, "", "wide", windows=400)
    changed = [
        dataclasses.replace(plain, seed=1),
        dataclasses.replace(plain, windows=800),
        dataclasses.replace(plain, window_s=0.4),
        dataclasses.replace(plain, front_end="stft+log_mel"),
        dataclasses.replace(plain, architecture="narrow"),
    ]
    keys = {CrossValidatedArchitecture(training, 2).key(0) for training in (plain, *changed)}
    keys |= {CrossValidatedArchitecture(plain, 2).key(1), CrossValidatedArchitecture(plain, 3).key(0)}
    assert len(keys) == 8 and CrossValidatedArchitecture(plain, 2).key(0) in keys

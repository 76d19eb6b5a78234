"""Several labels from clips to figures: what training tells of clips is what a scan of them is evaluated to."""

import json
import re

import numpy as np
import pytest
import soundfile

import soundbeam.model.training.plan
from soundbeam.model.classifier.bundle import load_bundle
from soundbeam.model.numbers import number
from soundbeam.model.training.batches import Examples
from soundbeam.model.training.examples import VALIDATION, read_manifest
from soundbeam.model.training.plan import TrainingTask
from soundbeam.pipelines.evaluate import program as evaluate
from soundbeam.pipelines.materialize import program as materialize
from soundbeam.pipelines.scan import program as scan
from soundbeam.pipelines.train import program as train
from tests.training_examples import RATE, TINY, sound

LABELS = ("high", "low", "rest")


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setattr(soundbeam.model.training.plan, "get_architecture", lambda name: TINY)
    monkeypatch.setattr("soundbeam.model.synthesis.validation_soundscapes.SOUNDSCAPES", 6)
    monkeypatch.setattr("soundbeam.model.synthesis.validation_soundscapes.SECONDS", 8.0)


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    """Clips of three labels, some shorter and some longer than a window, of which a few are faint in noise."""
    folder = tmp_path_factory.mktemp("labels")
    for label in LABELS:
        (folder / "clips" / label).mkdir(parents=True)
        for i in range(12):
            seconds = 0.3 + 0.1 * (i % 6)
            noise = 0.3 * np.random.default_rng(i).standard_normal(round(seconds * RATE))
            clip = (0.15 if i % 3 == 0 else 1.0) * sound(label, seconds, i) + (noise if i % 3 == 0 else 0)
            soundfile.write(folder / "clips" / label / f"{label}{i}.wav", clip, RATE, "FLOAT")
    argv = ["--clips", str(folder / "clips"), "--examples", str(folder / "examples"), "--rate", str(RATE)]
    assert materialize.main([*argv, "--validation", "0.4"]) == 0
    return folder


@pytest.mark.parametrize("targets", [(), ("low", "high")])
def test_the_figures_of_validation_clips_are_those_of_their_scan(examples, tmp_path, capsys, targets):
    bundle, out = tmp_path / "bundle", tmp_path / "out"
    argv = ["--examples", str(examples / "examples"), "--classifier", str(bundle), "--epochs", "1"]
    assert train.main([*argv, *(("--target", *targets) if targets else ())]) == 0
    trained = capsys.readouterr().out

    held_out = Examples(
        str(examples / "examples"),
        read_manifest(str(examples / "examples")),
        TrainingTask(LABELS, "classifier", {}),
        "",
    )
    names = sorted((clip.label, clip.source) for clip in held_out.each_clip(VALIDATION))
    assert len(names) >= 12
    rows = [f"{examples}/clips/{label}/{source}.wav,{label}" for label, source in names]
    (tmp_path / "clips.csv").write_text("\n".join(["path,label", *rows]) + "\n")
    (tmp_path / "list.txt").write_text("\n".join(row.rpartition(",")[0] for row in rows) + "\n")
    assert scan.main(["--recordings", f"@{tmp_path}/list.txt", "--classifier", str(bundle), "--output", str(out)]) == 0
    capsys.readouterr()
    argv = ["--clips", str(tmp_path / "clips.csv"), "--output", str(out), "--json", str(tmp_path / "figures.json")]
    assert evaluate.main(argv) == 0
    table = capsys.readouterr().out.split("all figures")[0].strip()
    assert table in trained and "mean of the labels" in table and len(table.splitlines()) > len(LABELS)

    scanned = json.loads((tmp_path / "figures.json").read_text())
    mine = load_bundle(str(bundle)).report["validation"]["clips"]
    assert mine["clips"] == len(names) and mine["confusion"] == scanned["confusion"] and mine["top"] == scanned["top"]
    for one, other in zip(mine["labels"], scanned["labels"], strict=True):
        assert one == pytest.approx(other)
    for label in targets:
        figures = load_bundle(str(bundle)).report["validation"]["labels"][label]
        row = next(line.split() for line in trained.splitlines() if line.startswith(f"{label} "))
        told = [number(figures[k]) for k in ("precision", "recall", "f1", "exact_share", "mean_absolute_error")]
        assert row[2:7] == told and len(row) == 8
    page = (bundle / "report.html").read_text()
    low, high = mine["interval"]
    assert f"{mine['exact']} of {len(names)} clips; 95 % interval {low:.3f} to {high:.3f}" in page
    rows = re.findall(r'<tr><th scope="row">mean of the labels</th>(.*?)</tr>', page)
    assert [f"{mine['macro'][name]:.3f}" in rows[0] for name in ("precision", "recall", "f1")] == [True] * 3
    assert page.count('<img class="confusion"') == 1

"""Annotated long recordings → examples: each call once, backgrounds without any, no recording in both splits."""

import collections
import json

import numpy as np
import pytest
import soundfile

from soundbeam.model.training.examples import read_manifest
from soundbeam.pipelines.evaluate.program import main as evaluate
from soundbeam.pipelines.materialize.program import main
from soundbeam.pipelines.scan.program import main as scan
from soundbeam.pipelines.train.program import main as train
from tests.pipelines.annotations.test_formats import RAVEN
from tests.pipelines.materialize.test_materialize import examples
from tests.placeholder import TONES_HZ, with_tones
from tests.training_examples import TINY

RATE, SECONDS = 8000, 60
CALLS = {f"s{i % 2}/r{i}.wav": [(4.0 + i + 13 * k, 5.5 + i + 13 * k) for k in range(i % 4)] for i in range(8)}


@pytest.fixture
def site(tmp_path):
    """Eight recordings of two sites with 0 to 3 tones, and a Raven table of each, also of those without."""
    for i, (name, calls) in enumerate(CALLS.items()):
        path = tmp_path / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        kind = {"subtype": "PCM_16"}
        soundfile.write(path, with_tones(SECONDS, [start for start, _ in calls], RATE, seed=i), RATE, **kind)
        rows = [f"{k + 1}\tSpectrogram 1\t1\t{a}\t{b}\t0\t4000\tlow" for k, (a, b) in enumerate(calls)]
        table = tmp_path / "raven" / f"{name.removesuffix('.wav')}.Table.1.selections.txt"
        table.parent.mkdir(parents=True, exist_ok=True)
        table.write_text("\n".join([RAVEN + "\tSpecies", *rows]) + "\n")
    return tmp_path


def made(folder, *more, clips="raven", expect=0):
    argv = ["--clips", f"{folder}/{clips}", "--recordings", f"{folder}/site/**/*.wav", "--examples", f"{folder}/e"]
    assert main([*argv, "--rate", str(RATE), "--window", "4", *more]) == expect


def energy(samples):
    """The share of the energy at the call's tone."""
    spectrum = np.abs(np.fft.rfft(samples)) ** 2
    hz = np.fft.rfftfreq(len(samples), 1 / RATE)
    return spectrum[abs(hz - TONES_HZ["low"]) < 20].sum() / spectrum.sum()


def test_calls_and_backgrounds(site):
    made(site, "--negatives", "unannotated")
    rows = examples(site / "e")
    found = {
        (r["recording"].split("site/")[1], round(r["start_s"], 3), round(len(r["waveform"]) / RATE, 3))
        for r in rows
        if r["label"] == "low"
    }
    assert found == {(name, a - 0.25, 2.0) for name, calls in CALLS.items() for a, _ in calls}
    assert all(energy(r["waveform"]) > 0.9 for r in rows if r["label"] == "low")
    backgrounds = [r for r in rows if r["label"] == "background"]
    assert {r["recording"].split("site/")[1] for r in backgrounds} == set(CALLS)
    for row in backgrounds:
        name, start, end = (
            row["recording"].split("site/")[1],
            row["start_s"],
            row["start_s"] + len(row["waveform"]) / RATE,
        )
        assert all(end <= a - 0.25 + 1e-4 or start >= b + 0.25 - 1e-4 for a, b in CALLS[name])
        assert energy(row["waveform"]) < 0.1
        whole, _ = soundfile.read(site / "site" / name, dtype="float32")
        first = round(start * RATE)
        assert abs(whole[first : first + len(row["waveform"])] - row["waveform"]).max() < 1e-6
    splits = collections.defaultdict(set)
    for row in rows:
        splits[row["source"]].add(row["split"])
    assert all(len(of) == 1 for of in splits.values()) and {s for of in splits.values() for s in of} > {"train"}
    assert all(row["source"] == row["recording"] for row in rows)


def test_without_the_statement_nothing_unannotated_is_learned(site):
    made(site)
    assert list(read_manifest(f"{site}/e")["labels"]) == ["low"]


def test_the_same_annotations_give_the_same_examples(site):
    made(site, "--negatives", "unannotated")
    before = {path.name: path.read_bytes() for path in (site / "e").iterdir()}
    made(site, "--negatives", "unannotated", "--direct_num_workers=2", "--direct_running_mode=multi_processing")
    assert {path.name: path.read_bytes() for path in (site / "e").iterdir()} == before


def test_negatives_that_are_listed_and_what_is_uncertain(site):
    (site / "h.csv").write_text(
        "recording,start_offset_s,end_offset_s,label,label_type\n"
        "r0.wav,1,3,low,negative\nr0.wav,10,12,low,uncertain\nr1.wav,5,6.5,low,positive\n"
    )
    made(site, "--negatives", "unannotated", clips="h.csv")
    rows = examples(site / "e")
    assert {(r["label"], round(r["start_s"], 2)) for r in rows if r["label"] != "background"} == {
        ("not low", 1.0),
        ("low", 4.75),
    }
    assert sum(read_manifest(f"{site}/e")["false_alarms"].values()) == 1
    in_r0 = [(r["start_s"], r["start_s"] + len(r["waveform"]) / RATE) for r in rows if "r0" in r["recording"]]
    assert not any(start < 12.2 and end > 9.8 for start, end in in_r0)  # what is uncertain is no background either


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--label-column", "Note"], "no column 'Note' for --label-column"),
        (["--context", "-1"], "--context -1 must be at least 0"),
        (["--annotation-format", "audacity"], "is no time"),
    ],
)
def test_bad_options_are_one_line(site, capsys, argv, message):
    made(site, *argv, expect=1)
    err = [line for line in capsys.readouterr().err.splitlines() if "error:" in line]
    assert len(err) == 1 and message in err[0]


def test_bad_annotations_are_one_line(site, capsys):
    (site / "a.csv").write_text("recording,start_s,end_s,label\nr1.wav,1,2,\nr1.wav,3,4,\nr1.wav,5,6,low\n")
    made(site, clips="a.csv", expect=1)
    assert "a.csv line 2 has no label, nor have 1 more rows; complete the labels" in capsys.readouterr().err
    (site / "b.csv").write_text("recording,start_s,end_s,label\nother.wav,1,2,low\n")
    made(site, clips="b.csv", expect=1)
    assert "no annotated recording, e.g. 'other.wav', is among --recordings" in capsys.readouterr().err
    (site / "c.csv").write_text("recording,start_s,end_s,label\nother.wav,1,2,low\nr1.wav,100,102,low\n")
    made(site, clips="c.csv", expect=1)
    assert "it has no sound after 99.75 s" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "give --clips, --reviews or both"),
        (["--clips", "c", "--negatives", "unannotated"], "--negatives goes with annotations: give their recordings"),
        (["--clips", "c", "--map", "a=b"], "--annotation-format, --label-column or --map goes with annotations"),
        (["--recordings", "x"], "give --clips, --reviews or both"),
    ],
)
def test_options_that_do_not_go_together(tmp_path, capsys, argv, message):
    assert main([*argv, "--examples", f"{tmp_path}/e"]) == 1
    err = capsys.readouterr().err
    assert message in err and err.count("\n") == 1


def test_a_detector_trained_on_annotated_recordings_tells_calls_from_what_is_without(site, monkeypatch):
    """From recordings and Raven tables to a bundle; it scores calls higher than every stretch without one."""
    monkeypatch.setattr("soundbeam.model.training.plan.get_architecture", lambda name: TINY)
    monkeypatch.setattr("soundbeam.model.synthesis.validation_soundscapes.SOUNDSCAPES", 6)
    monkeypatch.setattr("soundbeam.model.synthesis.validation_soundscapes.SECONDS", 8.0)
    made(site, "--negatives", "unannotated")
    argv = ["--examples", f"{site}/e", "--classifier", f"{site}/b", "--architecture", "tiny", "--target", "low"]
    assert train([*argv, "--seed", "1"]) == 0
    out = f"{site}/out"
    assert scan(["--recordings", f"{site}/site", "--classifier", f"{site}/b", "--output", out]) == 0
    assert evaluate(["--annotations", f"{site}/raven", "--output", out, "--json", f"{site}/f.json"]) == 0
    with open(f"{site}/f.json", encoding="utf-8") as file:
        figures = json.load(file)
    its = figures["labels"]["low"]
    assert its["events"]["annotations"] == sum(map(len, CALLS.values())) and figures["unannotated"] == 0
    assert its["windows"]["average_precision"] > 0.9

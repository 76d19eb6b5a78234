"""``soundbeam materialize`` over real clips: none lost, none padded, split by source, the same bytes each time."""

import collections
import csv
import json

import numpy as np
import pytest
import soundfile
import tensorflow as tf

from soundbeam.model.training.examples import read_manifest, shard_urls, split_sources
from soundbeam.pipelines.materialize.program import main
from soundbeam.transforms.isolation import isolated_process as isolation
from tests import ROOT
from tests.placeholder import tone

HOOKS = ROOT / "tests" / "faults" / "hooks"


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """12 sources of 2 clips for each of two labels, 16 kHz; and the clips that cannot be used."""
    folder = tmp_path_factory.mktemp("clips")
    for label, hz in (("low", 500.0), ("high", 3000.0)):
        (folder / label).mkdir()
        for source in range(12):
            for k in range(2):
                sound = tone(1 + 0.25 * k, hz, 16000, amplitude=(source + 1) / 20)
                soundfile.write(folder / label / f"s{source}-{k}.wav", sound, 16000, subtype="FLOAT")
    soundfile.write(folder / "low" / "long-0.wav", tone(12.5, 500.0, 16000), 16000, subtype="FLOAT")
    soundfile.write(folder / "high" / "blip-0.wav", tone(0.03, 3000.0, 16000), 16000)
    soundfile.write(folder / "high" / "silent-0.wav", np.zeros(16000), 16000)
    (folder / "high" / "text.wav").write_text("no sound " * 100)
    (folder / "high" / "empty.wav").write_bytes(b"")
    (folder / "none").mkdir()
    soundfile.write(folder / "stray.wav", tone(1, rate=16000), 16000)
    return folder


def examples(folder, split=None):
    manifest = read_manifest(str(folder))
    found = []
    for name in ("train", "validation") if split is None else (split,):
        for record in tf.data.TFRecordDataset(shard_urls(str(folder), manifest, name)).as_numpy_iterator():
            features = tf.train.Example.FromString(record).features.feature
            row = {key: features[key].bytes_list.value[0] for key in ("label", "source", "recording", "split")}
            row = {key: value.decode() for key, value in row.items()}
            row["start_s"] = features["start_s"].float_list.value[0]
            row["waveform"] = np.frombuffer(features["waveform"].bytes_list.value[0], "<f4")
            assert row["split"] == name
            found.append(row)
    return found


@pytest.fixture(scope="module")
def made(clips, tmp_path_factory):
    folder = tmp_path_factory.mktemp("examples") / "made"
    roundabout = f"{clips}/low/../"
    assert main(["--clips", roundabout, "--examples", str(folder), "--window", "5"]) == 0
    return folder


def test_every_good_clip_is_there_with_its_samples_and_its_true_length(made, clips):
    found = {row["recording"]: row for row in examples(made) if "long" not in row["recording"]}
    assert len(found) == 48
    for uri, row in found.items():
        sound, _ = soundfile.read(uri.removeprefix("file://"), dtype="float32")
        np.testing.assert_allclose(row["waveform"], sound, atol=1e-6)
        assert row["label"] == uri.split("/")[-2] and row["start_s"] == 0


def test_the_manifest_says_how_large_each_shard_is_and_nothing_else_lies_there(made):
    sizes = {path.name: path.stat().st_size for path in made.iterdir()}
    del sizes["manifest.json"]
    assert sizes == {shard["name"]: shard["bytes"] for shard in read_manifest(str(made))["shards"]}


def test_a_long_clip_is_tiled_to_its_end(made, clips):
    tiles = sorted((r for r in examples(made) if "long" in r["recording"]), key=lambda r: r["start_s"])
    assert [r["start_s"] for r in tiles] == [0.0, 5.0, 7.5]
    sound, _ = soundfile.read(clips / "low" / "long-0.wav", dtype="float32")
    np.testing.assert_allclose(tiles[-1]["waveform"], sound[-80000:], atol=1e-6)


def test_splits_go_by_source(made):
    counts = collections.Counter((r["label"], r["source"]) for r in examples(made) if r["start_s"] == 0)
    counts["high", "blip"] = counts["high", "silent"] = counts["high", "text"] = 1  # found out to be unusable later
    splits = split_sources(counts, 0.2)
    assert all(row["split"] == splits[row["source"]] for row in examples(made))
    sources = {split: {r["source"] for r in examples(made, split)} for split in ("train", "validation")}
    assert sources["train"] and sources["validation"] and not sources["train"] & sources["validation"]


def test_the_manifest_counts_what_is_there_and_names_every_reject(made, clips):
    manifest = read_manifest(str(made))
    for label in ("low", "high"):
        for split in ("train", "validation"):
            rows = [r for r in examples(made, split) if r["label"] == label]
            entry = manifest["labels"][label][split]
            assert entry["examples"] == len(rows)
            assert entry["clips"] == len({r["recording"] for r in rows})
            assert entry["sources"] == len({r["source"] for r in rows})
    assert manifest["duration_s"]["min"] == 1.0 and manifest["duration_s"]["max"] == 12.5
    assert manifest["duration_s"]["mean"] == pytest.approx((24 * 1 + 24 * 1.25 + 12.5) / 49)
    reasons = {r["recording"].rpartition("/")[2]: r["reason"] for r in manifest["rejects"]}
    assert set(reasons) == {"blip-0.wav", "silent-0.wav", "text.wav", "empty.wav", "stray.wav"}
    assert "30 ms" in reasons["blip-0.wav"] and "silence" in reasons["silent-0.wav"]
    assert all("\n" not in reason for reason in reasons.values())
    assert manifest["labels_without_clips"] == ["none"]


def test_the_same_clips_give_the_same_bytes_and_stale_shards_go(made, clips, tmp_path):
    folder = tmp_path / "again"
    folder.mkdir()
    (folder / "train-00007-of-00009.tfrecord").write_bytes(b"old")
    shards = [{"name": "train-00007-of-00009.tfrecord", "split": "train", "examples": 1, "bytes": 3}]
    (folder / "manifest.json").write_text(json.dumps({"format": 1, "shards": shards}))
    workers = ["--direct_running_mode=multi_threading", "--direct_num_workers=2"]
    assert main(["--clips", str(clips), "--examples", str(folder), "--window", "5", *workers]) == 0
    assert sorted(p.name for p in folder.iterdir()) == sorted(p.name for p in made.iterdir())
    for path in made.glob("*.tfrecord"):
        assert (folder / path.name).read_bytes() == path.read_bytes()


def test_a_table_gives_stretches_and_its_own_sources(clips, tmp_path):
    with open(tmp_path / "clips.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "start_s", "end_s", "source"])
        for i in range(20):
            writer.writerow([clips / "low" / "long-0.wav", "x", i / 2, i / 2 + 0.5, f"site{i}"])
        writer.writerow([clips / "low" / "gone.wav", "x", "", "", ""])
    assert main(["--clips", str(tmp_path / "clips.csv"), "--examples", str(tmp_path / "examples")]) == 0
    rows = sorted(examples(tmp_path / "examples"), key=lambda r: r["start_s"])
    sound, _ = soundfile.read(clips / "low" / "long-0.wav", dtype="float32")
    assert [r["start_s"] for r in rows] == [i / 2 for i in range(20)]
    np.testing.assert_allclose(rows[3]["waveform"], sound[24000:32000], atol=1e-6)
    assert {r["source"] for r in rows} == {f"site{i}" for i in range(20)}
    assert ["gone.wav" in r["recording"] for r in read_manifest(str(tmp_path / "examples"))["rejects"]] == [True]


def test_other_rates_are_resampled(clips, tmp_path):
    assert main(["--clips", str(clips), "--examples", str(tmp_path / "e"), "--rate", "8000"]) == 0
    assert read_manifest(str(tmp_path / "e"))["rate"] == 8000
    row = next(r for r in examples(tmp_path / "e") if r["recording"].endswith("low/s5-0.wav"))
    assert len(row["waveform"]) == 8000
    expected = tone(1, 500.0, 8000, amplitude=6 / 20)
    np.testing.assert_allclose(row["waveform"][400:-400], expected[400:-400], atol=1e-3)


def test_a_clip_that_crashes_its_decoder_is_rejected_and_costs_no_other_one(made, clips, tmp_path, monkeypatch):
    fault = {
        "call": "soundbeam.transforms.decoding.excerpt:ExcerptReader.read",
        "n": 0,
        "do": "crash",
        "arg": "low/s7-1.wav",
    }
    monkeypatch.setenv("SOUNDBEAM_TEST_FAULT", json.dumps([fault]))
    monkeypatch.syspath_prepend(HOOKS)
    monkeypatch.setattr(isolation, "_idle", collections.deque())
    assert main(["--clips", str(clips), "--examples", str(tmp_path / "e"), "--window", "5"]) == 0
    reasons = {r["recording"].rpartition("/")[2]: r["reason"] for r in read_manifest(str(tmp_path / "e"))["rejects"]}
    assert len(reasons) == 6 and reasons["s7-1.wav"].startswith("the decoder crashed on it")
    found, before = ({(r["recording"], r["start_s"]) for r in examples(of)} for of in (tmp_path / "e", made))
    assert before - found == {(f"file://{clips}/low/s7-1.wav", 0.0)} and not found - before


@pytest.mark.parametrize("kind", ["missing", "no folders", "no clips", "only rejects"])
def test_what_gives_no_example_is_one_line(tmp_path, capsys, kind):
    folder = tmp_path / "clips"
    if kind != "missing":
        folder.mkdir()
    if kind in ("no clips", "only rejects"):
        (folder / "label").mkdir()
    if kind == "only rejects":
        (folder / "label" / "a.wav").write_text("text")
    assert main(["--clips", str(folder), "--examples", str(tmp_path / "e")]) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if "error:" in line]
    assert len(lines) == 1 and str(folder) in lines[0]
    assert not (tmp_path / "e" / "manifest.json").exists()

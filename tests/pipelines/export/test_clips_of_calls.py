"""Clips: the samples of the calls as soundfile reads them, few files a label, broken files, and training on them."""

import csv
import shutil

import numpy as np
import pytest
import soundfile

import soundbeam
from tests.pipelines.export.scanned import export, exported
from tests.placeholder import RATE, TONES_HZ, with_tones

AMPLITUDES = {"a/20240501_033000.wav": 0.5, "a/20240502_033000.flac": 0.4, "b/20240501_033000.mp3": 0.3}
AT = {
    "a/20240501_033000.wav": (5.0, 12.0, 20.0),
    "a/20240502_033000.flac": (1.0, 150.0),
    "b/20240501_033000.mp3": (8.0,),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory, tone_bundle):
    """``corpus`` (WAV, FLAC of another rate, MP3 in stereo) and ``results``, a scan of it."""
    home = tmp_path_factory.mktemp("clips")
    for name, at in AT.items():
        path = home / "corpus" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        rate = 22050 if name.endswith("flac") else RATE
        sound = with_tones(at[-1] + 10, at, rate)
        soundfile.write(path, np.c_[sound, sound] if name.endswith("mp3") else sound, rate)
    soundbeam.scan(home / "corpus", tone_bundle, home / "results", site="{site}/*")
    return home


def rows_of(folder):
    with open(folder / "clips.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def calls_of(home):
    calls = soundbeam.read_table(home / "results", "calls").to_pylist()
    return sorted(calls, key=lambda row: (row["recording"], row["start_s"]))


@pytest.mark.parametrize("sound", ["flac", "wav"])
def test_samples_are_those_of_the_recording(home, tmp_path, sound):
    to = exported(home / "results", tmp_path / "to", "clips", "--context", "2", "--sound", sound)
    rows, calls = rows_of(to), calls_of(home)
    assert len(rows) == len(calls) == 6
    for row, call in zip(rows, calls, strict=True):
        path = call["recording"].removeprefix("file://")
        whole, rate = soundfile.read(path, dtype="float32", always_2d=True)
        first, end = round((call["start_s"] - 2) * rate), round((call["end_s"] + 2) * rate)
        clip, clip_rate = soundfile.read(to / row["path"], dtype="float32")
        assert clip_rate == rate and row["recording"] == call["recording"] and row["label"] == "low"
        np.testing.assert_allclose(clip, whole[max(0, first) : end].mean(axis=1), atol=2**-22)
        assert float(row["call_start_s"]) == call["start_s"]
        assert float(row["start_s"]) == min(2.0, call["start_s"])
        stem = path.rpartition("/")[2].rpartition(".")[0]
        assert row["path"].startswith(f"low/{call['score']:.3f}_{stem}_") and row["path"].endswith(f".{sound}")
    assert {path.name for path in to.iterdir()} == {"low", "clips.csv", "export.json"}
    assert len(list((to / "low").iterdir())) == 6


def test_the_best_of_a_label_and_few_of_a_recording(home, tmp_path):
    calls = calls_of(home)
    by_score = sorted(calls, key=lambda call: (-call["score"], call["recording"], call["start_s"]))

    def chosen(*options):
        rows = rows_of(exported(home / "results", tmp_path / "to", "clips", *options))
        return [(row["recording"], float(row["call_start_s"])) for row in rows]

    def keys(some):
        return [(c["recording"], c["start_s"]) for c in sorted(some, key=lambda c: (c["recording"], c["start_s"]))]

    assert chosen("--best", "4") == keys(by_score[:4])
    one_each = [next(c for c in by_score if c["recording"] == uri) for uri in {c["recording"] for c in calls}]
    assert chosen("--per-recording", "1") == keys(one_each)
    assert chosen("--per-recording", "1", "--best", "2") == keys([c for c in by_score if c in one_each][:2])
    assert len(list((tmp_path / "to" / "low").iterdir())) == 2  # those of the exports before are gone


def test_a_recording_that_is_gone_or_another_one_costs_its_own_clips(home, tmp_path, capsys):
    shutil.copytree(home / "corpus", tmp_path / "kept")
    gone, cut = home / "corpus" / "b/20240501_033000.mp3", home / "corpus" / "a/20240501_033000.wav"
    try:
        gone.unlink()
        soundfile.write(cut, with_tones(10, (5.0,)), RATE)
        to = exported(home / "results", tmp_path / "to", "clips")
    finally:
        shutil.copytree(tmp_path / "kept", home / "corpus", dirs_exist_ok=True)
    said = capsys.readouterr().out
    assert "4 clips could not be cut, of 2 recordings:" in said
    assert "b/20240501_033000.mp3: is gone; it was deleted or renamed since the scan" in said
    assert "a/20240501_033000.wav: has changed since the scan" in said
    assert [row["recording"].rpartition("/")[2] for row in rows_of(to)] == ["20240502_033000.flac"] * 2


def test_only_the_channel_that_was_scanned(tmp_path, tone_bundle):
    sounds = [with_tones(10, (2.0,), seed=1), with_tones(10, (6.0,), hz=TONES_HZ["low"], seed=2)]
    soundfile.write(tmp_path / "x.wav", np.stack(sounds, 1), RATE, subtype="FLOAT")
    soundbeam.scan(tmp_path / "x.wav", tone_bundle, tmp_path / "results", channel="each")
    to = exported(tmp_path / "results", tmp_path / "to", "clips")
    rows = rows_of(to)
    assert [row["channel"] for row in rows] == ["1", "2"]
    for row, whole in zip(rows, sounds, strict=True):
        first, end = (round(float(row[f"call_{side}_s"]) * RATE) for side in ("start", "end"))
        np.testing.assert_allclose(soundfile.read(to / row["path"])[0], whole[first:end], atol=2**-22)
        assert f"_channel{row['channel']}." in row["path"]


def test_the_measured_band_is_that_of_the_channel(tmp_path, tone_bundle):
    """A call in the first channel, and a louder sound at the same time in the second, which was not scanned."""
    call, louder = with_tones(10, (4.0,), seed=1), 3 * with_tones(10, (4.0,), hz=TONES_HZ["high"], seed=2)
    soundfile.write(tmp_path / "x.wav", np.stack([call, louder], 1), RATE, subtype="FLOAT")
    soundbeam.scan(tmp_path / "x.wav", tone_bundle, tmp_path / "results", channel=1)
    to = exported(tmp_path / "results", tmp_path / "to", "warbler", "--frequencies", "measured")
    with open(to / "selection_table.csv", encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["channel"] == "1"
    assert 0.9 < float(row["bottom.freq"]) < TONES_HZ["low"] / 1000 < float(row["top.freq"]) < 1.1


def test_materialize_takes_the_list(home, tmp_path):
    to = exported(home / "results", tmp_path / "to", "clips", "--context", "1")
    manifest = soundbeam.materialize(to / "clips.csv", tmp_path / "examples", rate=RATE, window=1)
    assert sorted(manifest["labels"]) == ["low"]


def test_the_measured_band_holds_the_tone(home, tmp_path):
    to = exported(home / "results", tmp_path / "raven", "raven", "--combined", "--frequencies", "measured")
    head, *lines = [line.split("\t") for line in (to / "all.selections.txt").read_text().splitlines()]
    low, high = head.index("Low Freq (Hz)"), head.index("High Freq (Hz)")
    assert len(lines) == 6
    for line in lines:
        assert 900 < float(line[low]) < TONES_HZ["low"] < float(line[high]) < 1100


def test_another_programs_folder(home, tmp_path, capsys):
    (tmp_path / "low").mkdir()
    assert export("--output", home / "results", "--format", "clips", "--to", tmp_path) == 1
    assert "holds other files (low)" in capsys.readouterr().err

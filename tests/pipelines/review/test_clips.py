"""The sound of drawn windows: from real files of a real scan."""

import csv
import shutil

import numpy as np
import pytest
import soundfile

from soundbeam.pipelines.review.program import main as review
from soundbeam.pipelines.review.store import ReviewStore
from soundbeam.pipelines.scan.program import main as scan
from tests.placeholder import RATE, with_tones


@pytest.fixture(scope="module")
def home(tmp_path_factory, tone_bundle):
    home = tmp_path_factory.mktemp("clips")
    (home / "corpus").mkdir()
    for k, name in enumerate(("a b.wav", "ü.wav")):
        sound = with_tones(12.0, (2.0, 7.0), seed=k)
        soundfile.write(home / "corpus" / name, np.stack([sound, 0.5 * sound], 1), RATE, subtype="FLOAT")
    call = ["--recordings", home / "corpus", "--classifier", tone_bundle, "--output", home / "out"]
    assert scan([str(a) for a in call]) == 0
    return home


def test_clips_hold_two_seconds_around_and_are_named_traceably(home, tmp_path, capsys):
    shutil.copytree(home / "out", tmp_path / "out")
    options = ["--clips", str(tmp_path / "clips"), "--csv", str(tmp_path / "judge.csv"), "-n", "9", "--spacing", "1"]
    assert review(["sample", "--output", str(tmp_path / "out"), *options]) == 0
    said = capsys.readouterr().out
    assert f"clips: {tmp_path}/clips" in said and f"table: {tmp_path}/judge.csv" in said
    rows = ReviewStore(str(tmp_path / "out")).samples()[0].rows.to_pylist()
    with open(tmp_path / "judge.csv", newline="") as file:
        clips = {r["review_id"]: r["clip"] for r in csv.DictReader(file)}
    assert len(rows) == 9 and len(list((tmp_path / "clips").iterdir())) == 9
    for row in rows:
        path = clips[row["review_id"]].removeprefix("file://")
        stem = row["recording"].rpartition("/")[2][:-4]
        times = f"{row['start_s']:.3f}-{row['end_s']:.3f}"
        assert path == f"{tmp_path}/clips/{row['rank']:03d}_{stem}_{times}_{row['review_id']}.flac"
        clip, rate = soundfile.read(path)
        source = soundfile.read(row["recording"].removeprefix("file://"))[0].mean(1)
        expected = source[round(max(0, row["start_s"] - 2) * RATE) : round((row["end_s"] + 2) * RATE)]
        assert rate == RATE and len(clip) == len(expected)
        np.testing.assert_allclose(clip, np.clip(expected, -1, 1), atol=2e-7)


def test_a_recording_that_is_gone_costs_only_its_clips(home, tmp_path, capsys):
    shutil.copytree(home / "out", tmp_path / "out")
    moved = home / "corpus" / "ü.wav"
    kept = moved.read_bytes()
    moved.unlink()
    try:
        out = str(tmp_path / "out")
        call = ["sample", "--output", out, "-n", "8", "--spacing", "1", "--clips", str(tmp_path / "clips")]
        assert review(call) == 0
    finally:
        moved.write_bytes(kept)
    rows = ReviewStore(out).samples()[0].rows.to_pylist()
    gone = [r["rank"] for r in rows if r["recording"].endswith("ü.wav")]
    said = capsys.readouterr().out
    assert gone and len(list((tmp_path / "clips").iterdir())) == len(rows) - len(gone)
    for rank in gone:
        assert f"note: no clip of window {rank}: " in said


def test_clips_overwrite_nothing(home, tmp_path, capsys):
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "mine.txt").write_text("mine")
    shutil.copytree(home / "out", tmp_path / "out")
    assert review(["sample", "--output", str(tmp_path / "out"), "--clips", str(tmp_path / "clips")]) == 1
    assert "holds other files (mine.txt)" in capsys.readouterr().err
    assert not ReviewStore(str(tmp_path / "out")).samples()

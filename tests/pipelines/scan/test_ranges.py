"""``soundbeam scan`` of recordings that are cut into ranges: the same tables as in one piece."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundbeam.pipelines.results import read
from soundbeam.pipelines.scan.program import main
from soundbeam.transforms.decoding import split_recordings
from tests.placeholder import expected_score, with_tones

RATES = {"wav": 8000, "rf64": 11025, "w64": 22050, "aiff": 44100, "flac": 48000}
TABLES = ("predictions", "calls", "counts", "recordings")


def scan(*arguments):
    return main([str(a) for a in arguments])


def rows(output, table):
    table_rows = read(str(output), table).to_pylist()
    for row in table_rows:
        row.pop("run")
    return sorted(table_rows, key=lambda r: (r["recording"], r.get("start_s"), r.get("label")))


def counters(output):
    (path,) = Path(output).glob("runs/*/run.json")
    return json.loads(path.read_text())["counters"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Long ones of every kind that is split, with calls across the bounds of ranges; broken ones; short ones."""
    folder = tmp_path_factory.mktemp("corpus")
    for i, (kind, rate) in enumerate(RATES.items()):
        sound = with_tones(33.3, [2.0, 9.1, 15.3, 23.75, 31.5], rate=rate, seed=i)
        stereo = np.stack([sound, sound], axis=1) if i % 2 else sound
        soundfile.write(folder / f"{i}.{kind}", stereo, rate, format=kind.upper(), subtype="PCM_16")
    flac = (folder / "4.flac").read_bytes()
    (folder / "damaged.flac").write_bytes(flac[: len(flac) // 2] + bytes(9000) + flac[len(flac) // 2 + 9000 :])
    (folder / "truncated.flac").write_bytes(flac[: len(flac) * 4 // 5])
    (folder / "truncated.wav").write_bytes((folder / "0.wav").read_bytes()[:400_000])
    numbers = with_tones(33.3, [5.0])
    numbers[[100, 64000, 130000]] = np.nan
    soundfile.write(folder / "numbers.wav", numbers, 8000, subtype="FLOAT")
    soundfile.write(folder / "short.wav", with_tones(4.2, [1.0]), 8000)
    soundfile.write(folder / "long.mp3", with_tones(33.3, [5.0], rate=16000), 16000)
    (folder / "text.wav").write_text("this is no sound at all\n" * 5000)
    return folder


@pytest.fixture(scope="module")
def whole(corpus, tone_bundle, tmp_path_factory):
    output = tmp_path_factory.mktemp("output") / "whole"
    assert scan("--recordings", corpus, "--classifier", tone_bundle, "--output", output, "--segment", 3) == 0
    assert "recordings_cut" not in counters(output)
    return output


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--direct_running_mode=multi_threading", "--direct_num_workers=2"],
        ["--direct_running_mode=multi_processing", "--direct_num_workers=2"],
    ],
    ids=["in_memory", "multi_threading", "multi_processing"],
)
def test_the_tables_are_those_of_one_piece(whole, corpus, tone_bundle, tmp_path, monkeypatch, options):
    monkeypatch.setattr(split_recordings, "RANGE_S", 7.0)
    monkeypatch.setattr(split_recordings, "SMALLEST_SHARE", 0.0)
    out = tmp_path / "out"
    arguments = ["--recordings", corpus, "--classifier", tone_bundle, "--output", out, "--segment", 3]
    assert scan(*arguments, *options) == 0
    assert counters(out)["recordings_cut"] == len(RATES) + 4  # the damaged FLAC, the truncated ones, what is no number
    assert counters(out)["ranges"] > 3 * counters(out)["recordings_cut"]
    for table in TABLES:
        expected, got = rows(whole, table), rows(out, table)
        assert [{**r, "score": None} for r in got] == [{**r, "score": None} for r in expected], table
        if "score" in got[0]:
            np.testing.assert_allclose([r["score"] for r in got], [r["score"] for r in expected], atol=1e-5)
    status = {Path(r["recording"]).name: r["status"] for r in rows(out, "recordings")}
    assert status == {
        **{f"{i}.{kind}": "ok" for i, kind in enumerate(RATES)},
        **dict.fromkeys(["damaged.flac", "truncated.flac", "truncated.wav", "numbers.wav"], "partial"),
        "short.wav": "ok",
        "long.mp3": "ok",
        "text.wav": "failed",
    }


def test_windows_on_either_side_of_a_bound_are_scored_as_numpy_scores_them(corpus, tone_bundle, tmp_path, monkeypatch):
    monkeypatch.setattr(split_recordings, "RANGE_S", 7.0)
    out, path = tmp_path / "out", corpus / "0.wav"
    assert scan("--recordings", path, "--classifier", tone_bundle, "--output", out, "--segment", 3) == 0
    assert counters(out)["ranges"] == 4
    sound, _ = soundfile.read(path)
    predictions = rows(out, "predictions")
    starts = [k * 0.5 for k in range(65)] + [32.3]
    assert [r["start_s"] for r in predictions] == pytest.approx(starts, abs=1e-12)
    expected = [expected_score(sound[round(s * 8000) : round(s * 8000) + 8000]) for s in starts]
    np.testing.assert_allclose([r["score"] for r in predictions], expected, atol=1e-5)
    assert [r["calls"] for r in rows(out, "counts")] == [5]


def test_what_was_cut_is_done_and_left_alone_the_next_time(corpus, tone_bundle, tmp_path, monkeypatch):
    monkeypatch.setattr(split_recordings, "RANGE_S", 7.0)
    arguments = ["--recordings", corpus / "0.wav", corpus / "short.wav", "--output", tmp_path / "out"]
    arguments += ["--classifier", tone_bundle]
    assert scan(*arguments) == 0
    before = {table: rows(tmp_path / "out", table) for table in TABLES}
    assert scan(*arguments) == 0
    assert len(list((tmp_path / "out").glob("runs/*/run.json"))) == 1
    assert {table: rows(tmp_path / "out", table) for table in TABLES} == before


def test_of_many_recordings_none_is_cut_and_tensorflow_io_cuts_none(corpus, tone_bundle, tmp_path, monkeypatch):
    monkeypatch.setattr(split_recordings, "RANGE_S", 7.0)
    monkeypatch.setattr(split_recordings, "SMALLEST_SHARE", 0.6)
    base = ["--classifier", tone_bundle, "--segment", 3]
    assert scan("--recordings", corpus / "0.wav", corpus / "1.rf64", *base, "--output", tmp_path / "a") == 0
    assert counters(tmp_path / "a")["recordings_cut"] == 1  # the larger one is more than that share of all bytes
    one = ["--recordings", corpus / "0.wav", *base, "--decoder", "tensorflow-io", "--output", tmp_path / "b"]
    assert scan(*one) == 0
    assert "recordings_cut" not in counters(tmp_path / "b")

"""``soundbeam scan --channel``: one channel, the mean, each; and what the table says about the channels."""

import json

import numpy as np
import pytest
import soundfile

import soundbeam
from soundbeam.pipelines.results import read
from soundbeam.pipelines.scan.program import main
from soundbeam.transforms.decoding import split_recordings
from tests.pipelines.report.pages import Page
from tests.placeholder import RATE, expected_score, with_tones


def scan(bundle, recordings, output, *options):
    arguments = ["--recordings", recordings, "--classifier", bundle, "--output", output, *options]
    return main([str(a) for a in arguments])


def rows(output, table):
    table_rows = read(str(output), table).drop_columns("run").to_pylist()
    return sorted(table_rows, key=lambda r: (r["recording"], r.get("channel") or 0, r.get("start_s") or 0))


@pytest.fixture(scope="module")
def sounds():
    return [with_tones(9.3, [1.0, 5.0]), with_tones(9.3, [3.0], seed=1), with_tones(9.3, [], seed=2)]


@pytest.fixture
def recordings(tmp_path, sounds):
    folder = tmp_path / "recordings"
    folder.mkdir()
    left, right, _ = sounds
    soundfile.write(folder / "mono.wav", left, RATE, subtype="FLOAT")
    soundfile.write(folder / "inverted.wav", np.stack([left, -left], axis=1), RATE, subtype="FLOAT")
    soundfile.write(folder / "three.wav", np.stack([left, right, sounds[2]], axis=1), RATE, subtype="FLOAT")
    return folder


def by_name(output, table="recordings"):
    return {row["recording"].rpartition("/")[2]: row for row in rows(output, table)}


def test_channels_that_cancel_are_told(recordings, tone_bundle, tmp_path, capsys):
    assert scan(tone_bundle, recordings, tmp_path / "out") == 0
    told = by_name(tmp_path / "out")
    assert told["inverted.wav"]["notes"].startswith("channels cancel: their mean is silence beside them; scan with")
    assert (told["inverted.wav"]["status"], told["inverted.wav"]["error"]) == ("partial", told["inverted.wav"]["notes"])
    assert told["mono.wav"]["notes"] is None
    assert by_name(tmp_path / "out", "counts")["inverted.wav"]["calls"] == 0
    assert "note: 1 recordings: channels cancel" in capsys.readouterr().out


@pytest.mark.parametrize("channel", [1, 2])
def test_one_channel_is_scanned_as_if_it_were_alone(recordings, sounds, tone_bundle, tmp_path, channel):
    assert scan(tone_bundle, recordings, tmp_path / "out", "--channel", channel) == 0
    told = by_name(tmp_path / "out")
    if channel == 2:
        assert told["mono.wav"]["status"] == "failed"
        assert told["mono.wav"]["error"] == "it has no channel 2, only 1; scan it with --channel mean"
    alone = tmp_path / "alone"
    alone.mkdir()
    soundfile.write(alone / "three.wav", sounds[channel - 1], RATE, subtype="FLOAT")
    assert scan(tone_bundle, alone, tmp_path / "alone_out") == 0
    for table in ("predictions", "calls", "counts"):
        of_channel = [dict(row, recording="") for row in rows(tmp_path / "out", table) if "three" in row["recording"]]
        assert of_channel == [dict(row, recording="") for row in rows(tmp_path / "alone_out", table)]


@pytest.mark.parametrize("range_s", [None, 2.0])
def test_each_channel_by_itself(recordings, sounds, tone_bundle, tmp_path, capsys, monkeypatch, range_s):
    if range_s:
        monkeypatch.setattr(split_recordings, "RANGE_S", range_s)
        monkeypatch.setattr(split_recordings, "SMALLEST_SHARE", 0.0)
    assert scan(tone_bundle, recordings, tmp_path / "out", "--channel", "each", "--segment", 2) == 0
    of_each = rows(tmp_path / "out", "counts")
    heard = {row["recording"] for row in of_each if row["calls"]}
    said = capsys.readouterr().out
    assert f"{sum(row['calls'] for row in of_each)} calls (" in said and f" in {len(heard)} of 3 recordings" in said
    soundbeam.report(tmp_path / "out", tmp_path / "r.html")
    labels = Page(tmp_path / "r.html").csv("labels.csv")
    assert labels["calls"].sum() == sum(row["calls"] for row in of_each)
    assert labels["recordings_with_calls"].tolist() == [len(heard)]
    of_three = [row for row in rows(tmp_path / "out", "counts") if "three" in row["recording"]]
    assert [(row["channel"], row["calls"]) for row in of_three] == [(1, 2), (2, 1), (3, 0)]
    windows = [row for row in rows(tmp_path / "out", "predictions") if "three" in row["recording"]]
    for i, sound in enumerate(sounds):
        of_channel = [row for row in windows if row["channel"] == i + 1]
        starts = [round(row["start_s"] * RATE) for row in of_channel]
        expected = [expected_score(sound[start : start + RATE].astype(np.float32)) for start in starts]
        np.testing.assert_allclose([row["score"] for row in of_channel], expected, atol=1e-5)
        assert starts == [*range(0, len(sound) - RATE + 1, RATE // 2), len(sound) - RATE]
    assert by_name(tmp_path / "out")["three.wav"]["windows"] == len(windows)
    calls = [(row["channel"], round(row["start_s"])) for row in rows(tmp_path / "out", "calls")]
    assert calls.count((1, 1)) == 3 and (2, 3) in calls


def test_the_channel_is_part_of_the_settings(recordings, tone_bundle, tmp_path, capsys):
    out = tmp_path / "out"
    assert scan(tone_bundle, recordings, out) == 0
    assert scan(tone_bundle, recordings, out, "--channel", "1") == 0
    assert "3 recordings (3 ok)" in capsys.readouterr().out
    assert scan(tone_bundle, recordings, out, "--channel", "1") == 0
    assert "nothing new" in capsys.readouterr().out
    told = [json.loads(path.read_text())["channel"] for path in sorted(out.glob("runs/*/run.json"))]
    assert told == ["mean", 1]
    assert {row["calls"] for row in rows(out, "counts")} == {2}


@pytest.mark.parametrize("value", ["0", "-1", "left", "1.5"])
def test_a_channel_that_cannot_be(recordings, tone_bundle, tmp_path, capsys, value):
    with pytest.raises(SystemExit):
        scan(tone_bundle, recordings, tmp_path / "out", f"--channel={value}")
    assert "neither mean nor each nor the number of a channel" in capsys.readouterr().err

"""``soundbeam label`` against the placeholder's scores, told by NumPy."""

import json

import numpy as np
import pytest
import soundfile

from soundbeam.pipelines.label import program as label
from tests.placeholder import HOP_S, RATE, TONES_HZ, WINDOW_S, expected_score, tone, with_tones


@pytest.fixture
def clips(tmp_path):
    folder = tmp_path / "clips"
    folder.mkdir()
    soundfile.write(folder / "low.wav", with_tones(4.0, [1.0]), RATE, "FLOAT")
    soundfile.write(folder / "high.wav", tone(3.0, TONES_HZ["high"]), RATE, "FLOAT")
    return folder


def test_the_highest_window_tells_a_detectors_label(clips, two_tone_bundle, tmp_path, capsys):
    figures = tmp_path / "labels.json"
    assert label.main([str(clips), "--classifier", two_tone_bundle, "--json", str(figures)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("high.wav: high 0.") and lines[1].startswith("low.wav: low 0.")
    sound = with_tones(4.0, [1.0]).astype(np.float32)
    starts = np.arange(0, 4.0 - WINDOW_S + 1e-9, HOP_S)
    windows = [sound[round(s * RATE) : round((s + WINDOW_S) * RATE)] for s in starts]
    got = json.loads(figures.read_text())["clips"][1]["scores"]
    for name, hz in TONES_HZ.items():
        assert got[name] == pytest.approx(max(expected_score(w, hz) for w in windows), abs=1e-4)


def test_top_and_a_classifiers_mean(clips, tmp_path, capsys):
    from tests.placeholder import save_tone_bundle

    url = save_tone_bundle(tmp_path / "b", labels=("low", "high"), task="classifier").url
    assert label.main([str(clips / "low.wav"), "--classifier", url, "--top", "1"]) == 0
    sound = with_tones(4.0, [1.0]).astype(np.float32)
    starts = np.arange(0, 4.0 - WINDOW_S + 1e-9, HOP_S)
    mean = np.mean([expected_score(sound[round(s * RATE) : round((s + WINDOW_S) * RATE)]) for s in starts])
    said = capsys.readouterr().out.strip()
    assert said.startswith("low.wav: low ") and "," not in said
    assert float(said.split()[-1]) == pytest.approx(mean, abs=1e-3)


def test_bad_clips_cost_no_other_its_labels(clips, tone_bundle, capsys):
    (clips / "broken.wav").write_bytes(b"RIFF no sound at all")
    assert label.main([str(clips), str(clips / "gone.wav"), "--classifier", tone_bundle]) == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 2
    assert len(err.splitlines()) == 2 and "broken.wav" in err and "gone.wav" in err


def test_nothing_readable_is_exit_code_1(tmp_path, tone_bundle, capsys):
    assert label.main([str(tmp_path / "*.wav"), "--classifier", tone_bundle]) == 1
    assert "no audio file there" in capsys.readouterr().err
    assert label.main(["x.wav", "--classifier", str(tmp_path)]) == 1
    assert "no classifier there" in capsys.readouterr().err

"""The picture is read back and looked at, pixel by pixel where that says something."""

import dataclasses
import io

import matplotlib.image
import numpy as np
import pytest
import soundfile
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.text import Text

from soundbeam.pipelines.show import program as show
from soundbeam.pipelines.show.recording_picture import LabelTrack, draw, minutes
from tests.pipelines.written_scan import result, write_scan

RATE = 16000


def sound(seconds, at=()):
    samples = 0.001 * np.random.default_rng(0).standard_normal(round(seconds * RATE))
    for start in at:
        t = np.arange(RATE) / RATE
        samples[round(start * RATE) : round((start + 1) * RATE)] += 0.5 * np.sin(2 * np.pi * 1000 * t)
    return samples.astype(np.float32)


@pytest.fixture
def scan(tmp_path):
    """Two recordings of the same base name, one that failed, and one that is no longer there."""
    for site in "ab":
        (tmp_path / site).mkdir()
        soundfile.write(tmp_path / site / "day 1.wav", sound(20, [5, 12]), RATE)
    calls = [("call", 5.0, 6.0), ("call", 12.0, 13.0)]
    results = [
        result(f"file://{tmp_path}/a/day 1.wav", 20.0, calls, lambda s: 0.9 if s in (4, 5, 12) else 0.1),
        result(f"file://{tmp_path}/b/day 1.wav", 20.0),
        result(f"file://{tmp_path}/b/broken.wav", status="failed", error="not audio"),
        result(f"file://{tmp_path}/b/deleted.wav", 20.0, status="partial", error="broken at 20 s"),
    ]
    write_scan(tmp_path / "out", results)
    return tmp_path


@pytest.fixture
def reads(monkeypatch):
    """The stretches that were read."""
    asked = []

    def read(uri, rate, start_s, end_s):
        asked.append((uri, rate, start_s, end_s))
        return sound(end_s - start_s)

    monkeypatch.setattr(show, "_read", read)
    return asked


def run(folder, name, *more):
    return show.main([name, "--output", f"{folder}/out", "--png", f"{folder}/deep/x.png", *more])


def test_the_picture_of_a_recording(scan, capsys):
    assert run(scan, "a/day 1.wav") == 0
    picture = matplotlib.image.imread(scan / "deep/x.png")
    assert picture.shape[0] >= 600 and picture.shape[1] >= 1200
    out = capsys.readouterr().out
    assert "a/day 1.wav: call: 2 calls\n" in out and "picture: " in out


def test_a_path_and_a_uri_name_a_recording_too(scan, reads, monkeypatch):
    monkeypatch.chdir(scan / "b")
    for name in ("day 1.wav", str(scan / "b" / "day 1.wav"), f"file://{scan}/b/day 1.wav"):
        assert run(scan, name) == 0
    assert reads == [(f"file://{scan}/b/day 1.wav", RATE, 0.0, 20.0)] * 3


@pytest.mark.parametrize(
    ("name", "more", "message"),
    [
        ("day 1.wav", [], "a/day 1.wav or file://"),
        ("c/day 1.wav", [], "not among the 4 recordings"),
        ("broken.wav", [], "failed in the scan: not audio"),
        ("deleted.wav", [], "deleted.wav: no such file"),
        ("a/day 1.wav", ["--start", "20"], "after the end"),
        ("a/day 1.wav", ["--start", "9", "--end", "8"], "must lie behind"),
    ],
)
def test_what_cannot_be_shown_is_one_clear_line(scan, capsys, name, more, message):
    assert run(scan, name, *more) == 1
    err = capsys.readouterr().err
    assert message in err and err.count("\n") == 1 and not (scan / "deep/x.png").exists()


def test_only_the_stretch_is_read(scan, reads, capsys):
    assert run(scan, "a/day 1.wav", "--start", "0:10", "--end", "15.5") == 0
    assert reads[0][2:] == (10.0, 15.5)
    assert "2 calls (1 in this stretch)" in capsys.readouterr().out
    assert run(scan, "a/day 1.wav", "--start", "10", "--end", "99") == 0
    assert reads[1][2:] == (10.0, 20.0)


def test_a_long_recording_is_cut_to_five_minutes_and_it_says_so(tmp_path, reads, capsys):
    write_scan(tmp_path / "out", [result("s3://b/long.wav", 7200.0)])
    assert run(tmp_path, "long.wav") == 0
    assert reads[0][2:] == (0.0, 300.0) and "5 minutes of 120:00" in capsys.readouterr().out
    assert run(tmp_path, "long.wav", "--start", "3600") == 0
    assert reads[1][2:] == (3600.0, 3900.0) and "from 60:00" in capsys.readouterr().out
    assert run(tmp_path, "long.wav", "--end", "2:00:00") == 1


def test_many_labels_draw_those_that_score(tmp_path, reads, capsys):
    labels = tuple(f"bird{i}" for i in range(9))
    scores = np.tile(np.eye(9)[7], (9, 1))
    write_scan(tmp_path / "out", [result("s3://b/x.wav", 10.0, [("bird8", 1, 2)], scores, labels=labels)], labels)
    parameters = {"labels": list(labels), "thresholds": dict.fromkeys(labels, 0.5)}
    tracks, counts, _ = show._tracks(f"{tmp_path}/out", "s3://b/x.wav", parameters, (0.0, 10.0))
    assert [t.label for t in tracks][:2] == ["bird8", "bird7"] and len(tracks) == 6 and counts == {"bird8": 1}
    assert tracks[0].middles_s.tolist() == list(range(1, 10)) and tracks[1].scores.tolist() == [1.0] * 9
    assert run(tmp_path, "x.wav") == 0 and "bird8: 1 call\n" in capsys.readouterr().out


def test_what_sounds_is_bright_where_it_sounds():
    file = io.BytesIO()
    track = LabelTrack("call", np.array([5.0]), np.array([0.9]), 0.5, [(15.0, 16.0, 0.9)])
    draw(file, sound(20, [5]), RATE, 0.0, [track], "title", "subtitle")
    picture = matplotlib.image.imread(io.BytesIO(file.getvalue()))[:, :, :3]
    height, width, _ = picture.shape
    top = picture[int(0.15 * height) : int(0.68 * height)]
    left, right = 0.06 * width, 0.06 * width + (0.945 - 0.06) * width * (1 / (1 + 0.012 + 0.0101))
    loudest = top.sum(axis=2).max(axis=0)[int(left) + 3 : int(right) - 3]
    seconds = np.linspace(0, 20, len(loudest))
    assert (
        np.median(loudest[(seconds > 5.2) & (seconds < 5.8)]) > np.median(loudest[(seconds > 8) & (seconds < 13)]) + 0.5
    )


def test_silence_and_a_moment_can_be_drawn():
    for samples in (np.zeros(RATE, np.float32), np.zeros(10, np.float32), sound(0.1)):
        draw(io.BytesIO(), samples, RATE, 3.0, [LabelTrack("x", np.empty(0), np.empty(0), None, [])], "t", "s")


def test_a_stretch_without_a_call_says_where_the_nearest_is(scan, reads, capsys):
    for start, end, nearest in ((0, 3, "0:05 to 0:06"), (7, 9, "0:05 to 0:06"), (13.5, 20, "0:12 to 0:13")):
        assert run(scan, "a/day 1.wav", "--start", str(start), "--end", str(end)) == 0
        out = capsys.readouterr().out
        assert "(0 in this stretch)" in out and f"no call in the picture; the nearest is from {nearest}: choose" in out
    assert run(scan, "b/day 1.wav") == 0
    assert "nearest" not in capsys.readouterr().out


def test_calls_of_labels_that_are_not_drawn_count_too(tmp_path, reads, capsys):
    labels = tuple(f"bird{i}" for i in range(9))
    calls = [(label, 1, 2) for label in labels] + [("bird0", 8, 9)]
    write_scan(tmp_path / "out", [result("s3://b/x.wav", 10.0, calls, np.zeros((9, 9)), labels=labels)], labels)
    assert run(tmp_path, "x.wav", "--end", "5") == 0
    assert "(9 in this stretch)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("録音データ_ガビチョウ.wav", "\\u9332\\u97f3"),
        ("🦉.wav", "\\U0001f989.wav   \\u9df9: 1 call, _hidden: 1 call"),
        ("$5_a$ \\alpha.wav", "$5_a$ \\alpha.wav   "),
        ("_x^{.wav", "_x^{.wav   "),
        ("night " * 40 + "0530.wav", "night night "),
        ("a\nb\x1b[2J.wav", "a\\nb\\x1b[2J.wav   "),
    ],
)
def test_any_name_and_label_can_be_drawn(tmp_path, reads, capsys, monkeypatch, name, title):
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda *_: [])
    labels = ("鷹", "_hidden", "$x^{$", "l" * 300)
    calls = [(label, 1, 2) for label in labels]
    write_scan(tmp_path / "out", [result(f"s3://b/{name}", 10.0, calls, np.zeros((9, 4)), labels=labels)], labels)
    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: drawn.extend(map(_text, figure.findobj(Text))))
    assert run(tmp_path, f"s3://b/{name}") == 0
    assert {"\\u9df9", "_hidden", "$x^{$"} <= set(drawn) and any("lll…lll" in text for text in drawn)
    assert any(text.startswith(title) for text in drawn)
    err = capsys.readouterr().err
    assert err.startswith("no font of this machine has ") and err.count("\n") == 1


def _text(artist):
    return artist.get_text()


@pytest.mark.parametrize("seconds", [0.01, 0.3, 1.5])
def test_a_recording_shorter_than_a_window_can_be_drawn(tmp_path, reads, capsys, seconds):
    one = dataclasses.replace(
        result("s3://b/x.wav", 2.0, [("call", 0, seconds)], lambda s: 0.9), end_s=np.array([seconds])
    )
    report = dataclasses.replace(one.report, duration_s=seconds)
    write_scan(tmp_path / "out", [dataclasses.replace(one, report=report)])
    assert run(tmp_path, "x.wav") == 0
    assert matplotlib.image.imread(tmp_path / "deep/x.png").shape[0] > 600
    assert "x.wav: call: 1 call\n" in capsys.readouterr().out


def test_times():
    assert [minutes(s) for s in (0, 61, 3599.96)] == ["0:00", "1:01", "60:00"]
    assert minutes(61.25, 0.5) == "1:01.2"
    assert show._time("1:30") == 90 and show._time("1:00:01.5") == 3601.5

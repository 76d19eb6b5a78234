"""A report of a real scan: intervals from its scores, clips with sound, names that try to be markup."""

import base64
import io
import itertools

import numpy as np
import pandas as pd
import pytest
import soundfile
from PIL import Image

import soundbeam
from soundbeam.model.classifier.bundle import load_bundle
from soundbeam.pipelines.report.program import main
from soundbeam.pipelines.scan.program import main as scan
from tests.pipelines.report.pages import Page
from tests.placeholder import RATE, TONES_HZ, save_tone_bundle, with_tones

EVIL = 'old "wood" <script>alert(1)</script>'
LABELS = ("low", "<script>alert(2)</script>")
AT = {"creek": (2.0, 9.0, 15.0), EVIL: (4.0,)}


@pytest.fixture(scope="module")
def home(tmp_path_factory, monkeypatch_module):
    home = tmp_path_factory.mktemp("of scan")
    monkeypatch_module.setitem(TONES_HZ, LABELS[1], 2000.0)
    save_tone_bundle(home / "bundle", LABELS)
    for site, at in AT.items():
        folder = home / "recordings" / site.replace("/", "_")
        folder.mkdir(parents=True)
        for day in (1, 2):
            sound = with_tones(20, at, seed=day) * np.linspace(0.05, 1, 20 * RATE)  # the later, the surer
            soundfile.write(folder / f"2024060{day}_220000.wav", sound, RATE)
    (home / "recordings" / "creek" / "20240603_220000.wav").write_text("no sound")
    argv = ["--recordings", home / "recordings", "--classifier", home / "bundle", "--output", home / "out"]
    argv += ["--site", "{site}/*", "--timezone", "Europe/Berlin"]
    assert scan([str(a) for a in argv]) == 0
    return home


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def page(home):
    assert main(["--output", str(home / "out"), "--html", str(home / "report.html")]) == 0
    return Page(home / "report.html")


def test_the_intervals_are_those_of_all_peaks(home, page):
    """Each peak of a window's log-odds that falls by 1 on both sides is a call with the probability of its score."""
    rows = pd.read_parquet(home / "out" / "predictions").query("label == 'low'")
    pmf = np.ones(1)
    for _, of_recording in rows.groupby("recording"):
        score = of_recording.sort_values("start_s")["score"].to_numpy(np.float64)
        height = np.log(score / (1 - score))
        for p in _prominent(height, 1.0):
            if score[p] >= 0.05:
                pmf = np.convolve(pmf, [1 - score[p], score[p]])
    low, high = np.searchsorted(np.cumsum(pmf), (0.05, 0.95))
    calls = len(pd.read_parquet(home / "out" / "calls").query("label == 'low'"))
    found = page.csv("labels.csv").set_index("label").loc["low"]
    assert found[["calls", "low", "high"]].tolist() == [calls, min(low, calls), max(high, calls)]
    sites = page.csv("labels-by-site.csv").query("label == 'low'")
    assert sites["calls"].sum() == calls and (sites["low"] <= sites["high"]).all()


def _prominent(height, dip):
    """The peaks by their prominence, straight from its definition."""
    found = []
    for i in range(len(height)):
        higher = [j for j in range(len(height)) if height[j] > height[i] or (height[j] == height[i] and j < i)]
        left = max((j for j in higher if j < i), default=None)
        right = min((j for j in higher if j > i), default=None)
        valleys = [height[a : b + 1].min() for a, b in ((left, i), (i, right)) if a is not None and b is not None]
        if not valleys or height[i] - max(valleys) >= dip:
            found.append(i)
    return found


def test_names_are_text(page):
    assert EVIL.replace("/", "_") in page.text and LABELS[1] in page.text
    assert not any(tag == "script" for tag, _ in page.tags)
    assert page.loads_nothing()


def test_the_classifier_and_the_failure_are_told(home, page):
    fingerprint = load_bundle(str(home / "bundle")).fingerprint
    assert f"fingerprint {fingerprint[:16]}" in page.text and "1 file failed" in page.text
    failures = page.csv("failures.csv")
    assert failures[["status", "files"]].to_numpy().tolist() == [["failed", 1]]
    assert "its bundle does not say how good it is" in page.text
    assert "with the probability that its score states" in page.text


def test_the_clips_sound_like_the_recordings(home, page):
    clips = page.csv("label-1-clips.csv")
    sounds = [values["src"] for tag, values in page.tags if tag == "audio"]
    pictures = [values for tag, values in page.tags if tag == "img"]
    assert len(sounds) == len(pictures) == len(clips) > 0
    assert list(clips["score"]) == sorted(clips["score"], reverse=True)[: len(clips)] or "doubtful" in set(
        clips["kind"]
    )
    for sound, (_, row) in itertools.islice(zip(sounds, clips.iterrows(), strict=True), 4):
        samples, rate = soundfile.read(io.BytesIO(base64.b64decode(sound.split("base64,", 1)[1])))
        assert rate == RATE
        seconds = min(row["end_s"], row["start_s"] + 3.0) + 0.5 - max(0.0, row["start_s"] - 0.5)
        assert len(samples) / rate == pytest.approx(seconds, abs=0.15)  # MP3 pads
        spectrum = np.abs(np.fft.rfft(samples))
        assert np.fft.rfftfreq(len(samples), 1 / rate)[spectrum.argmax()] == pytest.approx(TONES_HZ["low"], abs=2)
    for picture in pictures:
        image = Image.open(io.BytesIO(base64.b64decode(picture["src"].split("base64,", 1)[1])))
        assert image.size == (200, 72) and picture["alt"]


def test_a_recording_that_is_gone_is_told(home, tmp_path):
    (home / "recordings" / "creek" / "20240602_220000.wav").rename(tmp_path / "moved.wav")
    try:
        soundbeam.report(home / "out", tmp_path / "gone.html", label="low")
    finally:
        (tmp_path / "moved.wav").rename(home / "recordings" / "creek" / "20240602_220000.wav")
    assert "is gone; it was deleted or renamed since the scan" in Page(tmp_path / "gone.html").text


@pytest.mark.parametrize("channel", [2, "each"])
def test_the_clips_are_of_the_channel_that_was_heard(tmp_path, home, channel):
    """In the first channel is another sound all the time."""
    sounds = [2 * with_tones(20, np.arange(0, 20, 1.5), hz=1700.0), with_tones(20, (4.0, 12.0))]
    soundfile.write(tmp_path / "x.wav", np.stack(sounds, 1), RATE, subtype="FLOAT")
    soundbeam.scan(tmp_path / "x.wav", home / "bundle", tmp_path / "out", channel=channel)
    soundbeam.report(tmp_path / "out", tmp_path / "page.html", label="low")
    heard = [values["src"] for tag, values in Page(tmp_path / "page.html").tags if tag == "audio"]
    assert len(heard) == 2
    for sound in heard:
        samples, rate = soundfile.read(io.BytesIO(base64.b64decode(sound.split("base64,", 1)[1])))
        spectrum = np.abs(np.fft.rfft(samples))
        assert np.fft.rfftfreq(len(samples), 1 / rate)[spectrum.argmax()] == pytest.approx(TONES_HZ["low"], abs=2)

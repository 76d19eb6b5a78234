"""Clips of one recording: written as they are, or one reason for those that are not."""

import numpy as np
import pytest
import soundfile

from soundbeam.model.storage.files import state_of
from soundbeam.transforms.cutting.cut_clips import Cutting, cut
from soundbeam.transforms.scanned_file import ScannedFile

RATE = 8000


@pytest.fixture
def recording(tmp_path):
    """Its path, ten seconds of two channels, and the file as a scan saw it."""
    path = tmp_path / "x.wav"
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, (10 * RATE, 2)).astype(np.float32)
    soundfile.write(path, sound, RATE, subtype="FLOAT")
    (tmp_path / "clips").mkdir()
    return path, sound, ScannedFile(f"file://{path}", RATE, *state_of(str(path)))


@pytest.mark.parametrize("channel", [None, 2])
def test_clips_of_one_channel_that_overlap(recording, tmp_path, channel):
    _, sound, scanned = recording
    spans = {"a.flac": (1.0, 4.0), "b.flac": (2.0, 3.0), "c.flac": (3.5, 10.0)}
    cutting = Cutting(scanned, channel, tuple(spans), tuple(spans.values()))
    assert Cutting.from_json(cutting.to_json()) == cutting
    assert cut(cutting, f"file://{tmp_path}/clips", "flac") is None
    mono = sound.mean(axis=1) if channel is None else sound[:, 1]
    for name, (start, end) in spans.items():
        clip, rate = soundfile.read(tmp_path / "clips" / name, dtype="float32")
        assert rate == RATE
        np.testing.assert_allclose(clip, mono[round(start * RATE) : round(end * RATE)], atol=2**-22)


def test_what_lies_behind_the_end_is_told(recording, tmp_path):
    path, *_ = recording
    cutting = Cutting(ScannedFile(f"file://{path}", RATE), None, ("a.wav", "b.wav"), ((9.0, 12.0), (11.0, 12.0)))
    assert cut(cutting, str(tmp_path / "clips"), "wav") == (f"file://{path}", "it has no sound after 11.0 s", ["b.wav"])
    assert len(soundfile.read(tmp_path / "clips" / "a.wav")[0]) == RATE


def test_of_a_recording_that_is_another_one_now_there_is_no_clip(recording, tmp_path):
    path, sound, scanned = recording
    soundfile.write(path, np.concatenate([sound, sound]), RATE, subtype="FLOAT")
    uri, reason, names = cut(Cutting(scanned, None, ("a.wav",), ((1.0, 2.0),)), str(tmp_path / "clips"), "wav")
    assert (uri, names) == (scanned.uri, ["a.wav"]) and "has changed since the scan" in reason
    assert not list((tmp_path / "clips").iterdir())


def test_a_channel_that_is_not_there_and_a_rate_that_no_flac_has(recording, tmp_path):
    *_, scanned = recording
    assert "no channel 3" in cut(Cutting(scanned, 3, ("a.wav",), ((1.0, 2.0),)), str(tmp_path / "clips"), "wav")[1]
    fast = ScannedFile(scanned.uri, 2_000_000, scanned.bytes, scanned.version)
    assert "cannot be written as flac" in cut(Cutting(fast, 1, ("a",), ((1.0, 2.0),)), f"{tmp_path}/clips", "flac")[1]

"""The sound of windows: what is kept, what is decoded once, and recordings that hang or break off."""

import io
import os
import threading
import time

import numpy as np
import pytest
import soundfile

from soundbeam.model.storage.files import state_of
from soundbeam.pipelines.review import window_sounds
from soundbeam.pipelines.review.window_sounds import NotHeard, WindowExcerpt, WindowSounds
from soundbeam.transforms.scanned_file import ScannedFile

RATE = 8000


@pytest.fixture
def sounds():
    made = WindowSounds()
    yield made
    made.close()


def recording(path, channels=1, seconds=4, **options):
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, (seconds * RATE, channels))
    soundfile.write(path, sound, RATE, **options)
    return ScannedFile(f"file://{path}", RATE, *state_of(f"file://{path}"))


def samples(sound):
    heard, rate = soundfile.read(io.BytesIO(sound.wav), dtype="float32")
    assert rate == RATE
    return heard


def test_one_channel_or_the_mean_of_all(sounds, tmp_path):
    source = recording(tmp_path / "a.wav", channels=3, subtype="FLOAT")
    whole, _ = soundfile.read(tmp_path / "a.wav", dtype="float32")
    part = slice(RATE, 3 * RATE)
    assert samples(sounds.sound(WindowExcerpt(source, 1.0, 3.0))) == pytest.approx(whole[part].mean(axis=1), abs=1e-6)
    assert (samples(sounds.sound(WindowExcerpt(source, 1.0, 3.0, 2))) == whole[part, 1]).all()
    with pytest.raises(NotHeard, match="no channel 4"):
        sounds.sound(WindowExcerpt(source, 1.0, 3.0, 4))


def test_before_the_start_and_after_the_end_there_is_nothing(sounds, tmp_path):
    source = recording(tmp_path / "a.flac")
    first, last = sounds.sound(WindowExcerpt(source, -2.0, 1.0)), sounds.sound(WindowExcerpt(source, 3.0, 6.0))
    assert (first.start_s, len(samples(first))) == (0.0, RATE)
    assert (last.start_s, len(samples(last))) == (3.0, RATE)
    with pytest.raises(NotHeard, match="no sound after 5"):
        sounds.sound(WindowExcerpt(source, 5.0, 6.0))


def test_what_is_asked_for_twice_is_decoded_once(sounds, tmp_path, monkeypatch):
    source, reads = recording(tmp_path / "a.wav"), []
    real = WindowSounds._read
    monkeypatch.setattr(WindowSounds, "_read", lambda self, excerpt: (reads.append(excerpt), real(self, excerpt))[1])
    excerpt = WindowExcerpt(source, 1.0, 2.0)
    threads = [threading.Thread(target=sounds.sound, args=(excerpt,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert reads == [excerpt]


def test_only_the_newest_are_kept(sounds, tmp_path, monkeypatch):
    monkeypatch.setattr(window_sounds, "_KEPT_BYTES", 3 * 4 * RATE + 1000)
    source = recording(tmp_path / "a.wav")
    for start in (0.0, 1.0, 2.0, 3.0, 2.0):
        sounds.sound(WindowExcerpt(source, start, start + 1.0))
    assert [excerpt.start_s for excerpt in sounds._kept] == [1.0, 3.0, 2.0]


def test_a_recording_that_breaks_off_is_heard_up_to_there(sounds, tmp_path):
    recording(tmp_path / "a.flac", seconds=20)
    data = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "a.flac").write_bytes(data[: len(data) // 2])
    source = ScannedFile(f"file://{tmp_path}/a.flac", RATE)
    assert len(samples(sounds.sound(WindowExcerpt(source, 2.0, 4.0)))) == 2 * RATE
    assert 0 < len(samples(sounds.sound(WindowExcerpt(source, 8.0, 20.0)))) < 4 * RATE
    with pytest.raises(NotHeard):
        sounds.sound(WindowExcerpt(source, 15.0, 17.0))


def test_a_recording_of_unknown_rate_is_not_heard(sounds, tmp_path):
    recording(tmp_path / "a.wav")
    with pytest.raises(NotHeard, match="could not decode"):
        sounds.sound(WindowExcerpt(ScannedFile(f"file://{tmp_path}/a.wav", None), 0.0, 1.0))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names on this system")
def test_a_recording_that_hangs_does_not_hold_up_the_end(tmp_path):
    os.mkfifo(tmp_path / "a.wav")
    sounds, told = WindowSounds(), []

    def ask():
        try:
            sounds.sound(WindowExcerpt(ScannedFile(f"file://{tmp_path}/a.wav", RATE), 0.0, 1.0))
        except BaseException as e:
            told.append(e)

    thread = threading.Thread(target=ask)
    thread.start()
    time.sleep(1.0)
    assert thread.is_alive()
    sounds.close()
    thread.join(timeout=20)
    assert not thread.is_alive() and told

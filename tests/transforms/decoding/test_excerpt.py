"""Excerpts of one recording: the samples of the whole, in one pass, and only where they are."""

import contextlib

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from soundbeam.model.errors import SoundbeamError
from soundbeam.transforms.decoders import soundfile_decoder
from soundbeam.transforms.decoding import excerpt
from soundbeam.transforms.decoding.excerpt import ExcerptReader, read_recording
from tests.transforms.audio_files import encode, noise, write

RATE = 8000


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """Kind → (path, the samples that soundfile reads)."""
    folder = tmp_path_factory.mktemp("excerpts")
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, (20 * RATE, 2)).astype(np.float32)
    found = {}
    for kind in ("wav", "flac", "mp3", "ogg"):
        path = folder / f"x.{kind}"
        soundfile.write(path, sound, RATE)
        found[kind] = str(path), soundfile.read(path, dtype="float32")[0]
    return found


@pytest.mark.parametrize("kind", ["wav", "flac", "mp3", "ogg"])
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    spans=st.lists(
        st.tuples(st.floats(0, 21), st.floats(0.01, 6)).map(lambda s: (s[0], s[0] + s[1])), min_size=1, max_size=6
    ),
    channels=st.lists(st.sampled_from([None, 1, 2]), min_size=6, max_size=6),
    leap=st.sampled_from([0.5, 30.0]),
    kept=st.sampled_from([2 * RATE, 1 << 24]),
)
def test_samples_are_those_of_the_whole(recordings, monkeypatch, kind, spans, channels, leap, kept):
    """Overlapping ones or not, those of a channel or of all by turns, in any order."""
    monkeypatch.setattr(excerpt, "_LEAP_S", leap)
    monkeypatch.setattr(excerpt, "_KEPT", kept)
    path, whole = recordings[kind]
    with contextlib.closing(ExcerptReader(RATE)) as reader:
        for (start, end), channel in zip(spans, channels, strict=False):
            mono = whole.mean(axis=1) if channel is None else whole[:, channel - 1]
            expected = mono[round(start * RATE) : round(end * RATE)]
            if len(expected):
                found = np.concatenate(list(reader.read(path, start, end, channel)))
                np.testing.assert_allclose(found, expected, atol=1e-5)
            else:
                with pytest.raises(SoundbeamError, match="no sound after"):
                    list(reader.read(path, start, end, channel))


@pytest.mark.parametrize(("kind", "rate"), [("WAV", 16000), ("WAV", 11025), ("FLAC", 16000), ("MP3", 8000)])
def test_excerpts_of_one_recording_are_those_of_the_whole_in_one_pass(tmp_path, monkeypatch, kind, rate):
    """Overlapping ones, neighbours, one far behind and the end: all as cut out of the whole recording."""
    path = write(tmp_path, f"long.{kind.lower()}", encode(noise(180, 16000), 16000, kind))
    uri = f"file://{path}"
    spans = [(0.0, 1.0), (0.5, 2.5), (0.5, 2.5), (2.0, 2.25), (9.3, 11.1), (90.5, 92.0), (91.0, 93.7), (179.0, 190.0)]
    opened = []
    real = excerpt.open_decoder
    monkeypatch.setattr(excerpt, "open_decoder", lambda *a: opened.append(a) or real(*a))
    whole = read_recording(uri, rate)
    opened.clear()
    with contextlib.closing(ExcerptReader(rate)) as reader:
        for start, end in spans:
            got = np.concatenate(list(reader.read(uri, start, end)))
            expected = whole[round(start * rate) : round(end * rate)]
            assert len(got) == len(expected) > 0
            np.testing.assert_allclose(got, expected, atol=1e-5)
        assert len(opened) == (2 if kind == "MP3" else 3)  # a leap is sought
        with pytest.raises(SoundbeamError, match="no sound after 200"):
            list(reader.read(uri, 200.0, 201.0))
        assert len(np.concatenate(list(reader.read(uri, 1.0, 2.0)))) == rate  # an earlier one


@pytest.fixture
def decoded(monkeypatch):
    """How many frames each block had that the decoder gave."""
    blocks = []
    real = soundfile_decoder.SoundfileStream.blocks

    def counted(self):
        for block in real(self):
            blocks.append(len(block))
            yield block

    monkeypatch.setattr(soundfile_decoder.SoundfileStream, "blocks", counted)
    return blocks


def lengths(uri, spans):
    with contextlib.closing(ExcerptReader(RATE)) as reader:
        return [sum(map(len, reader.read(uri, *span))) for span in spans]


def test_what_lies_far_between_is_not_decoded(tmp_path, decoded):
    soundfile.write(tmp_path / "long.flac", np.zeros(1200 * RATE), RATE)
    found = lengths(f"{tmp_path}/long.flac", [(10.0, 12.0), (600.0, 602.0), (1190.0, 1195.0)])
    assert found == [2 * RATE, 2 * RATE, 5 * RATE]
    assert sum(decoded) < 60 * RATE


def test_long_ones_that_overlap_are_decoded_once_where_nothing_is_sought(tmp_path, decoded):
    soundfile.write(tmp_path / "long.mp3", 0.1 * np.random.default_rng(0).standard_normal(600 * RATE), RATE)
    found = lengths(f"{tmp_path}/long.mp3", [(10.0, 400.0), (100.0, 500.0), (120.0, 130.0), (300.0, 420.0)])
    assert found == [390 * RATE, 400 * RATE, 10 * RATE, 120 * RATE]
    assert sum(decoded) < 600 * RATE


def test_one_pass_over_an_hour_keeps_no_hour(tmp_path):
    """What lies before an excerpt is not kept, whatever is read next."""
    path = write(tmp_path, "long.mp3", encode(noise(120, 8000), 8000, "MP3"))
    with contextlib.closing(ExcerptReader(8000)) as reader:
        assert len(np.concatenate(list(reader.read(f"file://{path}", 110.0, 111.0)))) == 8000
        assert sum(len(block) for _, block in reader._kept) < 8000 * 10

"""Spans of one recording: the samples of the whole, read once, and only where they are."""

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from soundbeam.transforms.decoders import DecodeError, soundfile_decoder
from soundbeam.transforms.decoding import spans as module
from soundbeam.transforms.decoding.spans import decode_spans

RATE = 8000


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """Kind → (path, the samples that soundfile reads)."""
    folder = tmp_path_factory.mktemp("spans")
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
    channel=st.sampled_from([None, 1, 2]),
    gap=st.sampled_from([0.5, 60.0]),
)
def test_samples_are_those_of_the_whole(recordings, monkeypatch, kind, spans, channel, gap):
    monkeypatch.setattr(module, "_WORTH_A_START_S", gap)
    path, whole = recordings[kind]
    mono = whole.mean(axis=1) if channel is None else whole[:, channel - 1]
    found = {i: samples for i, samples, rate in decode_spans(path, sorted(spans), channel) if rate == RATE}
    for i, (start, end) in enumerate(sorted(spans)):
        expected = mono[round(start * RATE) : round(end * RATE)]
        if len(expected):
            np.testing.assert_allclose(found[i], expected, atol=1e-5)
        else:
            assert i not in found


def test_what_lies_far_between_is_not_decoded(tmp_path, monkeypatch):
    soundfile.write(tmp_path / "long.flac", np.zeros(1200 * RATE), RATE)
    blocks = []
    real = soundfile_decoder.SoundfileStream.blocks

    def counted(self):
        for block in real(self):
            blocks.append(len(block))
            yield block

    monkeypatch.setattr(soundfile_decoder.SoundfileStream, "blocks", counted)
    found = list(decode_spans(str(tmp_path / "long.flac"), [(10.0, 12.0), (600.0, 602.0), (1190.0, 1195.0)]))
    assert [len(samples) for _, samples, _ in found] == [2 * RATE, 2 * RATE, 5 * RATE]
    assert sum(blocks) < 60 * RATE


def test_a_recording_that_breaks_off(tmp_path):
    soundfile.write(tmp_path / "x.wav", np.ones(10 * RATE) / 2, RATE)
    with pytest.raises(DecodeError, match="no such file"):
        list(decode_spans(str(tmp_path / "gone.wav"), [(0.0, 1.0)]))
    found = {i: len(samples) for i, samples, _ in decode_spans(str(tmp_path / "x.wav"), [(8.0, 12.0), (11.0, 12.0)])}
    assert found == {0: 2 * RATE}

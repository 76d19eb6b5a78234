"""An AudioMoth's triggered recordings: what did not trigger is expanded to its length, exactly."""

import struct

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from soundbeam.transforms.decoders import open_decoder
from soundbeam.transforms.decoders.audiomoth import TriggeredStream
from soundbeam.transforms.decoders.base import BLOCK_FRAMES, AudioStream, DecodeError

RATE = 16000
COMMENT = b"Recorded at 06:00:00 01/01/2024 (UTC) by AudioMoth 24E144085F256199 at medium gain while battery was 4.2V."
TRIGGER = b" Amplitude threshold was 512 with 10s minimum trigger duration."


def encoded(blocks):
    """The block that stands for so many of 256 samples, int16 ``[256]``."""
    code = np.zeros(256, "<i2")
    code[:32] = [1 if blocks >> bit & 1 else -1 for bit in range(32)]
    return code


def triggered(parts, seed=0):
    """Stored and expanded int16 samples of (is sound, blocks) parts; sound holds a few zeros and ones too."""
    rng = np.random.default_rng(seed)
    stored, expanded, gaps, at = [], [], [], 0
    for is_sound, blocks in parts:
        sound = rng.integers(-3, 4, 256 * blocks).astype("<i2")
        stored.append(sound if is_sound else encoded(blocks))
        expanded.append(sound if is_sound else np.zeros(256 * blocks, "<i2"))
        if not is_sound:
            gaps.append((at, at + 256 * blocks))
        at += 256 * blocks
    return np.concatenate(stored), np.concatenate(expanded), gaps


def write_audiomoth(path, samples, comment=COMMENT + TRIGGER, rate=RATE):
    """As the recorder writes it: its blocks begin at multiples of 512 bytes of the file."""
    info = b"INFOICMT" + struct.pack("<I", 384) + comment.ljust(384, b"\0")
    head = b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, rate, rate * 2, 2, 16)
    head += b"LIST" + struct.pack("<I", len(info)) + info
    lead = bytes(-(8 + len(head) + 8) % 512)
    data = lead + samples.astype("<i2").tobytes()
    body = head + b"data" + struct.pack("<I", len(data)) + data
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return len(lead) // 2


def decode(path, decoder="soundfile"):
    with open_decoder(str(path), decoder) as stream:
        blocks = list(stream.blocks())
        assert max(map(len, blocks)) <= BLOCK_FRAMES
        return np.concatenate(blocks)[:, 0], stream


PARTS = [(False, 700), (True, 3), (False, 1), (True, 90), (False, 40_000), (True, 1), (False, 5), (False, 6)]


@pytest.mark.parametrize("decoder", ["soundfile", "tensorflow-io"])
def test_stretches_are_expanded(tmp_path, decoder):
    stored, expanded, gaps = triggered(PARTS)
    lead = write_audiomoth(tmp_path / "20240101_060000T.WAV", stored)
    samples, stream = decode(tmp_path / "20240101_060000T.WAV", decoder)
    np.testing.assert_array_equal(samples[lead:] * 32768, expanded)
    assert stream.gaps == [(start + lead, end + lead) for start, end in gaps]
    assert stream.seekable_frames() is None


@pytest.mark.parametrize("name", ["x.wav", "x.flac", "20240101_060000t.flac", "20240101_060000T.wav"])
@pytest.mark.parametrize("comment", [COMMENT + TRIGGER, b""])
def test_it_is_known_by_comment_name_or_content(tmp_path, name, comment):
    stored, expanded, _ = triggered(PARTS)
    if name.endswith(".flac"):
        with soundfile.SoundFile(tmp_path / name, "w", RATE, 1) as file:
            if comment:
                file.comment = comment.decode()
            file.write(stored)
        lead = 0
    else:
        lead = write_audiomoth(tmp_path / name, stored, comment)
    samples, _ = decode(tmp_path / name)
    if name == "x.flac" and not comment:  # nothing tells
        assert len(samples) == len(stored)
    else:
        np.testing.assert_array_equal(samples[lead:] * 32768, expanded)


def test_a_recording_that_was_not_triggered_stays_as_it_is(tmp_path):
    sound = np.random.default_rng(0).integers(-3, 4, RATE * 4)
    sound[1000:3000] = 0
    sound[1100:1132] = -1  # a length of 0
    sound[2000:2032] = 1  # a length of many years
    lead = write_audiomoth(tmp_path / "x.wav", sound)
    samples, stream = decode(tmp_path / "x.wav")
    np.testing.assert_array_equal(samples[lead:] * 32768, sound)
    assert stream.gaps == []
    write_audiomoth(tmp_path / "y.wav", np.roll(sound, RATE * 3), COMMENT)
    with open_decoder(str(tmp_path / "y.wav")) as stream:
        assert not isinstance(stream, TriggeredStream)


def test_one_that_is_cut_off_says_so(tmp_path):
    stored, expanded, _ = triggered(PARTS)
    lead = write_audiomoth(tmp_path / "x.wav", stored)
    data = (tmp_path / "x.wav").read_bytes()
    (tmp_path / "x.wav").write_bytes(data[: 512 * 60])
    with open_decoder(str(tmp_path / "x.wav")) as stream:
        decoded = []
        with pytest.raises(DecodeError, match="cut off"):
            for block in stream.blocks():
                decoded.append(block[:, 0])
    samples = np.concatenate(decoded)[lead:] * 32768
    np.testing.assert_array_equal(samples, expanded[: len(samples)])
    assert len(samples) > 256 * 703


@pytest.mark.parametrize("name", ["rec_053000T.wav", "053000T.wav", "2024-01-01_T.wav", "240101_053000T.wav"])
def test_another_name_that_ends_in_a_t_says_nothing(tmp_path, name):
    soundfile.write(tmp_path / name, np.random.default_rng(0).normal(0, 0.1, (22050, 2)), 22050)
    _, stream = decode(tmp_path / name)
    assert not isinstance(stream, TriggeredStream) and stream.defects == []


@pytest.mark.parametrize("form", ["ogg", "resampled", "stereo"])
def test_one_that_was_converted_says_so(tmp_path, form):
    stored, _, _ = triggered(PARTS)
    samples = stored / 32768
    path, rate = tmp_path / "20240101_060000T.wav", RATE
    if form == "ogg":
        path = path.with_suffix(".ogg")
    if form == "resampled":
        rate = 22050
        samples = np.interp(np.arange(len(samples) * 2) / 2, np.arange(len(samples)), samples)
    if form == "stereo":
        samples = np.stack([samples, samples], axis=1)
    soundfile.write(path, samples, rate)
    _, stream = decode(path)
    assert len(stream.defects) == 1 and "that was converted" in stream.defects[0]


def test_a_length_that_cannot_be_is_told(tmp_path):
    stored, _, _ = triggered(PARTS)
    stored = np.concatenate([stored, encoded((1 << 31) - 1), stored[:5000]])
    write_audiomoth(tmp_path / "x.wav", stored)
    _, stream = decode(tmp_path / "x.wav")
    assert len(stream.defects) == 1 and "has no credible length" in stream.defects[0]


class Pieces(AudioStream):
    """Samples in blocks of given sizes."""

    sample_rate, channels = RATE, 1

    def __init__(self, samples, sizes):
        super().__init__()
        self._samples, self._sizes = samples, sizes

    def blocks(self):
        at = 0
        while at < len(self._samples):
            size = self._sizes[0] if self._sizes else BLOCK_FRAMES
            self._sizes = self._sizes[1:]
            yield self._samples[at : at + size].astype(np.float32)[:, None] / 32768
            at += size

    def close(self):
        pass


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 300)), min_size=1, max_size=12),
    st.lists(st.integers(1, 700), max_size=50),
    st.integers(0, 300),
)
def test_the_size_of_blocks_does_not_matter(parts, sizes, shift):
    stored, expanded, gaps = triggered(parts)
    lead = np.full(shift, 2, "<i2")
    stream = TriggeredStream(Pieces(np.concatenate([lead, stored]), sizes))
    samples = np.concatenate([block[:, 0] for block in stream.blocks()]) * 32768
    np.testing.assert_array_equal(samples, np.concatenate([lead, expanded]))
    assert stream.gaps == [(start + shift, end + shift) for start, end in gaps]

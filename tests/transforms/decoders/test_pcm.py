"""Samples that are read directly from a WAV, against libsndfile and against the numbers that were written."""

import io

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given
from hypothesis import strategies as st

from soundbeam.transforms.decoders import open_decoder, pcm
from soundbeam.transforms.decoders.base import BLOCK_FRAMES
from soundbeam.transforms.decoders.source import Source
from tests.transforms.audio_files import decode, encode, noise, write


@pytest.mark.parametrize(
    "kind", [("WAV", "FILE"), ("WAVEX", "FILE"), ("WAV", "BIG"), ("RF64", "FILE"), ("W64", "FILE"), ("AIFF", "FILE")]
)
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_32", "FLOAT"])
@pytest.mark.parametrize("channels", [1, 2, 5])
@pytest.mark.parametrize("frames", [1, BLOCK_FRAMES - 1, BLOCK_FRAMES, BLOCK_FRAMES + 1, 3 * BLOCK_FRAMES + 77])
def test_samples_that_are_read_directly_are_those_of_libsndfile(tmp_path, kind, subtype, channels, frames):
    path, (format, endian) = tmp_path / "a.wav", kind
    levels = np.random.default_rng(frames).integers(-(1 << 31), 1 << 31, (frames, channels), np.int32)
    levels[:3] = [[-(1 << 31)], [(1 << 31) - 1], [-1]][:frames]
    if subtype == "FLOAT":
        expected = levels.astype(np.float32) / np.float32(1 << 29)  # also beyond full scale
        expected[BLOCK_FRAMES + 1 : BLOCK_FRAMES + 5], expected[BLOCK_FRAMES + 5 : BLOCK_FRAMES + 9] = np.nan, -np.inf
        sf.write(path, expected, 8000, subtype, endian, format)
    else:
        lost = 32 - int(subtype[-2:])
        expected = (levels >> lost << lost).astype(np.float32) / np.float32(1 << 31)
        sf.write(path, levels, 8000, subtype, endian, format)
    if format != "W64":
        with path.open("ab") as file:
            file.write(b"LIST\4\0\0\0more")  # a chunk that belongs to no frame
    with open_decoder(str(path)) as stream:
        np.testing.assert_array_equal(np.concatenate(list(stream.blocks())), expected)
        assert (stream._samples is not None) == (endian != "BIG" and format != "AIFF")
    with open_decoder(str(path)) as stream:
        at = frames // 2
        assert stream.seek(at)
        np.testing.assert_array_equal(np.concatenate(list(stream.blocks())), expected[at:])


@given(
    st.sampled_from(["<i2", "<i4", "<f4"]),
    st.integers(1, 3),
    st.lists(st.tuples(st.booleans(), st.integers(0, 60)), max_size=12),
    st.integers(0, 11),
)
def test_samples_come_alike_in_any_pieces_and_from_any_frame(dtype, channels, steps, cut_bytes):
    levels = np.random.default_rng(channels).integers(-3000, 3000, (50, channels)).astype(dtype)
    data = b"header" + levels.tobytes()
    data = data[: len(data) - cut_bytes]
    kind, scale = {"<i2": ("PCM_16", 2.0**-15), "<i4": ("PCM_32", 2.0**-31), "<f4": ("FLOAT", 1.0)}[dtype]
    samples = pcm.Samples(Source(io.BytesIO(data)), 6, channels, 50, kind)
    whole, at = (len(data) - 6) // (levels.itemsize * channels), 0
    for seek, n in steps:
        if seek:
            samples.seek(n)
            at = n
        else:
            np.testing.assert_array_equal(samples.read(n), levels[:whole][at : at + n] * np.float32(scale))
            at = min(at + n, max(at, whole))


def test_a_wav_of_24_bits_that_breaks_off_within_a_sample(tmp_path):
    data = encode(noise(5.0, 16000, 2), 16000, "WAV", "PCM_24")
    for lost in range(1, 8):
        path = write(tmp_path, "x.wav", data[: len(data) - 60_000 - lost])
        samples, _, promised, _, _ = decode(path)
        expected, _ = sf.read(path, dtype="float32")
        np.testing.assert_array_equal(samples, expected)
        assert promised == 80_000 and len(samples) == (len(data) - 60_000 - lost - 44) // 6

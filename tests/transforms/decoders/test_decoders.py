"""Each decoder against an independent reading; headers that lie; the two decoders against each other."""

import io
import struct
import sys

import numpy as np
import pytest
import soundfile as sf

from soundbeam.model.errors import SoundbeamError
from soundbeam.transforms.decoders import DecodeError, flac, open_decoder
from soundbeam.transforms.decoders.containers import read_header
from tests.transforms.audio_files import (
    decode,
    encode,
    loud_then_quiet,
    mp3_frame_bytes,
    noise,
    patched,
    vbr_mp3,
    write,
)

FORMATS = [
    ("a.wav", "WAV", "PCM_16"),
    ("a.WAVE", "WAV", "PCM_24"),
    ("b.wav", "WAV", "FLOAT"),
    ("c.wav", "WAVEX", "PCM_U8"),
    ("d.wav", "WAV", "PCM_32"),
    ("e.wav", "WAV", "IMA_ADPCM"),
    ("a.flac", "FLAC", "PCM_16"),
    ("b.flac", "FLAC", "PCM_24"),
    ("a.ogg", "OGG", "VORBIS"),
    ("a.opus", "OGG", "OPUS"),
    ("a.mp3", "MP3", "MPEG_LAYER_III"),
    ("a.aiff", "AIFF", "PCM_16"),
    ("a.w64", "W64", "PCM_16"),
    ("a.rf64", "RF64", "PCM_16"),
    ("a.caf", "CAF", "PCM_16"),
    ("a.au", "AU", "PCM_16"),
]


@pytest.mark.parametrize(("name", "format", "subtype"), FORMATS, ids=lambda v: v)
@pytest.mark.parametrize("channels", [1, 2])
def test_every_format_is_what_soundfile_reads_at_once(tmp_path, name, format, subtype, channels):
    rate = 48000 if subtype == "OPUS" else 22050
    data = encode(noise(1.3, rate, channels), rate, format, subtype)
    samples, found, promised, trouble, notes = decode(write(tmp_path, name, data))
    expected, _ = sf.read(io.BytesIO(data), dtype="float32", always_2d=True)
    assert found == rate and trouble is None and notes == []
    np.testing.assert_allclose(samples, expected, atol=1e-6)  # exact but for MP3, whose seeks soundfile rounds
    assert promised is None or promised == len(expected)


def test_content_decides_not_the_name(tmp_path):
    for name, format in (
        ("mp3.wav", "MP3"),
        ("wav.mp3", "WAV"),
        ("flac.ogg", "FLAC"),
        ("ogg.m4a", "OGG"),
        ("x", "WAV"),
    ):
        data = encode(noise(0.5, 16000), 16000, format)
        expected, _ = sf.read(io.BytesIO(data), dtype="float32", always_2d=True)
        np.testing.assert_allclose(decode(write(tmp_path, name, data))[0], expected, atol=1e-6)


def test_a_flac_may_say_nothing_or_lies_about_its_length(tmp_path):
    x = noise(2.0, 24000)
    data = encode(x, 24000, "FLAC")
    expected, _ = sf.read(io.BytesIO(data), dtype="float32", always_2d=True)
    for total, promised in ((0, None), (1000, 1000), ((1 << 36) - 1, (1 << 36) - 1)):
        head = bytes([data[21] & 0xF0 | total >> 32]) + (total & 0xFFFFFFFF).to_bytes(4, "big")
        samples, _, said, trouble, _ = decode(write(tmp_path, "x.flac", patched(data, 21, head)))
        np.testing.assert_array_equal(samples, expected)
        assert (said, trouble) == (promised, None)


def test_a_flac_breaks_where_its_data_are_damaged(tmp_path):
    data = encode(noise(4.0, 24000), 24000, "FLAC")
    expected, _ = sf.read(io.BytesIO(data), dtype="float32", always_2d=True)
    for broken in (patched(data, len(data) // 2, b"\x55" * 3000), data[: len(data) // 2]):
        samples, _, _, trouble, _ = decode(write(tmp_path, "x.flac", broken))
        assert trouble is not None and "damaged" in str(trouble)
        assert len(expected) * 0.4 < len(samples) < len(expected) * 0.52
        np.testing.assert_array_equal(samples, expected[: len(samples)])


def test_a_flac_whose_rate_or_channels_change_breaks_there(tmp_path):
    def stream(rate, channels, first):
        data = encode(noise(1.0, rate, channels), rate, "FLAC")
        # Frames alone, numbered on from the first stream's: their headers are written anew, checksums included.
        frames, at = [], data.index(b"\xff\xf8")
        starts = [m for m in range(at, len(data) - 6) if flac.parse_frame(data, m)]
        for number, (a, b) in enumerate(zip(starts, [*starts[1:], len(data)], strict=True)):
            assert flac.parse_frame(data, a).number == number < 128
            head = bytearray(data[a : b - 2])
            head[4] = first + number
            size = next(i for i in range(5, 16) if _crc(data[a : a + i], 8, 0x07) == data[a + i])
            head[size] = _crc(bytes(head[:size]), 8, 0x07)
            frames.append(bytes(head) + _crc(bytes(head), 16, 0x8005).to_bytes(2, "big"))
        return data[:at], frames

    head, frames = stream(24000, 1, 0)
    head = patched(head, 21, bytes([head[21] & 0xF0, 0, 0, 0, 0]))
    whole = decode(write(tmp_path, "same.flac", head + b"".join(frames)))
    assert len(whole[0]) == 24000 and whole[3] is None
    for rate, channels, said in ((16000, 1, "24000 to 16000 Hz"), (24000, 2, "channels changes")):
        other = stream(rate, channels, len(frames))[1]
        samples, _, _, trouble, _ = decode(write(tmp_path, "x.flac", head + b"".join(frames + other)))
        assert trouble is not None and said in str(trouble) and trouble.cause == "changed"
        assert 24000 - 4096 <= len(samples) <= 24000
        np.testing.assert_array_equal(samples, whole[0][: len(samples)])


def _crc(data: bytes, bits: int, polynomial: int) -> int:
    """The plain, slow definition."""
    value = 0
    for byte in data:
        value ^= byte << (bits - 8)
        for _ in range(8):
            value = (value << 1) ^ (polynomial if value >> (bits - 1) & 1 else 0)
            value &= (1 << bits) - 1
    return value


def test_a_flac_without_a_good_header_is_read_by_its_frames(tmp_path):
    data = encode(noise(2.0, 24000), 24000, "FLAC")
    expected, _ = sf.read(io.BytesIO(data), dtype="float32", always_2d=True)
    frames = data[data.index(b"\xff\xf8") :]
    two_channels = patched(data, 20, bytes([data[20] | 2]))
    for broken in (frames, b"\0" * 333 + frames, b"fLaC" + frames, two_channels):
        samples, rate, _, trouble, _ = decode(write(tmp_path, "x.flac", broken))
        assert (rate, trouble) == (24000, None)
        np.testing.assert_array_equal(samples, expected)


def test_an_mp3_without_its_xing_frame_is_read_to_its_end(tmp_path):
    data = vbr_mp3()
    bare = data[mp3_frame_bytes(data) :]
    with sf.SoundFile(io.BytesIO(bare)) as guess:
        assert guess.frames < 0.5 * len(loud_then_quiet())  # what stands behind would be lost in silence
    id3 = b"ID3\x04\0\0\0\0\x02\x00" + bytes(256)
    for name, content in (("bare", bare), ("id3", id3 + bare), ("tagged", bare + b"TAG" + bytes(125))):
        samples, _, promised, trouble, _ = decode(write(tmp_path, f"{name}.mp3", content))
        assert trouble is None and promised is None
        assert 0 <= len(samples) - len(loud_then_quiet()) < 3 * 1152


def test_an_mp3_that_is_cut_or_joined_or_promises_too_little(tmp_path, capfd):
    data, n = vbr_mp3(), len(loud_then_quiet())
    whole = decode(write(tmp_path, "x.mp3", data))[0]
    assert len(whole) == n
    samples, _, promised, _, _ = decode(write(tmp_path, "x.mp3", data[: len(data) // 2]))
    assert promised == n and len(samples) < 0.7 * n
    np.testing.assert_allclose(samples, whole[: len(samples)], atol=1e-6)
    joined, _, promised, trouble, _ = decode(write(tmp_path, "x.mp3", data + data))
    assert trouble is None and promised is None
    np.testing.assert_allclose(joined, np.concatenate([whole, whole]), atol=1e-6)
    few = patched(data, data.index(b"Xing") + 8, (100).to_bytes(4, "big"))
    samples, _, _, trouble, _ = decode(write(tmp_path, "x.mp3", few))
    assert trouble is None and abs(len(samples) - n) < 2 * 1152
    other = encode(noise(1.0, 16000), 16000, "MP3")
    samples, _, _, trouble, _ = decode(write(tmp_path, "x.mp3", data + other))
    assert len(samples) == n and "16000 Hz" in str(trouble)
    assert capfd.readouterr().err == ""


def test_a_wav_that_breaks_off_promises_more(tmp_path):
    for format in ("WAV", "AIFF", "RF64", "AU", "W64", "CAF"):
        data = encode(noise(2.0, 16000), 16000, format, "PCM_16")
        samples, _, promised, trouble, _ = decode(write(tmp_path, "x.wav", data[: len(data) // 2]))
        assert promised == 32000 and trouble is None, format
        assert 13900 < len(samples) <= 16000
    data = encode(noise(2.0, 16000), 16000, "WAV", "IMA_ADPCM")
    samples, _, _, trouble, notes = decode(write(tmp_path, "x.wav", data[: len(data) // 2]))
    assert trouble is None and "cut off" in notes[0] and 15000 < len(samples) < 17000


def test_a_wav_whose_recorder_died_before_it_wrote_the_length(tmp_path):
    data = encode(noise(2.0, 16000), 16000, "WAV", "PCM_16")
    at = data.index(b"data") + 4
    for size in (0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000):
        for riff in (0, 0xFFFFFFFF, len(data) - 8):
            lying = patched(patched(data, at, struct.pack("<I", size)), 4, struct.pack("<I", riff))
            samples, _, promised, trouble, notes = decode(write(tmp_path, "x.wav", lying))
            assert (len(samples), promised, trouble, notes) == (32000, 32000, None, [])


def test_after_a_seek_beyond_its_end_a_wav_is_read_from_its_start(tmp_path):
    data = encode(noise(5.0, 8000), 8000, "WAV", "PCM_16")
    path = write(tmp_path, "x.wav", data)
    with open_decoder(str(path)) as stream:
        assert not stream.seek(50_000)
        assert sum(map(len, stream.blocks())) == 40_000


def test_a_wav_with_other_chunks_behind_the_sound(tmp_path):
    data = encode(noise(1.0, 16000), 16000, "WAV", "PCM_16")
    for size in (100_000, 100_001):
        chunk = b"LIST" + struct.pack("<I", size) + b"x" * size
        assert decode(write(tmp_path, "x.wav", data + chunk))[3:] == (None, [])
    samples, _, _, trouble, notes = decode(write(tmp_path, "x.wav", data + b"\x01\x80" * 100_000))
    assert len(samples) == 16000 and trouble is None
    assert "200000 bytes" in notes[0]


def test_a_wav_of_more_than_four_gibibytes_keeps_its_true_length():
    # Not written: its header alone is read, as the file would give it.
    head = encode(noise(0.1, 16000), 16000, "WAV", "PCM_16")[:44]
    size = (1 << 32) + 1_000_044
    head = patched(head, 40, struct.pack("<I", 1_000_000))
    header = read_header(lambda at, n: (head + bytes(64))[at : at + n], size)
    assert header.prefix[:4] == b"RF64" and header.skip == 44
    assert struct.unpack("<Q", header.prefix[28:36])[0] == size - 44


def test_an_ogg_that_has_no_end_is_told(tmp_path):
    data = encode(noise(20.0, 16000), 16000, "OGG", "VORBIS")
    for end, most in ((len(data) // 2, 16), (len(data) - 10, 20)):
        samples, _, _, trouble, notes = decode(write(tmp_path, "x.ogg", data[:end]))
        assert trouble is None and 0 < len(samples) < most * 16000
        assert "cut off" in notes[0]
    other = encode(noise(1.0, 16000, seed=9), 16000, "OGG", "VORBIS")
    assert "other streams" in decode(write(tmp_path, "x.ogg", data + other))[4][0]


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("text.wav", b"this is no sound\n" * 500, "not a kind of sound file"),
        ("text.mp3", b"this is no sound\n" * 500, "not a kind of sound file"),
        ("text.flac", b"this is no sound\n" * 500, "not a kind of sound file"),
        ("zeros.wav", bytes(5000), "not a kind of sound file"),
        ("random.mp3", np.random.default_rng(0).bytes(100_000), "not a kind of sound file"),
        ("page.ogg", b"<html><body>404</body></html>", "not a kind of sound file"),
        ("tiny.wav", b"RIFF", "not a kind of sound file"),
        ("head.wav", encode(noise(0.1, 8000), 8000)[:30], "header"),
        ("head.flac", encode(noise(0.1, 8000), 8000, "FLAC")[:30], "damaged"),
        ("text.m4a", b"this is no sound\n" * 500, "FFmpeg"),
    ],
    ids=lambda v: v if isinstance(v, str) and "." in v else "",
)
def test_what_is_no_sound_is_refused_in_one_line(tmp_path, name, data, said):
    with pytest.raises(DecodeError, match=said) as caught, open_decoder(str(write(tmp_path, name, data))):
        pass
    assert "\n" not in str(caught.value) and "<" not in str(caught.value)


def test_missing_files_and_unknown_decoders(tmp_path):
    with pytest.raises(DecodeError, match="no such file"):
        open_decoder(f"{tmp_path}/gone.wav")
    with pytest.raises(SoundbeamError, match="soundfile, tensorflow-io"):
        open_decoder(f"{tmp_path}/gone.wav", "ffmpeg")


def test_scanning_does_not_import_what_it_does_not_use():
    import subprocess

    code = "import sys, soundbeam.transforms.decoding.decode_recordings; "
    code += "assert not {'tensorflow', 'tensorflow_io', 'av'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)

"""Headers whose length is a lie: what is surely sound is decoded, and what may be is told, whatever the container."""

import io
import struct

import numpy as np
import pytest
import soundfile

from soundbeam.transforms.decoders import open_decoder

RATE, SECONDS = 16000, 8
KINDS = [
    *(("WAV", subtype) for subtype in ("PCM_16", "PCM_24", "FLOAT", "ULAW", "IMA_ADPCM", "MS_ADPCM", "GSM610")),
    ("WAVEX", "PCM_16"),
    ("RIFX", "PCM_16"),
    *((kind, subtype) for kind in ("RF64", "W64") for subtype in ("PCM_16", "ULAW")),
    *(("AIFF", subtype) for subtype in ("PCM_16", "ULAW", "FLOAT", "IMA_ADPCM")),
    *((kind, subtype) for kind in ("AU", "CAF") for subtype in ("PCM_16", "FLOAT", "ULAW")),
]


def sound():
    return np.random.default_rng(0).normal(0, 0.05, RATE * SECONDS).astype(np.float32)


def encode(kind, subtype):
    file = io.BytesIO()
    form, endian = ("WAV", "BIG") if kind == "RIFX" else (kind, None)
    soundfile.write(file, sound(), RATE, format=form, subtype=subtype, endian=endian)
    return file.getvalue()


def length_fields(kind, data):
    """Where lengths stand, as struct formats, and how many bytes of each are not sound."""
    find = data.find
    if kind in ("WAV", "WAVEX", "RIFX"):
        order = ">" if kind == "RIFX" else "<"
        fact = [(find(b"fact") + 8, order + "I", 0)] if b"fact" in data[:100] else []
        return [(find(b"data") + 4, order + "I", 0), *fact]
    return {
        "RF64": [(find(b"ds64") + 16, "<Q", 0), (find(b"ds64") + 24, "<Q", 0)],
        "W64": [(find(b"data\xf3") + 16, "<Q", 24)],
        "AIFF": [(find(b"COMM") + 10, ">I", 0), (find(b"SSND") + 4, ">I", 8)],
        "AU": [(8, ">I", 0)],
        "CAF": [(find(b"data", 40) + 4, ">Q", 4)],
    }[kind]


def with_length(kind, data, change):
    """The file with each of its lengths changed."""
    changed = bytearray(data)
    for at, form, extra in length_fields(kind, data):
        (value,) = struct.unpack_from(form, data, at)
        struct.pack_into(form, changed, at, change(value - extra, extra, 256 ** struct.calcsize(form) - 1))
    return bytes(changed)


def decode(path):
    with open_decoder(str(path)) as stream:
        blocks = list(stream.blocks())
        return np.concatenate(blocks)[:, 0] if blocks else np.zeros(0), stream


@pytest.fixture(params=KINDS, ids=lambda kind: "-".join(kind))
def recording(request, tmp_path):
    kind, subtype = request.param
    data = encode(kind, subtype)
    expected, _ = soundfile.read(io.BytesIO(data), dtype="float32")
    return kind, data, expected, tmp_path / "x.bin"


@pytest.mark.parametrize("lie", ["zero", "minus one"])
def test_a_length_that_was_never_written_costs_nothing(recording, lie):
    kind, data, expected, path = recording
    path.write_bytes(with_length(kind, data, lambda value, extra, top: 0 if lie == "zero" else top))
    samples, stream = decode(path)
    np.testing.assert_array_equal(samples[: len(expected)], expected)
    assert len(samples) - len(expected) < 400  # the last packet of a codec, whole
    assert stream.defects == []


def test_sound_behind_an_old_length_is_told(recording):
    kind, data, expected, path = recording
    path.write_bytes(with_length(kind, data, lambda value, extra, top: value // 4 // 4 * 4 + extra))
    samples, stream = decode(path)
    np.testing.assert_array_equal(samples, expected[: len(samples)])
    assert abs(len(samples) / RATE - SECONDS / 4) < 0.1
    (note,) = stream.defects
    assert "after the end that the header states were not decoded" in note
    if "(" in note:
        assert float(note.split("(")[1].split()[0]) == pytest.approx(SECONDS * 3 / 4, abs=0.15)


@pytest.mark.parametrize("behind", ["nothing", "zeros", "a few bytes", "chunk"])
def test_what_is_not_sound_costs_nothing(recording, behind):
    kind, data, expected, path = recording
    length = {"RIFX": ">I", "AIFF": ">I", "CAF": ">Q"}.get(kind, "<I")
    if behind == "chunk" and kind == "AU":
        pytest.skip("AU has no chunks")
    chunk = b"NOTE" + struct.pack(length, 80_000) + bytes(range(1, 201)) * 400
    if kind == "W64":
        chunk = b"note" + bytes.fromhex("f3acd3118cd100c04f8edb8a") + struct.pack("<Q", 80_024) + chunk[8:]
    padding = bytes(len(data) % 2)
    tail = {"nothing": b"", "zeros": bytes(100_000), "a few bytes": b"\1\2\3\4" * 16, "chunk": padding + chunk}[behind]
    path.write_bytes(data + tail)
    samples, stream = decode(path)
    np.testing.assert_array_equal(samples, expected)
    assert stream.defects == []


def test_a_bw64_is_an_rf64_of_another_name(tmp_path):
    data = encode("RF64", "PCM_16")
    (tmp_path / "x.wav").write_bytes(data.replace(b"RF64", b"BW64", 1))
    samples, stream = decode(tmp_path / "x.wav")
    np.testing.assert_array_equal(samples, soundfile.read(io.BytesIO(data), dtype="float32")[0])
    assert stream.defects == []


def flac():
    file = io.BytesIO()
    soundfile.write(file, sound(), RATE, format="FLAC")
    return file.getvalue()


def ape_tag(size):
    body = struct.pack("<II", size - 14, 0) + b"Title\0" + b"x" * (size - 14)
    head = struct.pack("<8sIIII8x", b"APETAGEX", 2000, size + 32, 1, 1 << 31 | 1 << 29)
    return head + body + struct.pack("<8sIIII8x", b"APETAGEX", 2000, size + 32, 1, 1 << 31)


ID3V1 = b"TAG" + b"x" * 125
TAGS = {"none": b"", "id3v1": ID3V1, "ape": ape_tag(300), "cover": ape_tag(100_000), "both": ape_tag(300) + ID3V1}


@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("zeros", [0, 4096, 200_000])
@pytest.mark.parametrize("tag", TAGS)
def test_a_whole_flac_with_something_behind_it_is_whole(tmp_path, tag, zeros, counted):
    data = flac()
    expected, _ = soundfile.read(io.BytesIO(data), dtype="float32")
    if not counted:
        data = data[:21] + bytes([data[21] & 0xF0, 0, 0, 0, 0]) + data[26:]
    (tmp_path / "x.flac").write_bytes(data + bytes(zeros) + TAGS[tag])
    samples, stream = decode(tmp_path / "x.flac")
    np.testing.assert_array_equal(samples, expected)
    assert stream.defects == []


def test_flacs_that_were_joined_are_told(tmp_path):
    data = flac()
    (tmp_path / "x.flac").write_bytes(data + data)
    samples, stream = decode(tmp_path / "x.flac")
    assert len(samples) == RATE * SECONDS
    assert len(stream.defects) == 1 and "after the end of the sound were not decoded" in stream.defects[0]


def test_frames_behind_the_number_in_a_flacs_header_are_decoded(tmp_path):
    data = flac()
    total = RATE * SECONDS // 4
    (tmp_path / "x.flac").write_bytes(data[:21] + bytes([data[21] & 0xF0]) + struct.pack(">I", total) + data[26:])
    samples, stream = decode(tmp_path / "x.flac")
    np.testing.assert_array_equal(samples, soundfile.read(io.BytesIO(data), dtype="float32")[0])
    assert stream.defects == []

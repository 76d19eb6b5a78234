"""Recordings that a bat detector stored slowed down are decoded as the same samples at their true rate."""

import struct

import numpy as np
import pytest
import soundfile

from soundbeam.model.windows import WindowSpec
from soundbeam.transforms.decoders import open_decoder
from soundbeam.transforms.decoding import split_recordings
from soundbeam.transforms.decoding.ranges import report_of, split_into_ranges
from soundbeam.transforms.decoding.recording import decode_range, decode_recording
from soundbeam.transforms.records import DecodeReport, Range, Recording

TRUE_RATE, FACTOR = 40_000, 10


def write_expanded(path, samples, fields, rate=TRUE_RATE // FACTOR):
    """A WAV as a detector writes it, with its GUANO chunk behind the sound."""
    soundfile.write(path, samples, rate, subtype="PCM_16")
    text = "\n".join(f"{name}: {value}" for name, value in {"GUANO|Version": "1.0", **fields}.items()).encode()
    text += b" " * (len(text) & 1)
    data = path.read_bytes() + b"guan" + struct.pack("<I", len(text)) + text
    path.write_bytes(b"RIFF" + struct.pack("<I", len(data) - 8) + data[8:])


def noise(seconds, seed=0):
    return np.random.default_rng(seed).uniform(-0.5, 0.5, round(seconds * TRUE_RATE))


@pytest.fixture
def files(tmp_path):
    """The same sound, stored slowed down and as it was."""
    write_expanded(tmp_path / "slow.wav", noise(13), {"TE": FACTOR, "Samplerate": TRUE_RATE})
    soundfile.write(tmp_path / "true.wav", noise(13), TRUE_RATE, subtype="PCM_16")
    return [Recording((tmp_path / name).as_uri(), 1, "") for name in ("slow.wav", "true.wav")]


@pytest.mark.parametrize("rate", [TRUE_RATE, 16_000])
def test_windows_are_those_of_the_true_rate(files, rate):
    slow, true = (list(decode_recording(r, WindowSpec(rate, 1.0, 0.5), segment_s=4.0)) for r in files)
    assert len(slow) == len(true) > 3
    for one, other in zip(slow[:-1], true[:-1], strict=True):
        assert np.array_equal(one.samples, other.samples) and np.array_equal(one.start_s, other.start_s)
    reports = [part for part in (slow[-1], true[-1]) if isinstance(part, DecodeReport)]
    for report in reports:
        assert (report.status, report.duration_s, report.sample_rate, report.windows) == ("ok", 13.0, TRUE_RATE, 25)
    assert [r.notes for r in reports] == [
        "time expansion: stored 10 times slower; all times and rates are the true ones", ""
    ]  # fmt: skip


def test_ranges_too(files, monkeypatch):
    monkeypatch.setattr(split_recordings, "SMALLEST_SHARE", 0.0)
    spec = WindowSpec(16_000, 1.0, 0.5)
    ranges = list(split_into_ranges(files[0], spec, 2.0, 4.0))
    assert len(ranges) > 2
    parts = [list(decode_range(part, spec, 2.0)) for part in ranges]
    whole = list(decode_range(Range(files[0]), spec, 2.0))
    for one, other in zip([s for part in parts for s in part[:-1]], whole[:-1], strict=True):
        assert np.array_equal(one.samples, other.samples) and np.array_equal(one.start_s, other.start_s)
    assert report_of([part[-1] for part in parts]).duration_s == 13.0


@pytest.mark.parametrize(
    ("fields", "factor"),
    [
        ({"TE": 10}, 10),
        ({"TE": "10.0", "Samplerate": 40_000}, 10),
        ({"TE": 1, "Samplerate": 4000}, 1),
        ({"Samplerate": 40_000}, 1),
        ({"TE": 10, "Samplerate": 4000}, 1),  # it was written anew at its true rate
        ({"TE": 0}, 1), ({"TE": -10}, 1), ({"TE": "ten"}, 1), ({"TE": "nan"}, 1), ({"TE": 1e9}, 1), ({}, 1),
    ],
)  # fmt: skip
def test_what_says_that_a_file_is_expanded(tmp_path, fields, factor):
    write_expanded(tmp_path / "x.wav", noise(0.2), fields)
    with open_decoder(str(tmp_path / "x.wav")) as stream:
        assert (stream.sample_rate, stream.expansion) == (4000 * factor, factor)
        assert sum(map(len, stream.blocks())) == stream.promised == 8000


def test_a_file_that_breaks_off_before_its_metadata_is_decoded_as_before(tmp_path):
    write_expanded(tmp_path / "x.wav", noise(1), {"TE": FACTOR})
    (tmp_path / "x.wav").write_bytes((tmp_path / "x.wav").read_bytes()[:20_000])
    with open_decoder(str(tmp_path / "x.wav")) as stream:
        assert stream.sample_rate == 4000 and sum(map(len, stream.blocks())) > 9000

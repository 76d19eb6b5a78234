"""Decoding into segments: exact windows, bounded memory, one report whatever happens."""

import io
import tracemalloc

import apache_beam as beam
import fsspec
import numpy as np
import pytest
import soundfile as sf
import soxr
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.util import assert_that, equal_to
from hypothesis import given, settings
from hypothesis import strategies as st

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.windows import WindowSpec
from soundbeam.transforms import counters
from soundbeam.transforms.decoders import base, soundfile_decoder
from soundbeam.transforms.decoding.decode_recordings import (
    DecodeRecordings,
    decode_blocks,
    decode_recording,
    read_recording,
)
from soundbeam.transforms.records import DecodeReport, Recording, Segment
from tests import ROOT
from tests.transforms.audio_files import encode, noise, patched, write

SPEC = WindowSpec(16000, 1.0, 0.3)
CORPUS = ROOT.parent / "shared" / "data"


def run(path, spec=SPEC, **options):
    """(segments, report) of a file; every window checked against the report's counts."""
    *segments, report = decode_recording(Recording(str(path), 1, ""), spec, **options)
    assert isinstance(report, DecodeReport) and all(isinstance(s, Segment) for s in segments)
    assert (report.segments, report.windows) == (len(segments), sum(len(s.offsets) for s in segments))
    assert (report.status == "failed") == (report.windows == 0)
    assert (report.error == "") == (report.stage == "") == (report.status == "ok")
    assert "\n" not in report.error
    return segments, report


def windows(segments, spec=SPEC):
    return [s.samples[o : o + spec.window_samples] for s in segments for o in s.offsets]


def whole(data, rate=16000):
    """The recording read, averaged and resampled at once."""
    x, found = sf.read(io.BytesIO(data), dtype="float32", always_2d=True)
    return soxr.resample(x.mean(axis=1), found, rate, quality="HQ") if found != rate else x.mean(axis=1)


@pytest.mark.parametrize("format", ["WAV", "FLAC", "OGG", "MP3"])
@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (11025, 2), (16000, 2), (44100, 1), (48000, 2)])
def test_windows_are_those_of_the_recording_read_at_once(tmp_path, format, rate, channels):
    data = encode(noise(3.7, rate, channels), rate, format)
    x = whole(data)
    segments, report = run(write(tmp_path, "x", data), segment_s=1.5)
    assert (report.status, report.sample_rate, report.channels) == ("ok", rate, channels)
    assert report.duration_s == pytest.approx(sf.info(io.BytesIO(data)).frames / rate, abs=1e-9)
    found, starts = windows(segments), SPEC.starts(len(x))
    assert len(found) == len(starts)
    for window, start in zip(found, starts, strict=True):
        np.testing.assert_allclose(window, x[start : start + 16000], atol=1e-5)
    np.testing.assert_array_equal(np.concatenate([s.start_s for s in segments]), SPEC.windows(0, len(x))[1])


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 5000), st.floats(0.1, 5.0), st.sampled_from([8000, 16000, 22050, 35467]))
def test_windows_depend_on_neither_blocks_nor_segments(block, segment_s, rate):
    fsspec.filesystem("memory").pipe_file("/invariance.flac", encode(noise(2.2, rate), rate, "FLAC"))
    expected, report = run("memory://invariance.flac", segment_s=1e6)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(soundfile_decoder, "BLOCK_FRAMES", block)
        segments, other = run("memory://invariance.flac", segment_s=segment_s)
    assert (report.windows, report.duration_s) == (other.windows, other.duration_s)
    np.testing.assert_array_equal(np.array(windows(segments)), np.array(windows(expected)))
    for field in ("start_s", "end_s"):
        a, b = (np.concatenate([getattr(s, field) for s in found]) for found in (segments, expected))
        np.testing.assert_array_equal(a, b)


def test_memory_does_not_grow_with_the_recording(tmp_path):
    peaks = []
    for minutes in (2, 8):
        path = write(tmp_path, "x.flac", encode(noise(minutes * 60, 16000), 16000, "FLAC"))
        tracemalloc.start()
        for result in decode_recording(Recording(str(path), 1, ""), SPEC, 20.0):
            del result
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


def test_a_recording_shorter_than_a_window_is_padded(tmp_path):
    segments, report = run(write(tmp_path, "x.wav", encode(np.full(800, 0.5), 16000)))
    assert (report.status, report.windows, report.duration_s) == ("ok", 1, 0.05)
    assert segments[0].samples.tolist() == pytest.approx([0.5] * 800 + [0.0] * 15200, abs=1e-4)
    assert segments[0].end_s.tolist() == [0.05]


@pytest.mark.parametrize("frames", [0, 1])
def test_no_sound_at_all_is_a_failure(tmp_path, frames):
    _, report = run(write(tmp_path, "x.wav", encode(np.zeros(frames), 48000)))
    assert report.status == "failed" and "0 samples" in report.error


def test_text_is_a_failure(tmp_path):
    _, report = run(write(tmp_path, "x.wav", b"hello " * 100))
    assert (report.status, report.stage, report.duration_s) == ("failed", "decode", None)
    assert "not a kind of sound file" in report.error


def test_a_truncated_file_gives_what_is_there(tmp_path):
    for format in ("WAV", "FLAC", "MP3", "OGG"):
        data = encode(noise(20.0, 16000), 16000, format)
        segments, report = run(write(tmp_path, "x", data[: len(data) * 2 // 3]))
        assert report.status == "partial" and 8 < report.duration_s < 14, format
        x = whole(data)[: round(report.duration_s * 16000)]
        assert report.windows == SPEC.count(len(x))
        np.testing.assert_allclose(windows(segments)[-1], x[-16000:], atol=1e-5)
        assert any(word in report.error for word in ("promises", "damaged", "cut off"))


def test_what_is_no_number_becomes_silence_and_is_told(tmp_path):
    x = noise(2.0, 16000, 2)
    broken = x.copy()
    broken[100, 0], broken[200, 1], broken[300], broken[400, 0] = np.nan, np.inf, -np.inf, 3e38
    segments, report = run(write(tmp_path, "x.wav", encode(broken, 16000, subtype="FLOAT")))
    assert report.status == "partial" and "5 of 64000 samples" in report.error
    x[100, 0] = x[200, 1] = x[300] = x[400, 0] = 0
    np.testing.assert_allclose(windows(segments)[0], x.mean(axis=1)[:16000], atol=1e-7)
    assert all(np.isfinite(s.samples).all() for s in segments)


def test_an_absurd_rate_does_not_fill_the_memory(tmp_path):
    data = encode(noise(1.0, 16000), 16000)
    for rate in (0, 1, 0xFFFFFFFF):
        lying = patched(data, 24, rate.to_bytes(4, "little"))
        _, report = run(write(tmp_path, "x.wav", lying))
        assert report.status == "failed"
    for rate in (100, 10_000_000):
        _, report = run(write(tmp_path, "x.wav", patched(data, 24, rate.to_bytes(4, "little"))), segment_s=5.0)
        assert report.sample_rate == rate and report.windows > 0


class _Breaking(base.AudioStream):
    """Two good blocks, then an error of a kind nobody foresaw."""

    sample_rate, channels = 16000, 1

    def __init__(self, error):
        super().__init__()
        self.error = error

    def blocks(self):
        yield np.ones((16000, 1), np.float32)
        yield np.ones((16000, 1), np.float32)
        raise self.error

    def close(self):
        pass


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("two\nlines"), OSError(5, "I/O error"), KeyError("x")])
def test_any_exception_ends_in_a_report(monkeypatch, error):
    monkeypatch.setattr("soundbeam.transforms.decoding.blocks.open_decoder", lambda *_: _Breaking(error))
    segments, report = run("x.wav")
    assert report.status == "partial" and report.windows == SPEC.count(32000) == len(windows(segments))
    monkeypatch.setattr("soundbeam.transforms.decoding.blocks.open_decoder", lambda *_: (_ for _ in ()).throw(error))
    assert run("x.wav")[1].status == "failed"


def test_a_store_that_breaks_midway_is_told_not_taken_for_the_end(tmp_path, monkeypatch):
    path = write(tmp_path, "x.wav", encode(noise(30.0, 16000), 16000))

    class Flaky(io.FileIO):
        def read(self, count=-1):
            if self.tell() > 400_000:
                raise ConnectionError("connection reset by peer")
            return super().read(count)

    monkeypatch.setattr("soundbeam.transforms.decoders.open_file", lambda *_: Flaky(path))
    _, report = run(path)
    assert report.status == "partial" and "connection reset by peer" in report.error
    assert 400_000 / 32000 - 1 < report.duration_s < (400_000 + (1 << 16)) / 32000


def test_a_store_that_cannot_seek(tmp_path, monkeypatch):
    data = encode(noise(2.0, 16000), 16000, "FLAC")

    class Stream(io.BytesIO):
        def seekable(self):
            return False

        def seek(self, *_):
            raise io.UnsupportedOperation("seek")

    monkeypatch.setattr("soundbeam.transforms.decoders.open_file", lambda *_: Stream(data))
    assert run("x.flac")[1].duration_s == 2.0


def test_what_needs_the_extra_says_so(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    _, report = run(write(tmp_path, "x.m4a", b"\0\0\0\x20ftypM4A " + bytes(100)))
    assert report.status == "failed" and "M4A" in report.error and "pip install 'soundbeam[av]'" in report.error


def _compressed(path, codec, rate, x):
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=rate, layout="stereo")
        stream.bit_rate = 128_000
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(x.T, np.float32), format="fltp", layout="stereo")
        frame.sample_rate = rate
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            out.mux(packet)


@pytest.mark.parametrize(("name", "codec"), [("x.m4a", "aac"), ("x.aac", "aac"), ("x.wma", "wmav2")])
def test_m4a_aac_and_wma(tmp_path, name, codec):
    t = np.arange(44100 * 3) / 44100
    x = np.stack([0.5 * np.sin(2 * np.pi * 1000 * t), 0.1 * np.sin(2 * np.pi * 1000 * t)], axis=1)
    _compressed(tmp_path / name, codec, 44100, x)
    segments, report = run(tmp_path / name)
    assert (report.status, report.sample_rate, report.channels) == ("ok", 44100, 2)
    assert report.duration_s == pytest.approx(3.0, abs=0.15)
    middle = windows(segments)[3]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(16000)))
    assert np.argmax(spectrum) == 1000
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.3 / np.sqrt(2), rel=0.03)  # the mean of both channels
    cut = write(tmp_path, f"cut{name[1:]}", (tmp_path / name).read_bytes()[:3000])
    assert run(cut)[1].status in ("failed", "partial")


@pytest.mark.parametrize("format", ["WAV", "FLAC", "OGG", "MP3"])
@pytest.mark.parametrize("rate", [16000, 44100])
def test_a_stretch_is_that_of_the_whole(tmp_path, format, rate):
    data = encode(noise(6.0, rate, 2), rate, format)
    path = str(write(tmp_path, "x", data))
    x = np.concatenate(list(decode_blocks(path, 16000)))
    np.testing.assert_allclose(x, whole(data), atol=1e-5)
    for start, end in ((0.0, None), (0.5, 1.25), (3.3, 4.0001), (4.9, 99.0)):
        stop = None if end is None else round(end * 16000)
        np.testing.assert_allclose(read_recording(path, 16000, start, end), x[round(start * 16000) : stop], atol=1e-5)
    for start, end in ((7.0, None), (2.0, 2.0), (-1.0, 2.0)):
        with pytest.raises(SoundbeamError, match=path):
            read_recording(path, 16000, start, end)


def test_the_step_gives_one_report_each_and_counts(tmp_path):
    paths = [write(tmp_path, f"{i}.wav", encode(noise(2.0 + i, 16000), 16000)) for i in range(3)]
    paths.append(write(tmp_path, "text.wav", b"hello " * 100))
    paths.append(tmp_path / "gone.wav")
    recordings = [Recording(f"file://{p}", 1, "") for p in paths]
    pipeline = beam.Pipeline("FnApiRunner", options=PipelineOptions([]))
    decoded = pipeline | beam.Create(recordings) | DecodeRecordings(SPEC, segment_s=1.5)
    segments = decoded | "Segments" >> beam.Filter(lambda r: isinstance(r, Segment))
    counts = segments | beam.Map(lambda s: (s.uri, len(s.offsets))) | beam.CombinePerKey(sum)
    reports = decoded | "Reports" >> beam.Filter(lambda r: isinstance(r, DecodeReport))
    statuses = reports | "Status" >> beam.Map(lambda r: (r.recording.uri, r.status, r.windows))
    expected = [(r.uri, SPEC.count(16000 * (2 + i))) for i, r in enumerate(recordings[:3])]
    failed = [(r.uri, "failed", 0) for r in recordings[3:]]
    assert_that(counts, equal_to(expected))
    assert_that(statuses, equal_to([(uri, "ok", n) for uri, n in expected] + failed), label="CheckReports")
    result = pipeline.run()
    result.wait_until_finish()
    totals = counters.totals(result)
    assert (totals["decode_ok"], totals["decode_failed"], totals["windows"]) == (3, 2, sum(n for _, n in expected))
    assert (totals["decode_failed_format"], totals["decode_failed_storage"]) == (1, 1)
    assert totals["audio_ms"] == 9000
    with pytest.raises(SoundbeamError, match="no decoder"):
        DecodeRecordings(SPEC, decoder="mad")


@pytest.mark.corpus
@pytest.mark.parametrize("decoder", ["soundfile", "tensorflow-io"])
def test_every_odd_file_ends_in_one_report(decoder):
    files = sorted(p for p in (CORPUS / "odd_audio").rglob("*") if p.is_file())
    if not files:
        pytest.skip("shared/data/odd_audio is not beside the project")
    statuses = [run(path, decoder=decoder)[1].status for path in files]
    assert set(statuses) <= {"ok", "partial", "failed"}
    assert decoder != "soundfile" or statuses.count("failed") <= 1

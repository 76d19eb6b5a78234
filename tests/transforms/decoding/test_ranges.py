"""Recordings that are cut into ranges: the same segments, bit for bit, and the same report as in one piece."""

import dataclasses
import struct

import fsspec
import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st

from soundbeam.model.windows import WindowSpec
from soundbeam.transforms.decoders import flac, resampler_period, soxr_resampler
from soundbeam.transforms.decoding.decode_recordings import report_of_broken
from soundbeam.transforms.decoding.ranges import report_of, split_into_ranges
from soundbeam.transforms.decoding.recording import decode_listed, decode_range, decode_recording
from soundbeam.transforms.decoding.segments import split_into_segments
from soundbeam.transforms.isolation.isolated_process import TaskFailed
from soundbeam.transforms.records import Range, Recording, Segment
from tests.transforms.audio_files import encode, noise, patched, write

SPEC = WindowSpec(16000, 1.0, 0.5)
SEGMENT_S, RANGE_S = 3.0, 8.0


def values(segment):
    """What a segment is, less the mark that its recording was cut."""
    found = {field: getattr(segment, field) for field in ("uri", "index", "samples", "offsets", "start_s", "end_s")}
    return {name: value.tobytes() if isinstance(value, np.ndarray) else value for name, value in found.items()}


def in_one_piece(path, spec=SPEC, segment_s=SEGMENT_S):
    *segments, report = decode_recording(Recording(str(path), 1, ""), spec, segment_s)
    return segments, report


def in_ranges(path, spec=SPEC, segment_s=SEGMENT_S, range_s=RANGE_S, parts=None):
    """(segments that count, the joined report, the ranges)."""
    parts = parts or list(split_into_ranges(Recording(str(path), 1, ""), spec, segment_s, range_s))
    results = [result for part in parts for result in decode_range(part, spec, segment_s)]
    segments = [result for result in results if isinstance(result, Segment)]
    assert all(segment.of_range == (len(parts) > 1) for segment in segments)
    report = report_of([result for result in results if not isinstance(result, Segment)][::-1])
    return [segment for segment in segments if segment.index < report.segments], report, parts


def check(path, ranges=None, **options):
    """Both ways give the same; the report of it."""
    expected, whole = in_one_piece(path, **{k: v for k, v in options.items() if k in ("spec", "segment_s")})
    found, joined, parts = in_ranges(path, **options)
    if ranges is not None:
        assert len(parts) == ranges
    assert joined == whole
    assert [values(segment) for segment in found] == [values(segment) for segment in expected]
    return joined


@pytest.mark.parametrize("format", ["WAV", "RF64", "W64", "AIFF", "FLAC"])
@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (11025, 2), (16000, 1), (22050, 1), (44100, 2), (96000, 1)])
def test_samples_windows_and_report_are_those_of_one_piece(tmp_path, format, rate, channels):
    path = write(tmp_path, "x", encode(noise(37.3, rate, channels), rate, format))
    report = check(path, ranges=5)
    assert (report.status, report.windows) == ("ok", SPEC.count(round(37.3 * 16000)))


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_24", "FLOAT", "ULAW"])
def test_every_kind_of_sample_is_cut_that_can_be_found_exactly(tmp_path, subtype):
    check(write(tmp_path, "x.wav", encode(noise(30.0, 16000), 16000, "WAV", subtype)), ranges=4)


@pytest.mark.parametrize(
    ("format", "subtype", "rate"), [("OGG", None, 16000), ("MP3", None, 16000), ("WAV", "IMA_ADPCM", 16000)]
)
def test_what_cannot_be_sought_exactly_is_not_cut(tmp_path, format, subtype, rate):
    check(write(tmp_path, "x", encode(noise(30.0, rate), rate, format, subtype)), ranges=1)


def test_nothing_is_cut_with_tensorflow_io_or_below_two_ranges_or_out_of_step(tmp_path):
    path = write(tmp_path, "x.wav", encode(noise(30.0, 16000), 16000))
    whole = [Range(Recording(str(path), 1, ""))]
    arguments = (whole[0].recording, SPEC, SEGMENT_S)
    assert list(split_into_ranges(*arguments, 15.0)) == whole
    assert list(split_into_ranges(*arguments, 8.0, "tensorflow-io")) == whole
    # No period of these rates is shorter than a minute, and soxr's rounding differs from start to start.
    odd = write(tmp_path, "odd.wav", encode(noise(30.0, 12121), 12121))
    check(odd, ranges=1)
    assert len(list(split_into_ranges(*arguments, 8.0))) == 4


@pytest.mark.parametrize(("rate_in", "rate_out"), [(48000, 16000), (44100, 16000), (8000, 16000), (44100, 22050)])
def test_a_resampler_goes_on_bit_for_bit_from_a_multiple_of_its_period(rate_in, rate_out):
    period = resampler_period("soundfile", rate_in, rate_out)
    x = noise(8 + 2 * period / rate_in, rate_in, seed=3)[:, 0]

    def resample(samples):
        resampler = soxr_resampler.SoxrResampler(rate_in, rate_out)
        return np.concatenate([resampler.feed(samples), resampler.finish()])

    whole = resample(x)
    for k in (1, 2):
        skipped, warm = k * period * rate_out // rate_in, 2 * rate_out
        np.testing.assert_array_equal(resample(x[k * period :])[warm:], whole[skipped + warm :])
    assert resampler_period("tensorflow-io", rate_in, rate_out) is None


@st.composite
def cases(draw):
    rate = draw(st.sampled_from([50, 100, 441, 1000]))
    window = draw(st.integers(2, 120))
    hop = draw(st.floats(1.0, window)) if draw(st.booleans()) else float(draw(st.integers(1, window)))
    spec = WindowSpec(rate, window / rate, min(hop / rate, window / rate))
    segment_s = draw(st.floats(0.001, 3.0))
    step = spec.per_segment(segment_s) * draw(st.integers(1, 5))
    return spec, segment_s, step, draw(st.integers(1, 8)), draw(st.integers(0, 2500)), draw(st.integers(1, 500))


@settings(max_examples=300, deadline=None)
@given(cases())
def test_the_ranges_windows_are_exactly_those_of_the_whole(case):
    """Any length, hop, rate and range: also where a recording ends long before, or after, its ranges were planned."""
    spec, segment_s, step, ranges, n, block = case
    x = np.arange(1, n + 1, dtype=np.float32)
    found, ended = [], False
    for i in range(ranges):
        first, end = i * step, (i + 1) * step if i + 1 < ranges else None
        stream = x[spec.needed_from(first) :]
        blocks = iter([stream[at : at + block] for at in range(0, len(stream), block)])
        segments = list(split_into_segments(blocks, spec, segment_s, "u", first, end))
        full = end is not None and sum(len(s.offsets) for s in segments) == end - first
        assert not (ended and segments), "only one range sees the end of the recording"
        ended = ended or not full
        found += segments
    expected = list(split_into_segments([x], spec, segment_s, "u"))
    assert [values(s) for s in found] == [values(s) for s in expected]


@settings(max_examples=20, deadline=None)
@given(
    st.floats(16.5, 40.0), st.sampled_from([0.11, 0.3, 0.5, 1.0]), st.floats(1.0, 6.0), st.floats(2.0, 8.0),
    st.sampled_from([8000, 22050, 32000]),
)  # fmt: skip
def test_any_length_hop_segment_and_range_give_the_same(seconds, hop, segment_s, range_s, rate):
    fsspec.filesystem("memory").pipe_file("/ranges.flac", encode(noise(seconds, rate), rate, "FLAC"))
    check("memory://ranges.flac", spec=WindowSpec(16000, 1.0, hop), segment_s=segment_s, range_s=range_s)


@pytest.mark.parametrize("share", [0.2, 0.43, 0.75, 0.99])
@pytest.mark.parametrize("format", ["WAV", "RF64", "W64", "AIFF", "FLAC"])
def test_a_truncated_file_gives_the_same_windows(tmp_path, format, share):
    data = encode(noise(60.0, 22050), 22050, format)
    report = check(write(tmp_path, "x", data[: round(len(data) * share)]))
    assert report.status == "partial" and report.duration_s == pytest.approx(60 * share, abs=2)


@pytest.mark.parametrize("share", [0.1, 0.34, 0.36, 0.5, 0.8, 0.97])
def test_damage_in_the_middle_ends_the_recording_there(tmp_path, share):
    """The ranges behind it are sound; in one piece decoding stops at the damage, and so they do not count."""
    data = encode(noise(60.0, 22050), 22050, "FLAC")
    at = round(len(data) * share)
    path = write(tmp_path, "x.flac", patched(data, at, bytes(20000)))
    parts = list(split_into_ranges(Recording(str(path), 1, ""), SPEC, SEGMENT_S, RANGE_S))
    assert len(parts) > 5
    report = check(path)
    assert report.status == "partial" and "decoding stopped at" in report.error
    *_, last = decode_range(parts[-1], SPEC, SEGMENT_S)
    assert share > 0.9 or (last.windows > 0 and not last.problems)


def test_a_rate_that_changes_midway_is_seen_in_the_range_where_it_does(tmp_path):
    frames = 60
    one, two = (
        encode(noise(seconds, rate), rate, "FLAC") for seconds, rate in ((frames * 4096 / 8000, 8000), (45, 16000))
    )
    start = next(i for i in range(len(two)) if (f := flac.parse_frame(two, i)) and f.number == frames)
    total = patched(one, 21, bytes([one[21] & 0xF0]) + (frames * 4096 * 2).to_bytes(4, "big"))
    path = write(tmp_path, "x.flac", total + two[start:])
    report = check(path, segment_s=2.0, range_s=6.0)
    assert "changes from 8000 to 16000 Hz" in report.error and report.duration_s == pytest.approx(frames * 4096 / 8000)
    assert len(list(split_into_ranges(Recording(str(path), 1, ""), SPEC, 2.0, 6.0))) > 8


@pytest.mark.parametrize("promise", [3.0, 0.5])
@pytest.mark.parametrize("format", ["WAV", "RF64", "W64", "FLAC"])
def test_a_header_that_lies_changes_nothing(tmp_path, format, promise):
    data = bytearray(encode(noise(50.0, 16000), 16000, format))
    frames, bytes_ = round(50 * 16000 * promise), round(2 * 50 * 16000 * promise)
    if format == "WAV":
        at = data.index(b"data") + 4
        data[at : at + 4] = struct.pack("<I", bytes_)
    elif format == "RF64":
        data[28:36], data[36:44] = struct.pack("<Q", bytes_), struct.pack("<Q", frames)
    elif format == "W64":
        at = data.index(b"data") + 16
        data[at : at + 8] = struct.pack("<Q", bytes_ + 24)
    else:
        data[22:26] = struct.pack(">I", frames)
    check(write(tmp_path, "x", bytes(data)))


def test_no_numbers_are_counted_once_though_ranges_overlap(tmp_path):
    x = noise(40.0, 16000, 2)
    for at in (0.01, 7.9, 8.0, 8.2, 15.99, 16.5, 31.0, 39.99):
        x[round(at * 16000) : round(at * 16000) + 37] = np.nan
    report = check(write(tmp_path, "x.wav", encode(x, 16000, "WAV", "FLOAT")), ranges=5)
    assert f"{8 * 37 * 2} of {40 * 16000 * 2} samples" in report.error


def test_a_file_that_is_replaced_between_two_ranges_is_told(tmp_path):
    path = write(tmp_path, "x.wav", encode(noise(40.0, 16000), 16000))
    from soundbeam.model.storage.files import state_of

    recording = Recording(str(path), *state_of(str(path)))
    parts = list(split_into_ranges(recording, SPEC, SEGMENT_S, RANGE_S))
    reports = []
    for i, part in enumerate(parts):
        if i == 2:
            path.write_bytes(encode(noise(20.0, 44100, 2), 44100, "FLAC"))
        reports.append(list(decode_listed(part, SPEC, SEGMENT_S))[-1])
    report = report_of(reports)
    assert report.status == "partial" and "the file changed while it was read" in report.error
    path.unlink()
    reports[3] = list(decode_listed(parts[3], SPEC, SEGMENT_S))[-1]
    assert report_of([*reports[:2], *reports[3:]]).status == "partial"


def test_a_range_that_crashes_its_decoder_ends_the_recording_as_in_one_piece(tmp_path):
    path = write(tmp_path, "x.wav", encode(noise(40.0, 16000), 16000))
    segments, _ = in_one_piece(path)
    _, _, parts = in_ranges(path)
    reports = [list(decode_range(part, SPEC, SEGMENT_S))[-1] for part in parts]
    index = next(i for i, part in enumerate(parts) if part.index == 2)
    own = [s for s in segments if s.start_s[0] >= parts[2].first * SPEC.hop_s][:1]
    reports[index] = report_of_broken(parts[2], own, TaskFailed("it broke", "crash"))
    before = [s for s in segments if s.index <= own[0].index]
    expected = report_of_broken(Range(parts[0].recording), before, TaskFailed("it broke", "crash"))
    assert report_of(reports) == expected
    assert expected.status == "partial" and expected.windows == sum(len(s.offsets) for s in before)


def test_a_report_that_is_given_twice_counts_once_and_a_lost_one_is_told(tmp_path):
    path = write(tmp_path, "x.wav", encode(noise(40.0, 16000), 16000))
    _, whole = in_one_piece(path)
    _, _, parts = in_ranges(path)
    reports = [list(decode_range(part, SPEC, SEGMENT_S))[-1] for part in parts]
    assert report_of([*reports, *reports[1:3]]) == whole
    lost = report_of([*reports[:2], *reports[3:]])
    assert lost.status == "partial" and lost.windows == parts[2].first and "lost" in lost.error


def test_the_seek_that_fails_begins_at_the_start(tmp_path, monkeypatch):
    path = write(tmp_path, "x.flac", encode(noise(40.0, 22050), 22050, "FLAC"))
    expected, report, parts = in_ranges(path)
    monkeypatch.setattr(sf.SoundFile, "seek", lambda *_: -1)
    found, other, _ = in_ranges(path, parts=parts)
    assert other == report and list(map(values, found)) == list(map(values, expected))
    assert len(list(split_into_ranges(Recording(str(path), 1, ""), SPEC, SEGMENT_S, RANGE_S))) == 1


def test_a_store_that_breaks_midway_is_told_by_its_range(tmp_path, monkeypatch):
    import io

    path = write(tmp_path, "x.wav", encode(noise(40.0, 16000), 16000))
    parts = list(split_into_ranges(Recording(str(path), 1, ""), SPEC, SEGMENT_S, RANGE_S))

    class Flaky(io.FileIO):
        def read(self, count=-1):
            if self.tell() > 700_000:
                raise ConnectionError("connection reset by peer")
            return super().read(count)

    monkeypatch.setattr("soundbeam.transforms.decoders.open_file", lambda *_: Flaky(path))
    segments, report = in_one_piece(path)
    found, joined, _ = in_ranges(path, parts=parts)
    assert joined.status == "partial" and "connection reset by peer" in joined.error
    assert (joined.windows, joined.status) == (report.windows, report.status)
    assert list(map(values, found)) == list(map(values, segments))
    assert dataclasses.replace(joined, error="") == dataclasses.replace(report, error="")

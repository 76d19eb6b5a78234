"""DecodeRecordings in its own process: the same segments and reports, and what a file that breaks the process costs."""

import hashlib
import os
import tracemalloc

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.util import assert_that

from soundbeam.model.storage.files import state_of
from soundbeam.model.windows import WindowSpec
from soundbeam.transforms import counters
from soundbeam.transforms.decoding import decode_recordings as decode
from soundbeam.transforms.decoding.decode_recordings import DecodeRecordings, patience_s, report_of_broken
from soundbeam.transforms.decoding.recording import decode_listed, decode_recording
from soundbeam.transforms.isolation.isolated_process import TaskFailed
from soundbeam.transforms.records import DecodeReport, Range, Recording, Segment
from tests.transforms.audio_files import encode, noise, write

SPEC = WindowSpec(16000, 1.0, 0.3)


@pytest.fixture
def recordings(tmp_path):
    """More than are decoded ahead: of several formats and lengths, damaged ones among them."""
    paths = [
        write(tmp_path, f"{i}.{format.lower()}", encode(noise(0.4 + 1.3 * i, rate, 1 + i % 2, seed=i), rate, format))
        for i, (format, rate) in enumerate(
            zip(["WAV", "FLAC", "OGG", "MP3"] * 3, [48000, 16000, 8000] * 4, strict=True)
        )
    ]
    paths.append(write(tmp_path, "cut.flac", paths[9].read_bytes()[:20_000]))
    paths.append(write(tmp_path, "text.wav", b"no sound" * 100))
    return [Recording(f"file://{p}", *state_of(str(p))) for p in paths]


def as_value(r):
    """A segment or report as plain values that sort; samples as a digest, since they would cross a shuffle."""
    if isinstance(r, Segment):
        arrays = (r.samples, r.offsets, r.start_s, r.end_s)
        return r.uri, r.index, hashlib.sha256(b"".join(a.tobytes() for a in arrays)).hexdigest()
    return r.recording.uri, -1, repr(r)


def as_values(results):
    return sorted(map(as_value, results))


@pytest.mark.parametrize("processes", [0, 1, 3])
@pytest.mark.parametrize("mode", ["in_memory", "multi_threading"])
def test_isolated_or_not_segments_reports_and_counters_are_those_of_the_pure_function(recordings, processes, mode):
    with counters.collected_counts() as counted:
        expected = as_values(r for recording in recordings for r in decode_recording(recording, SPEC, 1.5))

    def same(found):
        assert sorted(found) == expected

    options = PipelineOptions(runner="FnApiRunner", direct_running_mode=mode, direct_num_workers=2)
    pipeline = beam.Pipeline(options=options)
    found = (
        pipeline | beam.Create(recordings) | DecodeRecordings(SPEC, 1.5, isolated=processes > 0, processes=processes)
    )
    assert_that(found | beam.Map(as_value), same)
    result = pipeline.run()
    result.wait_until_finish()
    totals = counters.totals(result)
    assert totals.pop("decode_ms") > 0
    assert totals == {name: value for name, value in counted.items() if value}


def test_tensorflow_io_decodes_in_its_process_too(tmp_path):
    path = write(tmp_path, "x.wav", encode(noise(3.0, 22050), 22050))
    recording = Recording(f"file://{path}", *state_of(str(path)))
    expected = as_values(decode_recording(recording, SPEC, 60.0, "tensorflow-io"))

    def same(found):
        assert sorted(found) == expected

    with beam.Pipeline(options=PipelineOptions(runner="FnApiRunner")) as pipeline:
        found = pipeline | beam.Create([recording]) | DecodeRecordings(SPEC, decoder="tensorflow-io")
        assert_that(found | beam.Map(as_value), same)


@pytest.mark.parametrize("processes", [1, 3])
def test_a_step_whose_bundle_broke_off_starts_the_next_one_clean(recordings, processes):
    step = decode._DecodeAhead((SPEC, 1.5, "soundfile"), processes)
    step.setup()
    step.start_bundle()
    assert not list(step.process(recordings[0]))
    step.start_bundle()
    assert not list(step.process(recordings[1]))
    found = [v.value for v in step.finish_bundle()]
    step.teardown()
    assert as_values(found) == as_values(decode_recording(recordings[1], SPEC, 1.5))


def test_samples_that_were_passed_on_are_let_go(tmp_path, monkeypatch):
    monkeypatch.setattr("soundbeam.transforms.isolation.inbox.WAITING_BYTES", 2_000_000)
    path = write(tmp_path, "long.wav", encode(np.zeros((16000 * 480, 1)), 16000, "WAV"))
    step = decode._DecodeAhead((SPEC, 10.0, "soundfile"), 1)
    step.setup()
    tracemalloc.start()
    try:
        step.start_bundle()
        windows = 0
        for results in (step.process(Recording(f"file://{path}", *state_of(str(path)))), step.finish_bundle()):
            for result in results:
                value = getattr(result, "value", result)
                windows += len(value.offsets) if isinstance(value, Segment) else 0
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        step.teardown()
    assert windows == 1598  # the last one is moved back
    assert most < 10e6  # the samples of all of it are 31 MB


def test_patience_grows_with_the_size():
    assert patience_s(0) == 60 and patience_s(100_000_000) == 560


@pytest.mark.parametrize("before", [0, 2])
def test_what_came_before_a_crash_counts(recordings, before):
    segments = [r for r in decode_recording(recordings[9], SPEC, 1.5) if isinstance(r, Segment)][:before]
    report = report_of_broken(Range(recordings[9]), segments, TaskFailed("it broke", "crash"))
    windows = sum(len(s.offsets) for s in segments)
    assert (report.status, report.error, report.stage) == ("partial" if before else "failed", "it broke", "decode")
    assert (report.windows, report.segments) == (windows, before)
    assert report.duration_s == (pytest.approx(segments[-1].end_s[-1]) if before else None)


def changed(path, how):
    """Decodes a file that changes after its first segment; its report."""
    recording = Recording(f"file://{path}", *state_of(str(path)))
    results = decode_listed(recording, SPEC, 1.5)
    assert isinstance(next(results), Segment)
    how()
    *_, report = results
    assert isinstance(report, DecodeReport)
    return recording, report


def grow(path):
    with open(path, "ab") as file:
        file.write(b"\0" * 1000)


def replace(path):
    new = path.with_suffix(".new")
    new.write_bytes(path.read_bytes())
    os.utime(new, (1, 1))
    new.replace(path)


@pytest.mark.parametrize("how", [grow, replace], ids=lambda f: f.__name__)
def test_a_file_that_changes_while_it_is_read_is_partial_under_its_listed_version(tmp_path, how):
    path = write(tmp_path, "x.wav", encode(noise(5.0, 16000), 16000))
    recording, report = changed(path, lambda: how(path))
    assert report.status == "partial" and "changed while it was read" in report.error
    assert report.recording == recording != Recording(recording.uri, *state_of(str(path)))


def test_a_file_that_is_deleted_while_it_is_read_was_read_all_the_same(tmp_path):
    path = write(tmp_path, "x.wav", encode(noise(5.0, 16000), 16000))
    assert changed(path, path.unlink)[1].status == "ok"


def test_a_file_without_a_version_is_not_checked(tmp_path):
    path = write(tmp_path, "x.wav", encode(noise(1.0, 16000), 16000))
    *_, report = decode_listed(Recording(f"file://{path}", 0, ""), SPEC)
    assert report.status == "ok" and np.isclose(report.duration_s, 1.0)

"""How far a scan is: files, hours, speed, time left, by a clock that the test holds; nothing where nothing is new."""

import logging

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.util import assert_that, equal_to

from soundbeam.transforms.records import DecodeReport, Recording, SegmentScores
from soundbeam.transforms.scoring import progress
from soundbeam.transforms.scoring.progress import AddTotals, Meter, ReportProgress, duration


def recording(size, total=4, total_bytes=1000):
    return Recording(f"file:///{size}.wav", size, "", total_recordings=total, total_bytes=total_bytes)


def test_the_line_tells_files_hours_speed_and_time_left():
    meter = Meter()
    assert meter.line(0.0) == "scanning: 0 recordings, 0.00 h of sound"
    meter.add(100.0, sound_s=900.0)  # loading the model came before: it does not count
    meter.add(100.0, recording=recording(100))
    assert meter.line(100.0) == "scanning: 1 of 4 recordings (10 %), 0.25 h of sound"
    meter.add(150.0, sound_s=1800.0)
    meter.add(150.0, recording=recording(400))
    # 400 of 1,000 bytes in 50 s, so the 500 bytes that are left take 50 / 0.5 × 0.5 …
    assert meter.line(150.0).startswith("scanning: 2 of 4 recordings (50 %), 0.75 h of sound, 36 × real time, about ")
    assert meter.line(150.0).endswith("about 50 s left")


def test_ranges_count_by_their_share():
    meter = Meter()
    meter.add(0.0, recording=recording(900, total=2), share=0.5)
    assert "0 of 2 recordings (45 %)" in meter.line(0.0)
    meter.add(0.0, recording=recording(900, total=2), share=0.5)
    assert "1 of 2 recordings (90 %)" in meter.line(0.0)


def test_without_totals_nothing_is_said_of_what_is_left():
    meter = Meter()
    meter.add(0.0, sound_s=10.0)
    meter.add(100.0, sound_s=1000.0, recording=recording(5, 0, 0))
    assert meter.line(100.0) == "scanning: 1 recordings, 0.28 h of sound, 10 × real time"


def test_without_sizes_files_count():
    meter = Meter()
    meter.add(0.0, sound_s=1.0)
    meter.add(10.0, recording=recording(0, 4, 0))
    assert "(25 %)" in meter.line(10.0) and meter.line(10.0).endswith("about 30 s left")


def test_one_worker_of_several_tells_its_own_part():
    meter = Meter()
    meter.add(0.0, sound_s=1.0)
    meter.add(10.0, recording=recording(100))
    assert meter.line(10.0, whole_scan=False) == "scanning (this worker): 1 recordings, 0.00 h of sound, 0 × real time"


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0 s"), (59, "59 s"), (90, "2 min"), (3600, "1 h 00 min"), (93784, "26 h 03 min")]
)
def test_durations(seconds, said):
    assert duration(seconds) == said


def test_each_recording_knows_how_many_and_how_large_all_are():
    given = [Recording(f"file:///{i}.wav", 10 * i, "") for i in range(5)]
    with beam.Pipeline(options=PipelineOptions(runner="FnApiRunner")) as pipeline:
        found = (
            pipeline | beam.Create(given) | AddTotals() | beam.Map(lambda r: (r.uri, r.total_recordings, r.total_bytes))
        )
        assert_that(found, equal_to([(r.uri, 5, 100) for r in given]))


@pytest.mark.parametrize("workers", [1, 2])
def test_all_threads_of_a_process_share_one_line(caplog, monkeypatch, workers):
    monkeypatch.setattr(progress.LOGGER, "propagate", True)
    caplog.set_level(logging.INFO, "soundbeam.progress")
    options = PipelineOptions(runner="FnApiRunner", direct_running_mode="multi_threading", direct_num_workers=workers)
    made = [
        item
        for i in range(8)
        for item in (
            SegmentScores(f"{i}", 0, np.arange(6.0), np.arange(6.0) + 1, np.zeros((6, 1), np.float32)),
            DecodeReport(recording(100, 8, 800), "ok", "", "", 6.0, 8000, 1, 6, 1),
        )
    ]
    with beam.Pipeline(options=options) as pipeline:
        _ = pipeline | beam.Create(made) | beam.Reshuffle() | ReportProgress(600.0, every_s=1e-9)
    assert caplog.messages[-1] == "scanning: 8 of 8 recordings (100 %), 8.00 h of sound"


def test_nothing_new_says_nothing(caplog, monkeypatch):
    monkeypatch.setattr(progress.LOGGER, "propagate", True)
    caplog.set_level(logging.INFO, "soundbeam.progress")
    with beam.Pipeline(options=PipelineOptions(runner="FnApiRunner")) as pipeline:
        _ = pipeline | beam.Create([]) | ReportProgress(0.5, every_s=1e-9)
    assert not caplog.messages

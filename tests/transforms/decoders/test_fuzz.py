"""Whatever a file holds, decoding it ends as one report that says why, with no window that was not recorded."""

import collections
import os

import numpy as np
import pytest

from soundbeam.model.windows import WindowSpec
from soundbeam.transforms.decoding.recording import decode_recording
from soundbeam.transforms.isolation.isolated_process import IsolatedProcess, IsolatedTask, TaskFailed
from soundbeam.transforms.records import DecodeReport, Recording, Segment
from tests import ROOT
from tests.faults.figures import figure
from tests.transforms.decoders import fuzzing

SPEC = WindowSpec(16000, 1.0, 0.5)
PATIENCE_S, MEMORY = 60.0, 1 << 30
AHEAD = 16
ODD = ROOT.parent / "shared" / "data" / "odd_audio"


def check(results, broken):
    """What holds for any file; gives its status."""
    assert broken is None, broken
    *segments, report = results
    assert isinstance(report, DecodeReport) and all(isinstance(s, Segment) for s in segments)
    assert report.segments == len(segments) and report.windows == sum(len(s.offsets) for s in segments)
    assert report.status in ("ok", "partial", "failed")
    assert (report.status == "failed") == (report.windows == 0)
    assert (report.status == "ok") == (report.error == "") == (report.stage == "")
    assert report.error.isprintable() and len(report.error) < 1000
    if segments:
        start_s, end_s = (np.concatenate([getattr(s, name) for s in segments]) for name in ("start_s", "end_s"))
        # Sound that was decoded, and all of it: the last window ends where the sound does, to a sample of either rate.
        slack = 2 / SPEC.rate + 2 / report.sample_rate
        assert end_s[-1] == pytest.approx(report.duration_s, abs=slack)
        regular = SPEC.windows(0, round(end_s[-1] * SPEC.rate))[1:]
        np.testing.assert_allclose([start_s, end_s], regular, rtol=0, atol=1e-9)
        for s in segments:
            assert s.samples.dtype == np.float32 and np.isfinite(s.samples).all()
            assert len(s.samples) == s.offsets[-1] + SPEC.window_samples
    return report.status


def decode_all(files, folder):
    """Decodes files, (name, bytes) each, in one process; how many ended how, and the process's peak in bytes."""
    isolated, waiting, ends = IsolatedProcess(MEMORY), collections.deque(), collections.Counter()

    def take():
        path = waiting.popleft()
        results, broken = [], None
        try:
            results.extend(isolated.take())
        except TaskFailed as e:
            broken = e
        try:
            ends[check(results, broken)] += 1
        except BaseException as e:
            kept = path.rename(path.with_name(f"culprit-{path.name}"))
            raise AssertionError(f"{kept}: {e}") from e
        path.unlink()

    for name, data in files:
        path = folder / name
        path.write_bytes(data)
        waiting.append(path)
        recording = Recording(f"file://{path}", len(data), "")
        isolated.start(IsolatedTask(decode_recording, (recording, SPEC, 20.0), PATIENCE_S))
        if len(waiting) > AHEAD:
            take()
    while waiting:
        take()
    peak = _peak(isolated._process._child.pid)
    isolated.close()
    return ends, peak


def _peak(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("VmHWM"))


def test_seeds_are_good(tmp_path):
    ends, _ = decode_all(fuzzing.seeds().items(), tmp_path)
    assert ends == {"ok": len(fuzzing.seeds())}


def test_headers_that_lie_by_hand(tmp_path):
    files = fuzzing.by_hand()
    ends, peak = decode_all(files.items(), tmp_path)
    assert sum(ends.values()) == len(files) and ends["failed"] > 5
    assert peak < 500 << 20  # 10^12 samples in a header take nothing


def test_a_few_hundred_damaged_files(tmp_path):
    ends, peak = decode_all(fuzzing.mutated(300), tmp_path)
    assert sum(ends.values()) == 300 and ends["partial"] and ends["failed"]
    assert peak < 500 << 20


@pytest.mark.faults
@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_thousands_of_damaged_files(tmp_path, seed):
    count = int(os.environ.get("SOUNDBEAM_TEST_FUZZ", "4000"))
    ends, peak = decode_all(fuzzing.mutated(count, seed), tmp_path)
    assert sum(ends.values()) == count
    assert peak < 600 << 20
    how = ", ".join(f"{n} {status}" for status, n in sorted(ends.items()))
    figure("damaged files decoded, one report each", count, f"{how}; peak {peak >> 20} MB")


@pytest.mark.faults
@pytest.mark.corpus
@pytest.mark.skipif(not ODD.is_dir(), reason="the odd files are not beside the project")
def test_odd_files(tmp_path):
    files = [p for p in sorted(ODD.rglob("*")) if p.is_file() and p.suffix != ".md"]
    ends, _ = decode_all(((p.name, p.read_bytes()) for p in files), tmp_path)
    assert sum(ends.values()) == len(files)
    figure("odd files", len(files))

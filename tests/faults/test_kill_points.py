"""Real scans, started as users start them, that die at a step, of a decoder, or of a full disk."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.faults.corpora import Corpus, left_over, runs, tables
from tests.faults.figures import figure
from tests.faults.warm import real

pytestmark = pytest.mark.faults

DRIVER = {
    "listing": ("soundbeam.transforms.listing.list_recordings:list_recordings", 1),
    "reading the ledger": ("soundbeam.transforms.listing.skip_done:read_done", 1),
    "decoding": ("soundbeam.transforms.decoding.decode_recordings:_DecodeAhead._take", 2),
    "scoring": ("soundbeam.transforms.scoring.score_windows:score_segments", 1),
    "counting": ("soundbeam.transforms.scoring.count_calls:count_calls", 3),
    "writing": ("soundbeam.transforms.tables.write_tables:ShardWriter.write", 3),
    "naming the shards": ("soundbeam.transforms.tables.write_tables:_write_list", 1),
    "committing, before the tables": ("soundbeam.pipelines.output.compaction:compact", 1),
    "committing, between the tables": ("soundbeam.pipelines.output.compaction:compact", 3),
    "committing, before run.json": ("soundbeam.pipelines.output.folder:Output.write_run", 1),
    "committing, after run.json": ("soundbeam.pipelines.output.staging:Staging.discard", 1),
}
WORKER = {name: DRIVER[name] for name in ("decoding", "scoring", "counting", "writing")}
CHILD = "soundbeam.transforms.decoding.recording:decode_range"


class Setting:
    """A corpus, an output with the first of two scans, and what the tables are after both."""

    def __init__(self, warm, folder, bundle):
        self.warm, self.bundle, self.corpus = warm, bundle, Corpus(folder / "corpus")
        self.corpus.write("a.wav")
        self.corpus.write("b.wav", seed=1)
        self.first = folder / "first"
        assert self.scan(self.first)[0] == 0
        self.before = tables(self.first)
        for i in range(4):
            self.corpus.write(f"new/{i}.wav", at=(0.5 * i,), seed=2 + i)
        self.corpus.write("b.wav", at=())
        assert self.scan(folder / "after")[0] == 0
        self.after = tables(folder / "after")

    def argv(self, output):
        every = ("--checkpoint-every", "0.001")
        return "--recordings", self.corpus.folder, "--classifier", self.bundle, "--output", output, *every

    def scan(self, output):
        return self.warm.scan(*self.argv(output))

    def check(self, output, said):
        """Earlier rows stand; the next scan ends well and has it all."""
        assert tables(output) in (self.before, self.after), said
        code, later = self.scan(output)
        assert code == 0, later
        assert tables(output) == self.after, said
        assert left_over(output) == []


@pytest.fixture(scope="module")
def setting(warm, tmp_path_factory, tone_bundle):
    return Setting(warm, tmp_path_factory.mktemp("setting"), tone_bundle)


@pytest.mark.parametrize("point", DRIVER)
def test_the_driver_is_killed(setting, output, point):
    call, n = DRIVER[point]
    code, said = real(*setting.argv(output), faults=[{"call": call, "n": n, "do": "kill"}])
    assert code == -9, said
    setting.check(output, said)
    figure("driver killed at a step", 1, point)


@pytest.mark.parametrize("point", WORKER)
def test_a_worker_is_killed(setting, output, tmp_path, point):
    call, _ = WORKER[point]
    fault = {"call": call, "n": 1, "do": "kill", "once": str(tmp_path / "once")}
    workers = ("--direct_running_mode=multi_processing", "--direct_num_workers=2")
    code, said = real(*setting.argv(output), *workers, faults=[fault])
    assert (tmp_path / "once").exists() and code == 1, said
    assert "Traceback" not in said and "error:" in said
    setting.check(output, said)
    figure("worker process killed at a step", 1, point)


@pytest.mark.parametrize(
    ("do", "words"), [("crash", "crashed"), ("kill", "killed"), ("hang", "without an end"), ("hoard", "memory")]
)
@pytest.mark.parametrize("mode", ["in_memory", "multi_processing"])
def test_a_file_that_breaks_its_decoder_costs_itself_only(setting, output, do, words, mode):
    faults = [
        {"call": CHILD, "arg": "new/2.wav", "n": 0, "do": do},
        {"call": "soundbeam.transforms.decoding.decode_recordings:patience_s", "value": 8.0},
    ]
    workers = (f"--direct_running_mode={mode}", "--direct_num_workers=2")
    code, said = real(*setting.argv(output), *(workers if mode != "in_memory" else ()), faults=faults)
    assert code == 0, said
    found = tables(output)
    (bad,) = (r for r in found["recordings"] if r["recording"].endswith("new/2.wav"))
    assert bad["status"] == "failed" and words in bad["error"] and bad["windows"] == 0
    others = [r for r in setting.after["recordings"] if r["recording"] != bad["recording"]]
    assert [r for r in found["recordings"] if r != bad] == others
    code, said = setting.warm.scan(*setting.argv(output), "--retry-failed")
    assert code == 0 and tables(output) == setting.after, said
    figure(f"decoder made to {do}", 1, mode)


def test_windows_before_a_crash_are_kept(setting, tmp_path):
    corpus = Corpus(tmp_path / "corpus")
    corpus.write("long.wav", seconds=300, at=(5, 250))
    argv = ("--recordings", corpus.folder, "--classifier", setting.bundle, "--segment", 20)
    assert setting.warm.scan(*argv, "--output", tmp_path / "good")[0] == 0
    block = "soundbeam.transforms.decoders.soundfile_decoder:SoundfileStream._block"
    code, said = real(*argv, "--output", tmp_path / "out", faults=[{"call": block, "n": 100, "do": "crash"}])
    assert code == 0, said
    found, whole = tables(tmp_path / "out"), tables(tmp_path / "good")
    (row,) = found["recordings"]
    assert row["status"] == "partial" and "crashed" in row["error"] and 100 < row["windows"] < 500
    by_start = sorted(whole["predictions"], key=lambda r: r["start_s"])[: row["windows"]]
    assert sorted(found["predictions"], key=lambda r: r["start_s"]) == by_start
    assert [r["calls"] for r in found["counts"]] == [1] and [r["calls"] for r in whole["counts"]] == [2]
    figure("decoder crashed midway", 1, "the windows before are kept")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a file system of a given size")
def test_a_full_disk(setting, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", disk], check=False).returncode:
        pytest.skip("this system lets nobody mount a tmpfs")
    try:
        output = Path(shutil.copytree(setting.first, disk / "out"))
        filler, tried = disk / "filler", 0
        free = shutil.disk_usage(disk).free
        for left in (0, 4096, 16384, 49152):
            filler.write_bytes(b"\0" * (free - left))
            code, said = real(*setting.argv(output))
            errors = [line for line in said.splitlines() if "error:" in line]
            if code:
                assert code == 1 and len(errors) == 1 and "disk full" in errors[0] and "Traceback" not in said, said
            assert tables(output) in (setting.before, setting.after), said
            filler.unlink()
            tried += 1
        setting.check(output, said)
    finally:
        subprocess.run(["umount", disk], check=True)
    figure("disk really full (tmpfs)", tried)


def test_two_scans_at_once(setting, output):
    """The second one says so and stops, or comes after the first; then nothing is left to do."""
    argv = [os.sys.executable, "-m", "soundbeam.pipelines.scan", *map(str, setting.argv(output))]
    both = [subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(2)]
    said = [p.communicate(timeout=300)[0] for p in both]
    codes = sorted(p.returncode for p in both)
    assert codes in ([0, 0], [0, 1]), said
    if codes == [0, 1]:
        assert any("another scan is writing there" in s for s in said)
    setting.check(output, said)
    assert len(runs(output)) == 2
    figure("two scans at once", 1)

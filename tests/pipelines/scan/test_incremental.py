"""A scan into the same output scans what is new or changed, and nothing else; the tables tell the truth of today."""

import os
from pathlib import Path

import pytest
import soundfile

from soundbeam.pipelines.output.folder import Output
from soundbeam.pipelines.output.staging import Staging
from soundbeam.pipelines.results import read
from soundbeam.pipelines.scan.program import main
from tests.pipelines.written_scan import run_info
from tests.placeholder import RATE, with_tones


def write(path, seconds=4.0, at=(), seed=0):
    """Writes a recording whose modification time differs from any before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, with_tones(seconds, at, seed=seed), RATE)
    write.clock += 10
    os.utime(path, (write.clock, write.clock))


write.clock = 1_700_000_000


@pytest.fixture
def corpus(tmp_path):
    folder = tmp_path / "corpus"
    for i, name in enumerate(["a.wav", "b.wav", "sub/c.wav"]):
        write(folder / name, at=[1.0], seed=i)
    (folder / "bad.wav").write_text("no sound")
    return folder


@pytest.fixture
def scan(corpus, tone_bundle, tmp_path):
    def run(*options, output=tmp_path / "out", recordings=corpus, bundle=tone_bundle):
        arguments = ["--recordings", recordings, "--classifier", bundle, "--output", output, *options]
        return main([str(a) for a in arguments])

    run.output = tmp_path / "out"
    return run


def current(output, table="recordings"):
    return sorted(
        (
            Path(r["recording"].removeprefix("file://")).name,
            *(r.get(k) for k in ("status", "start_s", "score", "calls")),
        )
        for r in read(str(output), table).to_pylist()
    )


def runs(output):
    return Output(str(output)).runs()


def counters(output):
    return runs(output)[-1].counters


def test_an_unchanged_corpus_is_not_read_again(scan, capsys):
    assert scan() == 0
    before = sorted(scan.output.rglob("*"))
    assert scan() == 0
    assert "nothing new: 4 recordings were scanned before" in capsys.readouterr().out
    assert sorted(scan.output.rglob("*")) == before


def test_new_and_changed_recordings_are_scanned_and_deleted_ones_go(scan, corpus, tmp_path):
    assert scan() == 0
    write(corpus / "new.wav", at=[0.5])
    write(corpus / "b.wav", seconds=5.0, at=[])
    (corpus / "sub" / "c.wav").unlink()
    assert scan() == 0
    assert counters(scan.output)["windows_scored"] == 7 + 9
    assert scan(output=tmp_path / "fresh") == 0
    for table in ("predictions", "calls", "counts", "recordings"):
        assert current(scan.output, table) == current(tmp_path / "fresh", table)
    assert scan() == 0 and len(runs(scan.output)) == 2


def test_a_deleted_recording_that_comes_back_is_scanned_again(scan, corpus, tmp_path):
    assert scan() == 0
    (corpus / "a.wav").rename(tmp_path / "away.wav")
    assert scan() == 0 and "a.wav" not in {r[0] for r in current(scan.output)}
    (tmp_path / "away.wav").rename(corpus / "a.wav")
    assert scan() == 0 and ("a.wav", "ok", None, None, None) in current(scan.output)


def test_a_recording_that_tonights_patterns_do_not_name_stays(scan, corpus):
    assert scan() == 0
    write(corpus / "sub" / "d.wav")
    assert scan(recordings=corpus / "sub") == 0
    assert {r[0] for r in current(scan.output)} == {"a.wav", "b.wav", "c.wav", "d.wav", "bad.wav"}


def test_a_corpus_that_is_not_mounted_tonight_takes_nothing_away(scan, corpus, tmp_path):
    assert scan() == 0
    corpus.rename(tmp_path / "elsewhere")
    corpus.mkdir()
    assert scan() == 1
    assert len(current(scan.output)) == 4


def test_failures_are_tried_again_only_when_asked(scan, corpus):
    assert scan() == 0
    assert scan("--retry-failed") == 0
    assert counters(scan.output)["recordings_failed"] == 1 and len(runs(scan.output)) == 2
    assert scan() == 0 and len(runs(scan.output)) == 2


def test_rescan_scans_everything(scan):
    assert scan() == 0 and scan("--rescan") == 0
    assert counters(scan.output)["windows_scored"] == 21
    assert len(current(scan.output)) == 4


@pytest.mark.parametrize("options", [["--hop", "1"], ["--threshold", "0.9"]], ids=lambda o: o[0])
def test_hop_and_threshold_make_it_another_scan(scan, options):
    assert scan() == 0 and scan(*options) == 0
    assert len(current(scan.output)) == 4
    assert {r["run"] for r in read(str(scan.output), "recordings").to_pylist()} == {runs(scan.output)[-1].run}


def test_batch_and_segment_do_not(scan):
    assert scan() == 0 and scan("--batch-size", "3", "--segment", "2") == 0
    assert len(runs(scan.output)) == 1


def test_a_run_that_died_is_taken_over_where_it_stood(scan, corpus, monkeypatch, capsys):
    """The commit fails; what the checkpoints hold is not scanned again, but a file changed since is."""
    with monkeypatch.context() as patched:
        patched.setattr(Staging, "commit", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        assert scan("--checkpoint-every", "0.001") == 1
    assert "disk full" in capsys.readouterr().err
    assert not runs(scan.output)
    write(corpus / "b.wav", seconds=5.0, at=[])
    assert scan() == 0
    assert counters(scan.output)["windows_scored"] == 9
    assert runs(scan.output)[-1].taken_over
    assert sorted(r[0] for r in current(scan.output)) == ["a.wav", "b.wav", "bad.wav", "c.wav"]
    assert sum(r[0] == "b.wav" for r in current(scan.output, "predictions")) == 9
    assert [p.name for p in (scan.output / "_staging").iterdir()] == ["lock"]


def test_a_second_scan_at_once_says_so_and_stops(scan, capsys):
    with Staging(Output(str(scan.output))).new_run(run_info("x").parameters):
        assert scan() == 1
        assert "another scan is writing there" in capsys.readouterr().err
    assert scan() == 0


def test_tables_of_a_run_that_died_before_its_run_json_are_swept(scan):
    assert scan() == 0
    orphan = scan.output / "predictions" / "run=20200101T000000Z-dead00"
    orphan.mkdir()
    (orphan / "part-00000.parquet").write_bytes(b"half")
    assert scan() == 0
    assert not orphan.exists()


def test_a_recording_that_a_dead_runs_checkpoints_hold_twice_counts_once(scan, monkeypatch):
    """A cluster tries a bundle again; the first try may have come as far as its checkpoint before its machine died."""

    def dies(*_):
        raise RuntimeError("the driver is gone")

    with monkeypatch.context() as patched:
        patched.setattr(Staging, "commit", dies)
        assert scan() == 1
    (staging,) = [p.parent for p in (scan.output / "_staging").glob("*/begin.json")]
    for path in list(staging.glob("*/part-*.parquet")) + list(staging.glob("checkpoints/part-*.json")):
        twin = path.with_name(path.name.replace("part-", "part-again"))
        twin.write_bytes(path.read_bytes().replace(b'"part-', b'"part-again'))
    assert scan() == 0
    names = [row[0] for row in current(scan.output)]
    assert sorted(names) == sorted(set(names)) and len(names) == 4
    windows = [(r["recording"], r["start_s"]) for r in read(str(scan.output), "predictions").to_pylist()]
    assert windows and len(windows) == len(set(windows))

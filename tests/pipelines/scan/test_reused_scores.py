"""A scan with another calibration of the same network uses the stored scores again, and finds what a scan would."""

import dataclasses
import json
import os

import numpy as np
import pytest
import soundfile

from soundbeam.model.classifier.bundle import load_bundle
from soundbeam.model.classifier.calibration import Calibration
from soundbeam.model.classifier.calls import CallRules
from soundbeam.model.classifier.changed_bundle import save_changed
from soundbeam.pipelines.output.folder import Output
from soundbeam.pipelines.results import read
from soundbeam.pipelines.scan.program import main
from tests.placeholder import RATE, TONES_HZ, tone, with_tones

TABLES = ("predictions", "calls", "counts", "recordings")
CALIBRATIONS = {
    "flat": Calibration(0.4, (-1.0,)),
    "steep": Calibration(1.3, (1.5,)),
    "steeper": Calibration(4.0, (-2.0,)),
    "none": None,
}


def write(path, seconds=6.0, at=(), seed=0, **more):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, with_tones(seconds, at, seed=seed, **more), RATE)
    write.clock += 10
    os.utime(path, (write.clock, write.clock))


write.clock = 1_700_000_000


def write_ramp(path, seconds=30.0):
    """Tones that grow louder, so that scores of every height occur."""
    rng = np.random.default_rng(1)
    parts = [tone(0.75, amplitude=a) for a in rng.uniform(0.1, 0.6, int(seconds / 0.75))]
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.concatenate(parts), RATE)
    os.utime(path, (1_600_000_000, 1_600_000_000))


@pytest.fixture
def corpus(tmp_path):
    folder = tmp_path / "corpus"
    write(folder / "s1" / "20240501_200000.wav", at=[1.0, 4.0], seed=1)
    write(folder / "s1" / "20240502_200000.wav", at=[], seed=2)
    write(folder / "s2" / "20240501_200000.wav", at=[2.0], seed=3)
    write_ramp(folder / "s2" / "20240503_200000.wav")
    (folder / "s2" / "bad.wav").write_text("no sound")
    return folder


@pytest.fixture
def scan(corpus, tmp_path):
    def run(bundle, *options, output=tmp_path / "out", recordings=corpus):
        arguments = ["--recordings", recordings, "--classifier", bundle, "--output", output, *options]
        return main([str(a) for a in arguments])

    run.output = tmp_path / "out"
    return run


@pytest.fixture
def bundles(tone_bundle, tmp_path):
    """Makes bundles of one network with other calibrations, thresholds and rules."""

    def make(name, calibration, **changes):
        threshold = calibration.threshold(0.5, 0) if calibration else 0.5
        changes = {"thresholds": {"low": threshold}, "calibration": calibration, **changes}
        return save_changed(str(tmp_path / name), load_bundle(tone_bundle), **changes).url

    return make


def rows(output, table):
    columns = [name for name in read(str(output), table).column_names if name != "run"]
    found = read(str(output), table, columns=columns).to_pylist()
    return sorted(found, key=lambda row: str([row.get(k) for k in ("recording", "channel", "label", "start_s")]))


def assert_equal_tables(output, fresh, worst=1e-5):
    """All columns are equal, except that scores may differ a little."""
    for table in TABLES:
        mine, theirs = rows(output, table), rows(fresh, table)
        assert len(mine) == len(theirs), table
        for a, b in zip(mine, theirs, strict=True):
            if "score" in a:
                assert a.pop("score") == pytest.approx(b.pop("score"), abs=worst), table
            assert a == b, table


def newest(output):
    return Output(str(output)).runs()[-1]


def reused(output):
    return sum(newest(output).reused.values())


@pytest.fixture
def deaf(monkeypatch):
    """From here on nothing can be decoded."""

    def make():
        def fails(*_, **__):
            raise AssertionError("was decoded")

        monkeypatch.setattr("soundbeam.transforms.decoding.decode_recordings.DecodeRecordings.expand", fails)

    return make


PAIRS = [("none", "flat"), ("flat", "steep"), ("steep", "flat"), ("none", "steeper"), ("flat", "steeper")]


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_another_calibration_finds_what_a_scan_finds(scan, bundles, tmp_path, before, after, capsys):
    rules = CallRules(smooth_s=0.5, dip=0.7, min_gap_s=0.4)
    old = bundles("old", CALIBRATIONS[before])
    new = bundles("new", CALIBRATIONS[after], call_rules=rules)
    assert scan(old, "--site", "{site}/*") == 0
    assert scan(new, "--site", "{site}/*") == 0
    n = reused(scan.output)
    assert f"re-used the scores of {n} recordings (same network); {5 - n} scanned" in capsys.readouterr().out
    assert n >= 3
    if before in ("none", "flat"):
        assert n == 4 and newest(scan.output).counters.get("windows_scored", 0) == 0
    assert scan(new, "--site", "{site}/*", output=tmp_path / "fresh") == 0
    assert not newest(tmp_path / "fresh").reused
    assert_equal_tables(scan.output, tmp_path / "fresh")
    assert sum(row["calls"] or 0 for row in rows(scan.output, "counts")) > 5
    assert scan(new, "--site", "{site}/*") == 0
    assert "nothing new: 5 recordings" in capsys.readouterr().out


def test_nothing_is_decoded_where_all_is_known(scan, bundles, corpus, deaf):
    (corpus / "s2" / "bad.wav").unlink()
    old, new = bundles("old", CALIBRATIONS["none"]), bundles("new", CALIBRATIONS["flat"])
    assert scan(old) == 0
    for path in corpus.rglob("*.wav"):  # the same size and time, and no sound in it
        time = path.stat().st_mtime
        path.write_bytes(bytes(path.stat().st_size))
        os.utime(path, (time, time))
    assert scan(new) == 0
    assert reused(scan.output) == 4 and {row["status"] for row in rows(scan.output, "recordings")} == {"ok"}
    assert sum(row["calls"] for row in rows(scan.output, "counts")) > 5


def test_new_changed_failed_and_deleted_files_are_scanned_or_go(scan, bundles, corpus, tmp_path, capsys):
    old, new = bundles("old", CALIBRATIONS["flat"]), bundles("new", CALIBRATIONS["steep"])
    assert scan(old) == 0
    write(corpus / "new.wav", at=[0.5], seed=7)
    write(corpus / "s1" / "20240502_200000.wav", seconds=7.0, at=[3.0], seed=8)
    (corpus / "s1" / "20240501_200000.wav").unlink()
    summary = tmp_path / "summary.json"
    assert scan(new, "--summary-json", summary) == 0
    assert "re-used the scores of 2 recordings (same network); 3 scanned" in capsys.readouterr().out
    report = json.loads(summary.read_text())
    assert (report["reused"], report["unchanged"]) == (2, 0)
    assert report["recordings"] == {"ok": 4, "failed": 1}
    assert newest(scan.output).counters["windows_scored"] == 11 + 13
    assert scan(new, output=tmp_path / "fresh") == 0
    assert_equal_tables(scan.output, tmp_path / "fresh")


def test_only_what_is_listed_and_asked_for_is_reused(scan, bundles, corpus, tmp_path):
    old, new = bundles("old", CALIBRATIONS["none"]), bundles("new", CALIBRATIONS["flat"])
    assert scan(old) == 0
    options = ("--since", "2024-05-02", "--hours", "18-06")
    assert scan(new, *options, recordings=corpus / "s2") == 0
    assert reused(scan.output) == 1
    assert scan(new, *options, recordings=corpus / "s2", output=tmp_path / "fresh") == 0
    assert_equal_tables(scan.output, tmp_path / "fresh")
    assert scan(new) == 0 and reused(scan.output) == 3  # the rest, by the next scan
    assert scan(new, output=tmp_path / "fresh") == 0
    assert_equal_tables(scan.output, tmp_path / "fresh")


@pytest.mark.parametrize(
    ("before", "after"),
    [((), ("--rescan",)), (("--hop", "0.25"), ()), (("--channel", "1"), ()), (("--timezone", "Asia/Tokyo"), ()),
     (("--site", "{site}/*"), ()), ((), ("--embeddings",))],
)  # fmt: skip
def test_other_scores_are_not_reused(scan, bundles, before, after, capsys):
    old, new = bundles("old", CALIBRATIONS["none"]), bundles("new", CALIBRATIONS["flat"])
    assert scan(old, *before) == 0
    assert scan(new, *after) == 0
    assert reused(scan.output) == 0 and newest(scan.output).counters["windows_scored"] > 50
    assert "re-used" not in capsys.readouterr().out


def test_another_threshold_or_rule_alone_reuses_too(scan, tone_bundle, bundles, tmp_path):
    assert scan(tone_bundle) == 0
    assert scan(tone_bundle, "--threshold", "0.2") == 0
    assert reused(scan.output) == 4
    runs = bundles("runs", None, call_rules=CallRules(runs=True))
    assert scan(runs, "--threshold", "0.3") == 0 and reused(scan.output) == 4
    assert scan(runs, "--threshold", "0.3", output=tmp_path / "fresh") == 0
    assert_equal_tables(scan.output, tmp_path / "fresh")


def test_another_network_and_runs_that_do_not_tell_theirs_are_not_reused(scan, bundles, tone_bundle, tmp_path):
    from tests.placeholder import save_tone_bundle

    assert scan(tone_bundle) == 0
    assert scan(save_tone_bundle(tmp_path / "other", seed=1).url) == 0 and reused(scan.output) == 0
    for path in scan.output.glob("runs/*/run.json"):
        values = json.loads(path.read_text())
        del values["network"], values["calibration"]
        path.write_text(json.dumps(values))
    assert scan(bundles("new", CALIBRATIONS["flat"])) == 0 and reused(scan.output) == 0


def test_a_run_that_did_not_keep_all_scores_is_not_reused(scan, tmp_path):
    from tests.placeholder import save_bins_bundle

    many = save_bins_bundle(tmp_path / "many", [f"l{i}" for i in range(12)])
    other = save_changed(str(tmp_path / "other"), many, thresholds=dict.fromkeys(many.labels, 0.4)).url
    assert scan(many.url) == 0 and newest(scan.output).parameters.min_score is not None
    assert scan(other) == 0 and reused(scan.output) == 0
    labels = ("--labels", "l1", "l3")
    assert scan(many.url, *labels, output=tmp_path / "few") == 0
    assert scan(other, *labels, output=tmp_path / "few") == 0 and reused(tmp_path / "few") == 4
    assert scan(other, "--labels", "l1", output=tmp_path / "few") == 0 and reused(tmp_path / "few") == 0


def test_two_labels_of_which_one_is_calibrated_and_each_channel(scan, two_tone_bundle, corpus, tmp_path):
    both = with_tones(6.0, [1.0, 3.5]), with_tones(6.0, [2.0], hz=TONES_HZ["high"])
    soundfile.write(corpus / "stereo.wav", np.stack(both, axis=1), RATE)
    bundle = load_bundle(two_tone_bundle)
    calibration = Calibration(1.0, (0.0, -1.5), (1.0, 0.5))
    thresholds = {"low": 0.4, "high": calibration.threshold(0.5, 1)}
    new = save_changed(str(tmp_path / "new"), bundle, calibration=calibration, thresholds=thresholds).url
    assert scan(two_tone_bundle, "--channel", "each") == 0
    assert scan(new, "--channel", "each") == 0 and reused(scan.output) == 5
    assert scan(new, "--channel", "each", output=tmp_path / "fresh") == 0
    assert_equal_tables(scan.output, tmp_path / "fresh")
    assert {row["channel"] for row in rows(scan.output, "calls")} >= {1, 2}
    assert dataclasses.asdict(calibration)["slopes"] == tuple(newest(scan.output).parameters.calibration["slopes"])


def test_a_damaged_table_of_predictions_costs_nothing(scan, bundles, tmp_path):
    old, new = bundles("old", CALIBRATIONS["none"]), bundles("new", CALIBRATIONS["flat"])
    assert scan(old) == 0
    (part,) = scan.output.glob("predictions/*/*.parquet")
    part.write_bytes(part.read_bytes()[:-20])
    assert scan(new) == 0 and reused(scan.output) == 0
    assert scan(new, output=tmp_path / "fresh") == 0
    assert_equal_tables(scan.output, tmp_path / "fresh")

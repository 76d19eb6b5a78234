"""``soundbeam review sample`` over written scans: what is drawn, with which weights, and what is told."""

import csv
import dataclasses
import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from soundbeam.pipelines.results import read
from soundbeam.pipelines.review import population as population_module
from soundbeam.pipelines.review.program import main as review
from soundbeam.pipelines.review.samples import joined
from soundbeam.pipelines.review.store import ReviewStore, review_id
from tests.pipelines.review.drawn import judge
from tests.pipelines.review.scans import corpus, placed, scores, write_corpus
from tests.pipelines.written_scan import result, write_scan


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("scan"))


@pytest.fixture
def out(scan, tmp_path):
    """A copy of the scan, to write samples into."""
    import shutil

    shutil.copytree(scan, tmp_path / "out")
    return str(tmp_path / "out")


def sample(out, *options):
    assert review(["sample", "--output", out, *map(str, options)]) == 0
    return ReviewStore(out).samples()[-1]


def test_the_rows_are_those_of_the_predictions(out, capsys):
    drawn = sample(out, "-n", 60)
    said = capsys.readouterr().out
    assert said.startswith("drawn: 60 windows of 'call', by strata of scores; sample 2")
    assert f"soundbeam review --output {out}" in said and "run 20240101T000000Z-aaaaaa" in said
    known = {(r["recording"], r["start_s"]): r for r in read(out, "predictions").to_pylist()}
    rows = drawn.rows.to_pylist()
    assert len({row["review_id"] for row in rows}) == 60 and [row["rank"] for row in rows] == list(range(1, 61))
    for row in rows:
        prediction = known[row["recording"], row["start_s"]]
        assert {n: row[n] for n in ("end_s", "label", "score", "site", "run")} == {
            n: prediction[n] for n in ("end_s", "label", "score", "site", "run")
        }
        assert row["review_id"] == review_id(row["recording"], None, "call", row["start_s"])
        assert row["classifier"] == "f" * 64 and row["channel"] is None and row["design"] == "scores"
    info = json.loads(pq.read_schema(f"{out}/samples/{drawn.name}.parquet").metadata[b"soundbeam"])
    assert (info["label"], info["spacing_s"], info["per_recording"], info["seed"]) == ("call", 15.0, 5, 0)
    assert info["runs"] == ["20240101T000000Z-aaaaaa"] and (info["hop_s"], info["window_s"]) == (1.0, 2.0)
    score = read(out, "predictions")["score"].to_numpy()
    assert len(info["strata"]) == 9 and info["strata"][0]["low"] == 0 and info["strata"][-1]["high"] == 1
    for h, stratum in enumerate(info["strata"]):
        inside = (score >= stratum["low"]) & ((score < stratum["high"]) | (h == 8))
        assert stratum["windows"] == inside.sum() and stratum["drawn"] >= 3
        own = [row for row in rows if row["stratum"] == h]
        assert len(own) == stratum["drawn"] and all(stratum["low"] <= row["score"] for row in own)


def test_the_program_is_unbiased_over_seeds(out):
    """The total of what is above 0.5, against the table itself: through the streaming, with spacing and limits."""
    predictions = read(out, "predictions")
    truth = (predictions["score"].to_numpy() > 0.5).sum()
    totals = []
    for seed in range(60):
        rows = sample(out, "-n", 40, "--seed", seed, "--spacing", 4, "--per-recording", 3, "--design", "random").rows
        totals.append((rows["weight"].to_numpy() * (rows["score"].to_numpy() > 0.5)).sum())
    assert abs(np.mean(totals) - truth) < 4 * np.std(totals) / np.sqrt(60) and np.std(totals) > 0
    ones = [s.rows["weight"].to_numpy().sum() for s in ReviewStore(out).samples()]
    assert abs(np.mean(ones) - len(predictions)) < 4 * np.std(ones) / np.sqrt(60)


def test_pieces_of_any_size_give_the_same_draw(out, scan, tmp_path, monkeypatch):
    import shutil

    first = sample(out, "-n", 50)
    shutil.copytree(scan, tmp_path / "again")
    monkeypatch.setattr(population_module, "_PIECE", 700)
    again = sample(str(tmp_path / "again"), "-n", 50)
    assert first.rows.equals(again.rows) and first.info.strata == again.info.strata


def test_spacing_and_limit_hold(out):
    rows = sample(out, "-n", 200, "--spacing", 20, "--per-recording", 2).rows.to_pylist()
    by_stratum = {}
    for row in rows:
        by_stratum.setdefault((row["recording"], row["stratum"]), []).append(row["start_s"])
    for starts in by_stratum.values():
        assert len(starts) <= 2 and (np.diff(sorted(starts)) >= 20).all()


def test_a_second_draw_adds_and_the_joined_weights_are_those_of_one(out, scan, tmp_path):
    import shutil

    shutil.copytree(scan, tmp_path / "once")
    one, two = sample(out, "-n", 40), sample(out, "-n", 30)
    ids = [set(s.rows["review_id"].to_pylist()) for s in (one, two)]
    assert one.info.frame == two.info.frame and not ids[0] & ids[1] and len(ids[1]) == 30
    both, whole = joined([one, two]), sample(str(tmp_path / "once"), "-n", 70)
    assert [s.eligible for s in one.info.strata] == [s.eligible for s in whole.info.strata]
    weights = dict(zip(both.rows["review_id"].to_pylist(), both.rows["weight"].to_pylist(), strict=True))
    assert [s.drawn for s in both.info.strata] == [s.drawn for s in whole.info.strata]
    expected = dict(zip(whole.rows["review_id"].to_pylist(), whole.rows["weight"].to_pylist(), strict=True))
    assert weights == pytest.approx(expected)
    score = dict(zip(both.rows["review_id"].to_pylist(), both.rows["stratum"].to_pylist(), strict=True))
    for h, stratum in enumerate(both.info.strata):
        assert sum(s == h for s in score.values()) == stratum.drawn


def test_new_recordings_keep_most_of_what_was_judged(out, capsys):
    first = sample(out, "-n", 100)
    store = ReviewStore(out)
    for row in first.rows.to_pylist():
        judge(store, row, "no")
    write_scan(out, corpus(2, first=12), run="20240102T000000Z-bbbbbb")
    capsys.readouterr()
    second = sample(out, "-n", 20)
    assert second.info.frame != first.info.frame and len(second.rows) == 120
    assert [s.low for s in second.info.strata] == [s.low for s in first.info.strata]
    common = set(first.rows["review_id"].to_pylist()) & set(second.rows["review_id"].to_pylist())
    assert len(common) > 70
    assert f"note: {len(common)} of them are judged already" in capsys.readouterr().out


def test_all_windows_and_then_none(tmp_path, capsys):
    out = write_scan(tmp_path, [result("file:///a.wav", 12.0, scores=scores(11, 0))])
    drawn = sample(out, "-n", 500, "--spacing", 0, "--per-recording", 0)
    assert len(drawn.rows) == 11 and set(drawn.rows["weight"].to_pylist()) == {1.0}
    capsys.readouterr()
    assert review(["sample", "--output", out, "-n", "5", "--spacing", "0", "--per-recording", "0"]) == 1
    assert "all 11 windows that can be drawn so are drawn already" in capsys.readouterr().err


def test_sites_and_diel(out, capsys):
    north = sample(out, "--design", "diel", "--sites", "north", "-n", 60)
    assert set(north.rows["site"].to_pylist()) == {"north"}
    assert [s.windows > 0 for s in north.info.strata] == [h < 12 and h % 2 == 0 for h in range(24)]
    hours = {r["recording"]: int(r["recording"][-6:-4]) for r in north.rows.to_pylist()}
    assert all(row["stratum"] == hours[row["recording"]] for row in north.rows.to_pylist())
    assert [s.drawn for s in north.info.strata if s.windows] == [5] * 6  # the limit of a recording
    capsys.readouterr()
    assert review(["sample", "--output", out, "--sites", "west"]) == 1
    assert "no recording of site 'west'; there are north, south" in capsys.readouterr().err


def test_diel_follows_the_recorders_clock(tmp_path):
    from tests.pipelines.review.scans import MIDNIGHT

    results = [placed(result("file:///a.wav", 7202.0, scores=scores(7201, 0)), None, MIDNIGHT)]
    results += [placed(result("file:///b.wav", 100.0, scores=scores(99, 1)))]
    out = write_scan(tmp_path, results, timezone="Asia/Kolkata")  # UTC+5:30: from 5:30 to 7:30
    drawn = sample(out, "--design", "diel", "-n", 30, "--spacing", 30, "--per-recording", 0)
    assert [s.windows for s in drawn.info.strata[5:8]] == [1800, 3600, 1801]
    assert [(s.low, s.high) for s in drawn.info.strata[5:7]] == [(5, 6), (6, 7)]
    assert drawn.info.left_out == 99


def test_scores_that_were_not_kept_are_told(tmp_path, capsys):
    labels = tuple(f"l{k}" for k in range(12))
    values = np.full((101, 12), 0.01, np.float32)
    values[:, 3] = np.linspace(0.0, 0.9, 101)
    of = result("file:///a.wav", 102.0, scores=values, labels=labels, floor=0.05)
    out = write_scan(tmp_path, [of], labels=labels, min_score=0.05)
    assert review(["sample", "--output", out]) == 1
    assert "has 12 labels (l0, l1, l2, l3, l4, l5, l6, l7, …); name one with --label" in capsys.readouterr().err
    assert review(["sample", "--output", out, "--label", "l33"]) == 1
    assert "no label 'l33'; there are l0" in capsys.readouterr().err
    drawn = sample(out, "--label", "l3", "-n", 20, "--spacing", 2)
    kept = (values[:, 3] >= np.float32(0.05)).sum()
    assert sum(s.windows for s in drawn.info.strata) == kept and drawn.info.left_out == 101 - kept
    assert drawn.info.min_score == 0.05 and drawn.info.strata[0].low == 0.05
    assert f"{101 - kept} others are left out: they have a score below 0.05" in capsys.readouterr().out
    assert review(["sample", "--output", out, "--label", "l5"]) == 1
    assert "no window of 'l5' of a score of 0.05 or more, and no lower ones were kept" in capsys.readouterr().err


def test_what_was_drawn_from_rows_that_are_superseded_is_told(out, capsys):
    sample(out, "-n", 200)
    again = [placed(result("file:///corpus/north/r000.wav", 602.0, scores=scores(601, 0)), "north")]
    write_scan(out, again, run="20240102T000000Z-bbbbbb")
    capsys.readouterr()
    first = ReviewStore(out).samples()[0]
    n = first.rows["recording"].to_pylist().count("file:///corpus/north/r000.wav")
    sample(out, "-n", 10)
    assert f"note: sample {first.name} has {n} windows of recordings that were scanned again" in capsys.readouterr().out
    write_scan(out, corpus(2), run="20240103T000000Z-cccccc", fingerprint="e" * 64, settings="t")
    sample(out, "-n", 10)
    assert "was drawn from the scores of another classifier (ffffffffffff)" in capsys.readouterr().out


def test_each_channel_is_a_window_of_its_own(tmp_path):
    of = result("file:///a.wav", 62.0, scores=scores(61, 0))
    both = dataclasses.replace(
        of,
        channel=1,
        other_channels=(dataclasses.replace(of, channel=2, scores=result("", 62.0, scores=scores(61, 5)).scores),),
    )
    out = write_scan(tmp_path, [both], channel="each")
    drawn = sample(out, "-n", 500, "--spacing", 0, "--per-recording", 0)
    assert len(set(drawn.rows["review_id"].to_pylist())) == 122
    for row in drawn.rows.to_pylist():
        assert row["review_id"] == review_id("file:///a.wav", row["channel"], "call", row["start_s"])
        at = int(row["start_s"])
        assert row["score"] == scores(61, 0 if row["channel"] == 1 else 5)[at, 0]
    spaced = sample(out, "-n", 8, "--design", "random", "--spacing", 10, "--per-recording", 0)
    for channel in (1, 2):
        starts = [r["start_s"] for r in spaced.rows.to_pylist() if r["channel"] == channel]
        assert starts and (np.diff(sorted(starts)) >= 10).all()


def test_the_csv_has_all_and_empty_verdicts(out, tmp_path):
    drawn = sample(out, "-n", 30, "--csv", tmp_path / "judge.csv")
    with open(tmp_path / "judge.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        "review_id", "recording", "start_s", "end_s", "label", "score", "clip", "verdict", "other_label", "note",
    ]  # fmt: skip
    for row, expected in zip(rows, drawn.rows.to_pylist(), strict=True):
        assert row["review_id"] == expected["review_id"] and float(row["start_s"]) == expected["start_s"]
        assert float(row["score"]) == pytest.approx(expected["score"], rel=1e-5) and row["verdict"] == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-n", "0"], "0 is not a whole number above zero"),
        (["--spacing", "-1"], "-1 is not a number of seconds"),
        (["--per-recording", "-1"], "-1 is not a whole number"),
        (["--design", "next"], "invalid choice"),
    ],
)
def test_wrong_options(out, capsys, options, message):
    with pytest.raises(SystemExit) as ended:
        review(["sample", "--output", out, *options])
    assert ended.value.code == 2 and message in capsys.readouterr().err


def test_no_scan_there(tmp_path, capsys):
    assert review(["sample", "--output", str(tmp_path / "none")]) == 1
    assert "no such folder" in capsys.readouterr().err

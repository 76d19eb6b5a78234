"""The designs that are no probability samples: presence, and what is worth training on."""

import datetime

import numpy as np
import pytest

from soundbeam.pipelines.results import read
from soundbeam.pipelines.review.program import main as review
from soundbeam.pipelines.review.site_nights import needless, site_nights
from soundbeam.pipelines.review.store import ReviewStore
from tests.pipelines.review.drawn import judge
from tests.pipelines.review.scans import MIDNIGHT, placed, scores, write_corpus
from tests.pipelines.written_scan import result, write_scan


def last(out):
    return ReviewStore(out).samples()[-1]


def night(k):
    """The night of the k-th recording of the corpus: an hour each from midnight on, UTC; noon to noon."""
    return str((MIDNIGHT + datetime.timedelta(hours=k - 12)).date())


def test_presence_takes_the_best_of_each_site_and_night_first(tmp_path, capsys):
    out = write_corpus(tmp_path, 24)
    assert review(["sample", "--output", out, "--design", "presence", "-n", "10"]) == 0
    assert "no probability sample: no total is computed" in capsys.readouterr().out
    rows = last(out).rows
    assert rows["weight"].null_count == rows["stratum"].null_count == 10
    best = {}
    for row in read(out, "predictions").to_pylist():
        key = row["site"], night(int(row["recording"][-7:-4]))
        best.setdefault(key, []).append((row["score"], row["recording"], row["start_s"]))
    assert len(best) == 4
    nights = site_nights(out, rows)
    assert sorted(nights[:4]) == sorted(best) == sorted(nights[4:8])
    first = [(r["score"], r["recording"], r["start_s"]) for r in rows.to_pylist()[:4]]
    assert sorted(first) == sorted(max(of_night) for of_night in best.values())
    assert [f[0] for f in first] == sorted((f[0] for f in first), reverse=True)
    starts = {}
    for row in rows.to_pylist():
        starts.setdefault(row["recording"], []).append(row["start_s"])
    assert all((np.diff(sorted(of_recording)) >= 15).all() for of_recording in starts.values())


def test_a_confirmed_night_is_skipped_on_the_page_and_by_the_next_draw(tmp_path):
    out = write_corpus(tmp_path, 24)
    call = ["sample", "--output", out, "--design", "presence", "-n", "8"]
    assert review(call) == 0
    first, store = last(out), ReviewStore(out)
    rows, nights = first.rows.to_pylist(), site_nights(out, first.rows)
    judge(store, rows[0], "yes")
    judge(store, rows[1], "no")
    verdicts = {row["review_id"]: row["verdict"] for row in store.consensus().to_pylist()}
    skipped = needless([r["review_id"] for r in rows], nights, verdicts)
    assert skipped == {r["review_id"] for r, n in zip(rows[1:], nights[1:], strict=True) if n == nights[0]}
    assert len(skipped) == 1
    assert review(call) == 0
    second = last(out)
    assert nights[0] not in site_nights(out, second.rows) and nights[1] in site_nights(out, second.rows)
    assert not set(second.rows["review_id"].to_pylist()) & {r["review_id"] for r in rows}
    for row in second.rows.to_pylist():
        near = [r for r in rows if r["recording"] == row["recording"] and abs(r["start_s"] - row["start_s"]) < 15]
        assert not near


def test_recordings_without_a_time_are_nights_of_their_own(tmp_path):
    results = [placed(result(f"file:///r{k}.wav", 60.0, scores=scores(59, k))) for k in range(4)]
    out = write_scan(tmp_path, results)
    assert review(["sample", "--output", out, "--design", "presence", "-n", "4"]) == 0
    assert set(last(out).rows["recording"].to_pylist()) == {f"file:///r{k}.wav" for k in range(4)}


def odds(score):
    return np.log(score) - np.log1p(-score)


def test_next_takes_what_is_nearest_to_the_threshold(tmp_path):
    out = write_corpus(tmp_path, 6, thresholds={"call": 0.3})
    assert review(["next", "--output", out, "-n", "12", "--per-recording", "3"]) == 0
    rows = last(out).rows.to_pylist()
    taken = []
    for name in {r["recording"] for r in read(out, "recordings").to_pylist()}:
        left = [(abs(odds(r["score"]) - odds(0.3)), r["start_s"]) for r in read(out, "predictions").to_pylist()
                if r["recording"] == name]  # fmt: skip
        for _ in range(3):
            best = min(left)
            taken.append((best[0], name, best[1]))
            left = [w for w in left if abs(w[1] - best[1]) >= 15]
    expected = [(name, start) for _, name, start in sorted(taken)[:12]]
    assert [(r["recording"], r["start_s"]) for r in rows] == expected
    assert {r["design"] for r in rows} == {"next"} and {r["weight"] for r in rows} == {None}
    store = ReviewStore(out)
    for row in rows:
        judge(store, row, "no")
    assert review(["next", "--output", out, "-n", "12"]) == 0
    for row in last(out).rows.to_pylist():
        assert all(r["recording"] != row["recording"] or abs(r["start_s"] - row["start_s"]) >= 15 for r in rows)


def test_next_takes_where_two_detectors_differ(tmp_path):
    def of(seed, changed=()):
        values = scores(101, seed)
        for at, score in changed:
            values[at] = score
        return values

    new = [result(f"file:///r{k}.wav", 102.0, scores=of(k)) for k in range(3)]
    old = [result("file:///r0.wav", 102.0, scores=of(0, [(40, 1 - 1e-6)])),
           result("file:///r1.wav", 102.0, scores=of(1, [(70, 1 - 1e-5)]))]  # fmt: skip
    out = write_scan(tmp_path / "new", new)
    write_scan(tmp_path / "old", old, fingerprint="e" * 64)
    assert review(["next", "--output", out, "--against", str(tmp_path / "old"), "-n", "2"]) == 0
    got = [(r["recording"], r["start_s"]) for r in last(out).rows.to_pylist()]
    assert sorted(got) == [("file:///r0.wav", 40.0), ("file:///r1.wav", 70.0)]


def test_nothing_is_left(tmp_path, capsys):
    out = write_scan(tmp_path, [result("file:///a.wav", 12.0, scores=scores(11, 0))])
    assert review(["next", "--output", out]) == 0
    assert len(last(out).rows) == 1
    assert review(["next", "--output", out]) == 1
    assert "no window of 'call' is left to look at" in capsys.readouterr().err


@pytest.mark.parametrize("other", ["none", "labels", "each"])
def test_an_output_that_cannot_be_compared_with(tmp_path, capsys, other):
    out = write_corpus(tmp_path / "new", 2)
    if other == "labels":
        write_scan(tmp_path / "old", [result("file:///a.wav", labels=("song",))], labels=("song",))
    elif other == "each":
        write_scan(tmp_path / "old", [result("file:///a.wav")], channel="each")
    assert review(["next", "--output", out, "--against", str(tmp_path / "old")]) == 1
    error = {"none": "no such folder", "labels": "no label 'call'; there are song", "each": "each channel was scanned"}
    assert error[other] in capsys.readouterr().err

"""``soundbeam review report`` where there is little or nothing to tell, or where results changed since the draw."""

import numpy as np
import pytest

import soundbeam
from soundbeam.pipelines.results import read
from soundbeam.pipelines.review.program import main as review
from soundbeam.pipelines.review.store import ReviewStore
from tests.pipelines.review.oracle import judge_all, scores_of, truth_of
from tests.pipelines.review.scans import corpus, write_corpus
from tests.pipelines.written_scan import result, write_scan


def error_of(capsys, *argv):
    """The one line on stderr of a program that fails."""
    assert review(["report", *map(str, argv)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_no_sample_no_reviews_and_only_unsure_are_one_line_each(tmp_path, capsys):
    out = write_corpus(tmp_path, 2)
    assert "no sample in it; draw windows with 'soundbeam review sample'" in error_of(capsys, "--output", out)
    assert review(["sample", "--output", out, "-n", "20"]) == 0
    capsys.readouterr()
    assert f"{out}: no reviews in it yet" in error_of(capsys, "--output", out)
    store = ReviewStore(out)
    rows = store.samples()[0].rows.to_pylist()
    store.append([{"review_id": r["review_id"], "verdict": "unsure", "reviewer": "ann"} for r in rows[:4]])
    assert "of 4 judged windows of 'call' none is judged yes or no" in error_of(capsys, "--output", out)
    assert "no label 'howl'; there are call" in error_of(capsys, "--output", out, "--label", "howl")


def test_windows_without_a_known_probability_give_no_total(tmp_path, capsys):
    out = write_corpus(tmp_path, 4)
    assert review(["sample", "--output", out, "-n", "10", "--design", "presence"]) == 0
    judge_all(out, {key: True for key in scores_of(out)})
    capsys.readouterr()
    assert "no verdict on a window of 'call' that was drawn with a known probability" in error_of(
        capsys, "--output", out
    )


@pytest.mark.parametrize("yes", [True, False])
def test_verdicts_that_are_all_alike(tmp_path, capsys, yes):
    out = write_corpus(tmp_path, 4)
    assert review(["sample", "--output", out, "-n", "40"]) == 0
    judge_all(out, dict.fromkeys(scores_of(out), yes))
    capsys.readouterr()
    assert review(["report", "--output", out]) == 0
    said = capsys.readouterr().out
    assert "note: all verdicts are alike" in said and "nan" not in said
    (of,) = soundbeam.review_report(out).labels
    assert of.total.low < of.total.high
    if yes:
        assert of.total.value > 0.5 * of.windows and of.target.value is not None
    else:
        assert of.total.low <= 5 and of.target.value is None


def test_a_single_verdict_is_enough_for_a_wide_answer(tmp_path, capsys):
    out = write_corpus(tmp_path, 4)
    assert review(["sample", "--output", out, "-n", "40"]) == 0
    judge_all(out, dict.fromkeys(scores_of(out), True), most=1)
    assert review(["report", "--output", out]) == 0
    assert "note: 1 verdicts are few" in capsys.readouterr().out
    (of,) = soundbeam.review_report(out).labels
    assert of.calls is None and sum(s.known.judged for s in of.strata) == 1
    assert of.total.high - of.total.low > 0.3 * of.windows


def test_the_hours_are_strata_of_their_own(tmp_path):
    out = write_corpus(tmp_path, 24)
    assert review(["sample", "--output", out, "-n", "480", "--design", "diel", "--per-recording", "0"]) == 0
    truth = truth_of(out, height=1.0)
    judge_all(out, truth)
    (of,) = soundbeam.review_report(out).labels
    assert of.total.low <= sum(truth.values()) <= of.total.high
    assert [s.low for s in of.strata] == list(range(24)) and of.unseen is None
    assert review(["report", "--output", out, "--html", str(tmp_path / "r.html")]) == 0


def test_scanned_again_or_added_since_the_draw(tmp_path, capsys):
    out = write_corpus(tmp_path, 12)
    assert review(["sample", "--output", out, "-n", "60"]) == 0
    judge_all(out, truth_of(out))
    (before,) = soundbeam.review_report(out).labels
    write_scan(out, [*corpus(3), *corpus(2, first=20)], run="20240102T000000Z-bbbbbb")
    (after,) = soundbeam.review_report(out).labels
    assert after.windows == before.windows and after.weighed == before.weighed
    assert any("1,202 windows of recordings that were scanned after the draw" in note for note in after.notes)
    assert after.total == before.total


def test_another_classifier_has_scanned_since(tmp_path):
    out = write_corpus(tmp_path, 6)
    assert review(["sample", "--output", out, "-n", "40"]) == 0
    judge_all(out, truth_of(out))
    write_corpus(tmp_path, 6, run="20240102T000000Z-bbbbbb", fingerprint="a" * 64, settings="t")
    (of,) = soundbeam.review_report(out).labels
    assert of.classifier == "f" * 64
    assert any("the newest run is of aaaaaaaaaaaa" in note for note in of.notes)
    assert of.windows == 6 * 601


def test_scores_that_were_not_kept_are_no_part_of_the_numbers(tmp_path):
    rng = np.random.default_rng(5)
    labels = tuple(f"l{k}" for k in range(12))
    results = [
        result(f"file:///r/{k}.wav", 300.0, scores=rng.beta(0.3, 3, (299, 12)), labels=labels, floor=0.05)
        for k in range(4)
    ]
    out = write_scan(tmp_path, results, labels, min_score=0.05)
    assert review(["sample", "--output", out, "--label", "l3", "-n", "50"]) == 0
    of_label = [row for row in read(out, "predictions").to_pylist() if row["label"] == "l3"]
    judge_all(out, {(row["recording"], row["start_s"]): row["score"] > 0.4 for row in of_label})
    (of,) = soundbeam.review_report(out).labels
    assert of.label == "l3" and any("below 0.05 were not kept" in note for note in of.notes)
    assert of.windows < 4 * 299

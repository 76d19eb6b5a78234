"""A report with reviewers' verdicts: the totals that they correct, beside the scan's own."""

import pytest

import soundbeam
from soundbeam.pipelines.report.program import main
from soundbeam.pipelines.review.program import main as review
from tests.pipelines.report.pages import Page
from tests.pipelines.review.oracle import judge_all, truth_of
from tests.pipelines.review.scans import corpus, write_corpus
from tests.pipelines.written_scan import write_scan


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    out = write_corpus(tmp_path_factory.mktemp("judged"), 30)
    assert review(["sample", "--output", out, "-n", "100"]) == 0
    truth = truth_of(out)
    judge_all(out, truth)
    return out, truth


def test_corrected_totals_hold_the_truth_and_are_those_of_the_review(judged, tmp_path):
    out, truth = judged
    assert main(["--output", out, "--html", str(tmp_path / "r.html"), "--reviews"]) == 0
    page = Page(tmp_path / "r.html")
    rows = page.csv("reviews.csv")
    total = rows[rows["site"].isna()].iloc[0]
    assert total["windows_low"] <= sum(truth.values()) <= total["windows_high"]
    (of,) = soundbeam.review_report(out).labels
    assert total["verdicts"] == of.weighed == 100
    assert (
        f"100 windows of {of.label}, drawn with known probabilities (design scores), were judged by 1 person"
        in page.text
    )
    assert f"{of.total.value:,.0f} ({of.total.low:,.0f} to {of.total.high:,.0f}) windows have the sound" in page.text
    assert len(rows) == 1 + len(of.sites) and "Corrected by reviews" in page.text


def test_verdicts_on_another_classifiers_windows_do_not_stand_beside_these_calls(tmp_path, capsys):
    out = write_corpus(tmp_path / "out", 6)
    assert review(["sample", "--output", out, "-n", "40"]) == 0
    judge_all(out, truth_of(out))
    write_scan(tmp_path / "out", corpus(6), run="20240102T000000Z-bbbbbb", fingerprint="e" * 64)
    capsys.readouterr()
    assert main(["--output", out, "--html", str(tmp_path / "r.html"), "--reviews"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "and the report is of eeeeeeeeeeee" in line and not (tmp_path / "r.html").exists()
    assert main(["--output", out, "--html", str(tmp_path / "r.html")]) == 0


def test_what_is_left_out_of_corrected_totals_is_told(tmp_path):
    out = write_corpus(tmp_path / "out", 6)
    assert review(["sample", "--output", out, "-n", "40"]) == 0
    judge_all(out, truth_of(out))
    write_scan(tmp_path / "out", corpus(2, first=6), run="20240102T000000Z-bbbbbb")
    assert main(["--output", out, "--html", str(tmp_path / "r.html"), "--reviews"]) == 0
    assert "1,202 windows of recordings that were scanned after the draw" in Page(tmp_path / "r.html").text


def test_without_the_option_the_page_says_that_there_are_verdicts(judged, tmp_path):
    soundbeam.report(judged[0], tmp_path / "r.html")
    page = Page(tmp_path / "r.html")
    assert "--reviews corrects the totals by them" in page.text and "reviews.csv" not in page.files


def test_no_reviews_is_one_line(tmp_path, capsys):
    out = write_corpus(tmp_path, 3)
    assert main(["--output", out, "--html", str(tmp_path / "r.html"), "--reviews"]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "no reviews of" in error and "leave out --reviews" in error

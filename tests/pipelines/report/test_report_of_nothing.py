"""Results that are empty in one way or another each give a page that says so."""

import pytest

from soundbeam.pipelines.report.program import main
from tests.pipelines.report.pages import Page
from tests.pipelines.written_scan import result, write_scan


@pytest.fixture
def report(tmp_path):
    def of(results, **more):
        write_scan(tmp_path / "out", results, **more)
        assert main(["--output", str(tmp_path / "out"), "--html", str(tmp_path / "report.html")]) == 0
        page = Page(tmp_path / "report.html")
        assert page.loads_nothing() and "nan" not in page.text.replace("nance", "")
        return page

    return of


def test_no_calls(report):
    page = report([result("file:///a.wav"), result("file:///b.wav")])
    assert "0 calls" in page.text and "2 recordings" in page.text
    assert page.csv("labels.csv")["calls"].tolist() == [0]
    assert "This found 0 calls of call." in page.text


def test_no_times_and_no_sites(report):
    page = report([result("file:///a.wav", seconds=7200.0, calls=[("call", 1, 2)])])
    assert "No recording says when it was made" in page.text and "no recording says when it was made" in page.text
    assert "label-1-scores.csv" in page.files and "label-1-diel.csv" not in page.files
    assert page.csv("labels.csv")["calls_per_hour"].tolist() == [0.5]
    assert "effort.csv" not in page.files and "labels-by-site.csv" not in page.files


def test_all_failed(report):
    page = report([result(f"file:///{i}.wav", None, status="failed", error=f"reason {i % 2}") for i in range(5)])
    assert "5 files failed" in page.text and "Nothing was listened to" in page.text
    assert page.csv("failures.csv")["files"].tolist() == [3, 2]
    assert "We listened to 0 recordings of 0.00 h in all." in page.text


def test_one_call_of_many_labels(report):
    labels = tuple(f"bird {i}" for i in range(300))
    calls = [("bird 7", 1, 2)]
    page = report([result("file:///a.wav", calls=calls, labels=labels)], labels=labels, sparse_counts=True)
    assert page.csv("labels.csv")["label"].tolist() == ["bird 7"]
    assert "299 labels had no call" in page.text


def test_an_empty_folder_is_one_line(tmp_path, capsys):
    assert main(["--output", str(tmp_path), "--html", str(tmp_path / "report.html")]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and str(tmp_path) in error

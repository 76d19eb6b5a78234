"""``soundbeam review report`` over written scans that an oracle judged: what it prints, its page, and its figures."""

import datetime
import json
import re

import numpy as np
import pytest

import soundbeam
from soundbeam.pipelines.results import read
from soundbeam.pipelines.review.program import main as review
from soundbeam.pipelines.review.store import ReviewStore
from tests.pipelines.review.oracle import judge_all, scores_of, truth_of
from tests.pipelines.review.scans import MIDNIGHT, placed, write_corpus
from tests.pipelines.written_scan import result, write_scan


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """A scan of 40 recordings at two sites, 150 windows of which were judged."""
    out = write_corpus(tmp_path_factory.mktemp("judged"), 40)
    assert review(["sample", "--output", out, "-n", "150"]) == 0
    truth = truth_of(out)
    judge_all(out, truth)
    return out, truth


@pytest.fixture(scope="module")
def figures(judged, tmp_path_factory):
    path = tmp_path_factory.mktemp("json") / "report.json"
    assert review(["report", "--output", judged[0], "--json", str(path), "--target-precision", "0.9"]) == 0
    (of,) = json.loads(path.read_text(encoding="utf-8"))["labels"]
    return of


def test_the_total_and_its_parts_hold_the_truth(judged, figures):
    out, truth = judged
    there = sum(truth.values())
    assert figures["windows"] == len(truth) and figures["weighed"] == 150
    assert figures["total"]["low"] <= there <= figures["total"]["high"]
    score = read(out, "predictions")["score"].to_numpy()
    assert figures["naive_windows"] == np.sum(score >= np.float32(0.5))
    for kind in ("sites", "nights", "hours"):
        rows = figures[kind]
        assert sum(row["windows"] for row in rows) == len(truth)
        assert sum(row["judged"] for row in rows) == 150
        assert sum(row["naive_windows"] for row in rows) == figures["naive_windows"]
    for row in figures["sites"]:
        own = sum(yes for (uri, _), yes in truth.items() if f"/{row['name']}/" in uri)
        assert row["total"]["low"] * 0.85 <= own <= row["total"]["high"] * 1.15
    hours = {row["name"]: row["windows"] for row in figures["hours"]}
    assert len(hours) == 24 and hours["00"] == 2 * 601
    assert [row["name"] for row in figures["nights"]] == ["2024-04-30", "2024-05-01", "2024-05-02"]


def test_precision_and_recall_at_thresholds_hold_the_truth(judged, figures):
    out, truth = judged
    rows = read(out, "predictions")
    score, there = rows["score"].to_numpy(), np.array(list(truth.values()))
    own = figures["own"]
    over = score >= np.float32(0.5)
    assert own["threshold"] == 0.5 and own["windows"] == over.sum()
    assert own["precision"]["low"] <= there[over].mean() <= own["precision"]["high"]
    assert own["recall"]["low"] <= there[over].sum() / there.sum() <= own["recall"]["high"]
    held = 0
    for point in figures["points"]:
        over = score >= np.float32(point["threshold"])
        assert point["windows"] == over.sum()
        held += point["recall"]["low"] - 1e-9 <= there[over].sum() / there.sum() <= point["recall"]["high"] + 1e-9
    assert held / len(figures["points"]) > 0.7
    target = figures["target"]
    of_truth = next(t for t in np.unique(score) if there[score >= t].mean() >= 0.9)
    assert target["precision"] == 0.9 and target["low"] <= of_truth <= target["high"]


def test_what_is_printed(judged, capsys):
    assert review(["report", "--output", judged[0]]) == 0
    said = capsys.readouterr().out
    assert said.startswith("call: ") and "150 verdicts weighed, drawn by scores from 24,040 windows" in said
    assert re.search(r"windows with the sound +[\d,]+ +[\d,]+ +[\d,]+ to [\d,]+\n", said)
    assert "at the classifier's threshold: 0.5: precision 0." in said
    assert "a precision of 0.95 takes a threshold of" in said or "no threshold is known to reach" in said
    assert re.search(r"\nsite +windows +judged", said) and "\nnorth " in said and "\nsouth " in said
    assert "nights at sites: " in said and "unsure" not in said


def test_the_python_interface_gives_the_same_figures(judged, figures):
    of = soundbeam.review_report(judged[0], target_precision=0.9)
    assert of.labels[0].total.value == figures["total"]["value"]
    assert of.labels[0].sites[0].name == "north"


def test_calls_are_counted_where_the_score_is_highest(tmp_path):
    rng = np.random.default_rng(1)
    results, calls = [], 0
    for k in range(10):
        odds = rng.normal(-6, 0.5, 599)
        for at in range(10, 580, 30):
            if rng.random() < 0.4:
                odds[at : at + 3] = [1.0, 4.0, 1.0]
                calls += 1
        results.append(result(f"file:///r/{k}.wav", 600.0, scores=(1 / (1 + np.exp(-odds)))[:, None]))
    out = write_scan(tmp_path, results)
    assert review(["sample", "--output", out, "-n", "200"]) == 0
    truth = {key: bool(score > 0.5) for key, score in scores_of(out).items()}
    judge_all(out, truth)
    (of,) = soundbeam.review_report(out).labels
    assert of.total.low <= 3 * calls <= of.total.high
    assert of.calls is not None and of.calls.low <= calls <= of.calls.high
    assert of.calls.high < 2 * calls


def test_two_reviewers_who_differ_widen_the_interval(tmp_path):
    out = write_corpus(tmp_path, 20)
    assert review(["sample", "--output", out, "-n", "120"]) == 0
    truth = truth_of(out)
    judge_all(out, truth)
    (alone,) = soundbeam.review_report(out).labels
    judge_all(out, truth, "bob", wrong=(3, 30, 50, 70, 90))
    (both,) = soundbeam.review_report(out).labels
    assert (both.reviewers.names, both.reviewers.pairs, both.reviewers.unlike) == (["ann", "bob"], 120, 5)
    assert both.counts["disagree"] == 5 and both.weighed == 115
    assert both.error is not None and both.error.low < 5 / 240 < both.error.high
    assert both.reviewers.kappa is not None and 0.7 < both.reviewers.kappa < 1
    assert any("5 windows that were judged differently are left out" in note for note in both.notes)
    assert alone.error is None and alone.reviewers.kappa is None


def test_a_site_where_the_detector_errs_is_named(tmp_path, capsys):
    out = write_corpus(tmp_path, 40, 602.0, 0, ("north", "south", "east", "west"))
    assert review(["sample", "--output", out, "-n", "300"]) == 0
    truth = {key: yes and "/west/" not in key[0] for key, yes in truth_of(out, height=2.0).items()}
    judge_all(out, truth)
    capsys.readouterr()
    assert review(["report", "--output", out]) == 0
    said = capsys.readouterr().out
    assert "differs: site west: 0 of " in said and "differs: site north" not in said
    (of,) = soundbeam.review_report(out).labels
    west, others = [s for s in of.sites if s.name == "west"], [s for s in of.sites if s.name != "west"]
    assert west[0].total.high < min(s.total.low for s in others)


def test_presence_is_confirmed_by_any_draw_and_likely_byscores_of(tmp_path):
    rng = np.random.default_rng(3)
    results = []
    for night, high in enumerate([12, 0, 12, 0]):
        odds = rng.normal(-7, 0.5, 599)
        odds[:high] = 5.0
        begin = MIDNIGHT + datetime.timedelta(days=night, hours=20)
        of = result(f"file:///r/{night}.wav", 600.0, scores=(1 / (1 + np.exp(-odds)))[:, None])
        results.append(placed(of, "north", begin))
    out = write_scan(tmp_path, results)
    assert review(["sample", "--output", out, "-n", "60", "--spacing", "0"]) == 0
    truth = {key: score > 0.5 for key, score in scores_of(out).items()}
    store = ReviewStore(out)
    rows = [
        r
        for r in store.samples()[-1].rows.to_pylist()
        if not (truth[r["recording"], r["start_s"]] and "/2." in r["recording"])
    ]
    store.append(
        [
            {
                "review_id": r["review_id"],
                "verdict": "yes" if truth[r["recording"], r["start_s"]] else "no",
                "reviewer": "a",
            }
            for r in rows
        ]
    )
    (of,) = soundbeam.review_report(out).labels
    status = {p.night: p.status for p in of.presence}
    assert status == {"2024-05-01": "confirmed", "2024-05-02": "none", "2024-05-03": "likely", "2024-05-04": "none"}


def test_the_page_holds_the_figures_and_loads_nothing(judged, figures, tmp_path):
    path = tmp_path / "report.html"
    assert review(["report", "--output", judged[0], "--html", str(path)]) == 0
    html = path.read_text(encoding="utf-8")
    assert f"{figures['total']['value']:,.0f}</td>" in html
    assert html.count("<svg ") == 4 and "<?xml" not in html
    assert not re.search(r"(src|href)=\"(?!#)", html.replace("xlink:href", "href")) and "<script" not in html


def test_names_with_markup_do_nothing_on_the_page(tmp_path):
    site = "<script>alert('$x_1$')</script>"
    scores = np.linspace(0.01, 0.99, 399)[:, None]
    results = [placed(result(f"file:///r/{k}.wav", 400.0, scores=scores), site) for k in (0, 1)]
    out = write_scan(tmp_path / "scan", results)
    assert review(["sample", "--output", out, "-n", "30"]) == 0
    judge_all(out, {key: score > 0.5 for key, score in scores_of(out).items()})
    assert review(["report", "--output", out, "--html", str(tmp_path / "r.html")]) == 0
    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<script" not in html and "&lt;script&gt;" in html

"""What is shown in which order, what is skipped, and what is told on the way."""

import datetime

import numpy as np
import pytest
from scipy import stats

from soundbeam.model.errors import OptionError
from soundbeam.pipelines.review.session import Session, UnknownWindow
from soundbeam.pipelines.review.store import ReviewStore
from tests.pipelines.review.drawn import add_sample, window
from tests.pipelines.review.looked_at import RUN, results_of
from tests.pipelines.written_scan import result, write_scan

EVENING = datetime.datetime(2024, 1, 1, 20, tzinfo=datetime.timezone.utc)


def scanned(tmp_path, n=4, run=RUN, sites="ab", **more):
    """A scan of recordings of an hour, two of each site, one a night."""
    results = []
    for i in range(n):
        one = result(f"file:///r/{i}.wav", 100.0, labels=("call", "jay"), scores=np.full((99, 2), 0.5))
        begins = EVENING + datetime.timedelta(days=i // 2)
        object.__setattr__(one.report.recording, "recorded_at", begins)
        object.__setattr__(one.report.recording, "site", sites[i % 2])
        results.append(one)
    return write_scan(tmp_path / "out", results, ("call", "jay"), run, **more)


def say(session, *verdicts):
    session.record([{"review_id": row["review_id"], "verdict": verdict} for row, verdict in verdicts])


def test_samples_come_by_draw_and_rank_and_a_label_can_be_chosen(tmp_path):
    output = scanned(tmp_path)
    old = [window("file:///r/0.wav", s, rank=r, score=0.5) for s, r in ((0.0, 2), (10.0, 1))]
    new = [window("file:///r/1.wav", 0.0, rank=1)]
    jay = [window("file:///r/1.wav", 4.0, label="jay", rank=1)]
    add_sample(output, new, "two", drawn_at="2024-02-02T00:00:00+00:00")
    add_sample(output, old, "one", drawn_at="2024-01-02T00:00:00+00:00")
    add_sample(output, jay, "three", label="jay", drawn_at="2024-01-03T00:00:00+00:00")
    shown = Session(output, "ana").state()["windows"]
    assert [w["id"] for w in shown] == [w["review_id"] for w in (old[1], old[0], jay[0], new[0])]
    assert [w["label"] for w in Session(output, "ana", "jay").state()["windows"]] == ["jay"]
    with pytest.raises(UnknownWindow):
        say(Session(output, "ana", "jay"), (new[0], "yes"))


def test_a_site_and_night_that_is_confirmed_is_skipped(tmp_path):
    output = scanned(tmp_path)
    # Recording 0 and 2 are of site a, in different nights; 1 and 3 of site b.
    rows = [
        window(f"file:///r/{i}.wav", start, design="presence", weight=None, stratum=None, site="ab"[i % 2], rank=k)
        for k, (i, start) in enumerate([(0, 0.0), (1, 0.0), (2, 0.0), (0, 20.0), (0, 40.0), (2, 20.0)])
    ]
    add_sample(output, rows, design="presence")
    session = Session(output, "ana")
    assert session.progress()["skip"] == []
    assert session.progress()["estimates"] == []  # no probability sample, no total
    say(session, (rows[0], "yes"), (rows[1], "no"), (rows[2], "unsure"))
    assert session.progress()["skip"] == sorted(rows[k]["review_id"] for k in (3, 4))
    assert Session(output, "ben").progress()["skip"] == []
    say(session, (rows[0], "no"))
    assert session.progress()["skip"] == []


def test_the_estimate_of_one_stratum_is_the_posterior_of_a_share(tmp_path):
    output = scanned(tmp_path)
    rows = [window("file:///r/0.wav", 2.0 * k, score=0.5, design="random", rank=k) for k in range(40)]
    add_sample(output, rows, strata=[(0.0, 1.0, 4000, 4000, 40)], design="random")
    session = Session(output, "ana")
    assert session.progress()["estimates"] == []
    say(session, *((row, "yes" if k < 10 else "no") for k, row in enumerate(rows)))
    (estimate,) = session.progress()["estimates"]
    assert (estimate["label"], estimate["windows"], estimate["judged"]) == ("call", 4000, 40)
    low, high = 4000 * stats.beta(10.5, 30.5).ppf([0.05, 0.95])
    assert estimate["low"] == pytest.approx(low, rel=0.3) and estimate["high"] == pytest.approx(high, rel=0.3)
    assert estimate["low"] < 1000 < estimate["high"]
    # The unsure say nothing; another label says no.
    session.record([{"review_id": rows[0]["review_id"], "verdict": "unsure"}])
    session.record([{"review_id": rows[1]["review_id"], "verdict": "other", "other_label": "jay"}])
    assert session.progress()["estimates"][0]["judged"] == 39
    assert session.progress()["estimates"][0]["total"] < estimate["total"]


def test_only_unsure_gives_no_estimate(tmp_path):
    output = results_of(tmp_path, names=("a.wav",))
    session = Session(str(output), "ana")
    session.record([{"review_id": w["id"], "verdict": "unsure"} for w in session.state()["windows"]])
    assert session.progress()["estimates"] == [] and session.progress()["judged"] == 10


def test_a_superseded_run_and_another_classifier_are_told(tmp_path):
    output = scanned(tmp_path)
    rows = [window(f"file:///r/{i}.wav", rank=i) for i in range(4)]
    add_sample(output, rows)
    assert Session(output, "ana").notices == []
    scanned(tmp_path, 1, "20240301T000000Z-bbbbbb")
    assert Session(output, "ana").notices == [
        "1 of 4 windows are of recordings that were scanned again or deleted since the draw"
    ]
    scanned(tmp_path, 4, "20240401T000000Z-cccccc", fingerprint="e" * 64, settings="other")
    (notice,) = Session(output, "ana").notices
    assert "another classifier (ffffffffffff)" in notice


def test_what_was_said_is_said_once_and_undone_once(tmp_path):
    output = results_of(tmp_path, names=("a.wav",))
    session = Session(str(output), "ana")
    one = session.state()["windows"][0]["id"]
    for verdict in ("withdrawn", "yes", "yes", "no", "no", "withdrawn", "withdrawn", "yes"):
        session.record([{"review_id": one, "verdict": verdict, "note": " "}])
    rows = ReviewStore(str(output)).verdicts().to_pylist()
    assert [row["verdict"] for row in rows] == ["yes", "no", "withdrawn", "yes"]
    # Also where several wait and come at once.
    session.record([{"review_id": one, "verdict": v} for v in ("no", "withdrawn", "withdrawn", "yes", "yes")])
    rows = ReviewStore(str(output)).verdicts().to_pylist()
    assert [row["verdict"] for row in rows][4:] == ["no", "withdrawn", "yes"]
    with pytest.raises(OptionError):
        session.record([{"review_id": one, "verdict": "maybe"}])
    assert Session(str(output), "ana").state()["windows"][0]["mine"]["verdict"] == "yes"


def test_labels_used_before_are_offered_first(tmp_path):
    output = results_of(tmp_path, names=("a.wav",))
    session = Session(str(output), "ana")
    windows = [w["id"] for w in session.state()["windows"]]
    for identity, label in zip(windows, ["owl", "fox", "fox"], strict=False):
        session.record([{"review_id": identity, "verdict": "other", "other_label": label}])
    assert session.state()["used"] == ["fox", "owl"]
    assert session.state()["labels"] == ["call", "wren <b>", "jay"]

"""The store of reviews: nothing that was written is lost, the newest counts, and files are joined safely."""

import datetime
import hashlib
import multiprocessing
import os
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import soundbeam
from soundbeam.model.errors import OptionError, ResultsError
from soundbeam.pipelines.review import store as store_module
from soundbeam.pipelines.review.samples import REVIEWS, SAMPLES, joined
from soundbeam.pipelines.review.store import ReviewStore, review_id
from tests.pipelines.review.drawn import INFO, add_sample, judge, window

ROWS = [window(start=float(k), score=k / 10, rank=k + 1) for k in range(10)]


@pytest.fixture
def store(tmp_path):
    add_sample(tmp_path, ROWS)
    return ReviewStore(str(tmp_path))


def test_the_identity_is_that_of_the_contract():
    name = "s3://b/ü a.wav\0002\0call\00012500".encode()
    assert review_id("s3://b/ü a.wav", 2, "call", 12.5) == hashlib.blake2b(name).hexdigest()[:16]
    assert len({review_id("a", c, label, t) for c in (None, 1) for label in "xy" for t in (0.0, 0.001)}) == 8
    assert review_id("a", None, "x", 0.1 + 0.2) == review_id("a", None, "x", 0.3)


def test_a_sample_reads_back_as_it_was_written(store, tmp_path):
    (sample,) = store.samples()
    assert sample.rows.to_pylist() == pa.Table.from_pylist(ROWS, SAMPLES).to_pylist()
    assert sample.info == INFO and sample.name == "one"
    with pytest.raises(OptionError, match="there is a sample 'one' already"):
        add_sample(tmp_path, ROWS)
    assert pq.read_table(tmp_path / "samples" / "one.parquet").schema.names == SAMPLES.names


def test_a_verdict_has_all_that_the_sample_tells(store, tmp_path):
    before = datetime.datetime.now(datetime.timezone.utc)
    judge(store, ROWS[3], "other", other_label="owl", note="near")
    (row,) = ReviewStore(str(tmp_path)).current().to_pylist()
    assert {name: row[name] for name in ROWS[3] if name not in ("rank", "score")} == {
        name: value for name, value in ROWS[3].items() if name not in ("rank", "score")
    }
    assert (row["verdict"], row["other_label"], row["note"], row["reviewer"]) == ("other", "owl", "near", "ann")
    assert before <= row["reviewed_at"] <= datetime.datetime.now(datetime.timezone.utc)
    table = pq.read_table(next((tmp_path / "reviews").iterdir()))
    assert table.schema.equals(REVIEWS) and list(row) == table.schema.names


def test_the_newest_counts_and_one_may_be_taken_back(store, tmp_path):
    for verdict in ("yes", "no", "unsure"):
        judge(store, ROWS[0], verdict)
    judge(store, ROWS[1], "yes")
    judge(store, ROWS[1], "withdrawn")
    judge(store, ROWS[0], "yes", "bob")
    again = ReviewStore(str(tmp_path))
    assert {(r["review_id"], r["reviewer"], r["verdict"]) for r in again.current().to_pylist()} == {
        (ROWS[0]["review_id"], "ann", "unsure"), (ROWS[0]["review_id"], "bob", "yes"),
    }  # fmt: skip
    assert again.verdicts()["verdict"].to_pylist() == ["yes", "no", "unsure", "yes", "withdrawn", "yes"]


def test_the_newest_counts_though_the_clock_was_set_back(store, tmp_path, monkeypatch):
    judge(store, ROWS[0], "yes")

    class Clock(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return super().now(tz) - datetime.timedelta(hours=1)

    monkeypatch.setattr(store_module.datetime, "datetime", Clock)
    judge(ReviewStore(str(tmp_path)), ROWS[0], "no")
    assert ReviewStore(str(tmp_path)).current()["verdict"].to_pylist() == ["no"]


@pytest.mark.parametrize(
    ("given", "agreed", "label"),
    [
        ({"ann": "yes"}, "yes", None),
        ({"ann": "yes", "bob": "yes"}, "yes", None),
        ({"ann": "yes", "bob": "no"}, None, None),
        ({"ann": "yes", "bob": "owl"}, None, None),
        ({"ann": "no", "bob": "owl"}, "other", "owl"),
        ({"ann": "hen", "bob": "owl"}, "other", None),
        ({"ann": "unsure", "bob": "no"}, "no", None),
        ({"ann": "unsure", "bob": "unsure"}, "unsure", None),
        ({"ann": "yes", "bob": "no", "adjudicated": "no"}, "no", None),
        ({"ann": "yes", "bob": "yes", "adjudicated": "owl"}, "other", "owl"),
        ({"ann": "yes", "bob": "no", "adjudicated": "unsure"}, "unsure", None),
    ],
)
def test_what_reviewers_agree_on(store, given, agreed, label):
    for reviewer, verdict in given.items():
        other = verdict if verdict in ("owl", "hen") else None
        judge(store, ROWS[2], "other" if other else verdict, reviewer, other_label=other, note=reviewer[0])
    (row,) = store.consensus().to_pylist()
    assert (row["verdict"], row["other_label"]) == (agreed, label)
    assert row["reviewer"] == ", ".join(sorted(given)) and set(row["note"].split("; ")) == {r[0] for r in given}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"review_id": "0" * 16, "verdict": "yes", "reviewer": "ann"}, "no window '0000000000000000' in its samples"),
        ({"review_id": ROWS[0]["review_id"], "verdict": "maybe", "reviewer": "ann"}, "verdict 'maybe'"),
        ({"review_id": ROWS[0]["review_id"], "verdict": "yes"}, "no reviewer is named"),
        ({"review_id": ROWS[0]["review_id"], "verdict": "other", "reviewer": "ann"}, "no other label is named"),
    ],
)
def test_what_is_no_verdict_is_refused_and_nothing_is_written(store, tmp_path, row, message):
    good = {"review_id": ROWS[1]["review_id"], "verdict": "yes", "reviewer": "ann"}
    with pytest.raises(OptionError, match=message):
        store.append([good, row])
    assert not (tmp_path / "reviews").exists()


def test_many_files_are_joined_and_a_crash_between_costs_nothing(store, tmp_path, monkeypatch):
    monkeypatch.setattr(store_module, "_MOST_FILES", 5)
    for row in ROWS[:5]:
        judge(store, row, "yes")
    small = list((tmp_path / "reviews").iterdir())
    assert len(small) == 5
    shutil.copytree(tmp_path / "reviews", tmp_path / "kept")
    judge(store, ROWS[5], "no")
    assert len(list((tmp_path / "reviews").iterdir())) == 1
    for path in (tmp_path / "kept").iterdir():  # as if the process had died before it removed them
        shutil.copy(path, tmp_path / "reviews")
    again = ReviewStore(str(tmp_path))
    assert len(again.verdicts()) == 6 and again.current()["verdict"].to_pylist() == ["yes"] * 5 + ["no"]
    judge(again, ROWS[6], "no")
    assert len(list((tmp_path / "reviews").iterdir())) == 1 and len(ReviewStore(str(tmp_path)).verdicts()) == 7


def _judge_many(folder, reviewer):
    store_module._MOST_FILES = 7
    store = ReviewStore(folder)
    for _ in range(6):
        for row in ROWS:
            judge(store, row, "yes", reviewer)
        assert len(store.current()) >= len(ROWS)


def test_two_processes_that_write_and_join_lose_nothing(store, tmp_path):
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_judge_many, args=(str(tmp_path), name)) for name in ("ann", "bob")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
        assert worker.exitcode == 0
    assert len(ReviewStore(str(tmp_path)).verdicts()) == 2 * 6 * len(ROWS)


def test_another_process_sees_what_was_added(store, tmp_path):
    other = ReviewStore(str(tmp_path))
    assert len(other.samples()) == 1 and len(other.current()) == 0
    later = window(start=50.0)
    add_sample(tmp_path, [later], "two", drawn_at="2024-01-03T00:00:00+00:00")
    judge(other, later, "yes")  # of a sample that it has not read yet
    assert [s.name for s in store.samples()] == ["one", "two"] and store.current()["start_s"].to_pylist() == [50.0]


def test_read_table_gives_the_current_verdicts(store, tmp_path):
    with pytest.raises(ResultsError, match="no reviews in it yet"):
        soundbeam.read_table(tmp_path, "reviews")
    judge(store, ROWS[0], "yes")
    judge(store, ROWS[0], "no")
    rows = soundbeam.read_table(tmp_path, "reviews", columns=["verdict", "start_s"])
    assert rows.to_pylist() == [{"verdict": "no", "start_s": 0.0}]
    assert len(soundbeam.read_table(tmp_path, "reviews", recordings=["file:///r/b.wav"])) == 0
    assert len(soundbeam.read_table(tmp_path, "reviews", recordings="file:///r/a.wav", classifier="ff")) == 1
    assert len(soundbeam.read_table(tmp_path, "reviews", run="x")) == 0
    with pytest.raises(ResultsError, match="no column 'verdicts' in reviews"):
        soundbeam.read_table(tmp_path, "reviews", columns=["verdicts"])


def test_damaged_files_are_named(store, tmp_path):
    (tmp_path / "samples" / "bad.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(ResultsError, match=r"samples/bad\.parquet: damaged"):
        store.samples()
    os.unlink(tmp_path / "samples" / "bad.parquet")
    pq.write_table(pa.table({"x": [1]}), tmp_path / "samples" / "bad.parquet")
    with pytest.raises(ResultsError, match=r"bad\.parquet: not a sample"):
        store.samples()


def test_draws_of_one_frame_join(tmp_path):
    one = add_sample(tmp_path, [window(start=0.0, weight=3 * 10 / 2), window(start=1.0, stratum=1, weight=4.0)],
                     strata=[(0, 0.5, 40, 10, 2), (0.5, 1, 4, 4, 1)])  # fmt: skip
    two = add_sample(
        tmp_path, [window(start=2.0, weight=1 * 10 / 3)], "two", strata=[(0, 0.5, 40, 10, 3), (0.5, 1, 4, 4, 0)]
    )
    both = joined([one, two])
    assert both.rows["weight"].to_pylist() == pytest.approx([3 * 10 / 5, 4.0, 1 * 10 / 5])
    assert [(s.eligible, s.drawn) for s in both.info.strata] == [(10, 5), (4, 1)]

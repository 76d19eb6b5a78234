"""The nearest windows against plain NumPy over all of them at once, however they lie in files and row groups."""

import random

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundbeam.model.errors import ResultsError
from soundbeam.transforms.search.find_nearest import (
    FindNearest,
    Match,
    nearest_in_rows,
    nearest_of,
    normalised,
    read_matches,
)

SIZE = 16


def table(n, recordings=7, seed=0):
    """Rows of a table ``embeddings``, sorted by recording and start."""
    generator = np.random.default_rng(seed)
    names = sorted(f"file:///r{i}.wav" for i in generator.integers(0, recordings, n))
    starts = [float(names[:i].count(name)) for i, name in enumerate(names)]
    vectors = generator.standard_normal((n, SIZE)).astype(np.float32)
    return of_vectors(names, starts, vectors)


def of_vectors(names, starts, vectors):
    flat = pa.array(np.asarray(vectors, np.float32).reshape(-1))
    return pa.table(
        {
            "recording": pa.array(names, pa.string()),
            "start_s": pa.array(starts, pa.float64()),
            "end_s": pa.array(np.asarray(starts) + 3, pa.float64()),
            "embedding": pa.FixedSizeListArray.from_arrays(flat, np.shape(vectors)[1]),
            "site": pa.array([None] * len(names), pa.string()),
        }
    )


def by_numpy(rows, queries, top, per_recording):
    """(recording, start, query) and cosine of the nearest rows, one row at a time in double precision."""
    vectors = np.array(rows["embedding"].to_pylist(), np.float64)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = unit @ (queries / np.linalg.norm(queries, axis=1, keepdims=True)).T.astype(np.float64)
    places = list(zip(rows["recording"].to_pylist(), rows["start_s"].to_pylist(), strict=True))
    found, of_recording = [], {}
    for i in sorted(range(len(rows)), key=lambda i: (-cosines[i].max(), places[i])):
        n = of_recording[places[i][0]] = of_recording.get(places[i][0], 0) + 1
        if n <= per_recording:
            found.append((*places[i], int(cosines[i].argmax()), cosines[i].max()))
    return found[:top]


def as_tuples(matches):
    return [(m.recording, m.start_s, m.query, m.similarity) for m in matches]


def assert_same(found, expected):
    assert [f[:3] for f in found] == [e[:3] for e in expected]
    np.testing.assert_allclose([f[3] for f in found], [e[3] for e in expected], atol=2e-6)


@pytest.mark.parametrize(("top", "per_recording"), [(1, 1), (5, 1), (20, 2), (500, 100)])
def test_rows_of_a_table(top, per_recording):
    rows, queries = table(300), np.random.default_rng(1).standard_normal((3, SIZE)).astype(np.float32)
    found = as_tuples(nearest_in_rows(rows, normalised(queries), top, per_recording))
    assert_same(found, by_numpy(rows, queries, top, per_recording))


@pytest.mark.parametrize("options", [[], ["--direct_running_mode=multi_threading", "--direct_num_workers=2"]])
def test_files_and_row_groups_in_any_order(tmp_path, options):
    rows, queries = table(500, recordings=20), np.random.default_rng(2).standard_normal((2, SIZE)).astype(np.float32)
    order = np.random.default_rng(3).permutation(500)
    shards = []
    for i, part in enumerate(np.array_split(order, 7)):  # a recording lies in several files, and row groups of each
        path = tmp_path / f"part-{i}.parquet"
        pq.write_table(rows.take(np.sort(part)), path, row_group_size=10)
        shards.append((f"file://{path}", "run1"))
    random.Random(4).shuffle(shards)
    url = f"{tmp_path}/found.json"
    with beam.Pipeline("FnApiRunner", argv=options) as pipeline:
        left_out = {"run1": ["file:///r3.wav", "file:///r11.wav"]}
        step = FindNearest(url, queries, 30, 3, left_out, threads=2)
        _ = pipeline | beam.Create(shards) | "FindNearest" >> step
    current = rows.filter(~np.isin(np.array(rows["recording"].to_pylist()), left_out["run1"]))
    assert_same(as_tuples(read_matches(url)), by_numpy(current, queries, 30, 3))


def test_where_there_is_nothing_nothing_is_found(tmp_path):
    with beam.Pipeline("FnApiRunner") as pipeline:
        step = FindNearest(f"{tmp_path}/found.json", np.ones((1, SIZE), np.float32), 30, 3, {})
        _ = pipeline | beam.Create([]) | "FindNearest" >> step
    assert read_matches(f"{tmp_path}/found.json") == []


MATCHES = st.lists(st.tuples(st.sampled_from([0.5, 0.6, 0.7]), st.sampled_from("abc"), st.integers(0, 50)), unique=True)


@settings(max_examples=200, deadline=None)
@given(MATCHES, st.integers(1, 8), st.integers(1, 3), st.randoms())
def test_parts_may_be_searched_apart_and_joined_in_any_order(values, top, per_recording, chance):
    every = [Match(s, recording, float(i), i + 3.0, None, None, 0) for i, (s, recording, _) in enumerate(values)]
    whole = nearest_of(every, top, per_recording)
    chance.shuffle(every)
    cuts = sorted(chance.randint(0, len(every)) for _ in range(3))
    parts = [every[a:b] for a, b in zip([0, *cuts], [*cuts, None], strict=True)]
    best = [nearest_of(part, top, per_recording) for part in parts]
    joined = nearest_of(best[0] + nearest_of(best[1] + best[2], top, per_recording) + best[3], top, per_recording)
    assert joined == whole
    assert len(whole) <= top and all(sum(m.recording == r for m in whole) <= per_recording for r in "abc")


def test_equal_sounds_are_in_the_order_of_their_recordings_and_starts():
    vector = np.random.default_rng(5).standard_normal(SIZE)
    names = ["a"] * 40 + ["b"] * 40
    rows = of_vectors(names, [*range(40), *range(40)], np.outer(np.linspace(0.1, 90, 80), vector))
    found = nearest_in_rows(rows, normalised(vector[None].astype(np.float32)), 5, 3)
    assert [(m.recording, m.start_s, m.similarity) for m in found] == [
        ("a", 0, 1.0), ("a", 1, 1.0), ("a", 2, 1.0), ("b", 0, 1.0), ("b", 1, 1.0),
    ]  # fmt: skip


def test_an_embedding_of_zeros_is_like_nothing():
    rows = of_vectors(["a", "b"], [0, 0], [[0.0] * SIZE, [-1.0] * SIZE])
    found = nearest_in_rows(rows, normalised(np.ones((1, SIZE), np.float32)), 5, 3)
    assert [(m.recording, m.similarity) for m in found] == [("a", 0.0), ("b", -1.0)]


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "part-0.parquet").write_bytes(b"PAR1 no table PAR1")
    with pytest.raises(Exception, match=r"part-0.parquet: damaged or gone .*embed again") as error:  # noqa: SIM117
        with beam.Pipeline("FnApiRunner") as pipeline:
            step = FindNearest(f"{tmp_path}/found.json", np.ones((1, SIZE), np.float32), 30, 3, {})
            _ = pipeline | beam.Create([(f"{tmp_path}/part-0.parquet", "run1")]) | "FindNearest" >> step
    assert ResultsError.__name__ in str(error.value) or isinstance(error.value, ResultsError)

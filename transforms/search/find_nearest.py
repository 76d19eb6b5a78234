"""Shards of embeddings → the windows that are nearest to some queries, exactly, in bounded memory."""

from __future__ import annotations

import collections
import dataclasses
import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.transforms.window import GlobalWindows

from soundbeam.model.errors import ResultsError
from soundbeam.model.storage.files import open_text, open_to_write, place_of
from soundbeam.model.storage.parquet import open_parquet, read_rows
from soundbeam.model.storage.stores import one_line
from soundbeam.transforms.counters import count

# Similarities are rounded, so that equal sounds are equal whatever the shape of the matrix product that they were in.
_DECIMALS = 6


@dataclasses.dataclass(frozen=True)
class Match:
    """A window that is near to a query.

    Attributes:
        similarity: The cosine of the angle between the two embeddings, -1 to 1; 0 where one of them is all zeros.
        recording: The recording's URI.
        start_s, end_s: The window.
        channel: The channel that it was taken from; None where the mean of all was.
        site: The recording's site.
        query: The index of the nearest query.
    """

    similarity: float
    recording: str
    start_s: float
    end_s: float
    channel: int | None
    site: str | None
    query: int

    @property
    def place(self) -> tuple[Any, ...]:
        """What matches are ordered by: the most similar first, ties by recording, channel and start."""
        return -self.similarity, self.recording, self.channel or 0, self.start_s


def normalised(embeddings: np.ndarray) -> np.ndarray:
    """float32 ``[n, size]`` → the same of length 1; zeros stay zeros."""
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    return np.divide(embeddings, lengths, out=np.zeros_like(embeddings), where=lengths > 0)


def similarities(embeddings: np.ndarray, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compares embeddings with queries.

    Args:
        embeddings: float32 ``[n, size]``.
        queries: float32 ``[q, size]``, of length 1.

    Returns:
        The cosine with the nearest query, float64 ``[n]``, rounded; and which query that is, int64 ``[n]``.
    """
    products = embeddings @ queries.T
    nearest = products.argmax(axis=1)
    lengths = np.sqrt(np.einsum("ij,ij->i", embeddings, embeddings))
    best = products[np.arange(len(products)), nearest].astype(np.float64)
    cosines = np.divide(best, lengths, out=np.zeros(len(best)), where=lengths > 0)
    return np.round(np.clip(cosines, -1, 1), _DECIMALS), nearest


def nearest_rows(cosines: np.ndarray, recordings: np.ndarray, top: int, per_recording: int) -> np.ndarray:
    """The rows of the highest cosines, at most so many in all and of each recording, int64; the highest first.

    Args:
        cosines: float64 ``[n]``.
        recordings: int ``[n]``, a number for each recording, in the order of their names.
        top, per_recording: How many.
    """
    of_recordings = np.lexsort((-cosines, recordings))  # stable: ties stay in the order of rows, which is that of time
    codes = recordings[of_recordings]
    starts = np.flatnonzero(np.r_[True, codes[1:] != codes[:-1]]) if len(codes) else np.zeros(0, np.int64)
    ranks = np.arange(len(codes)) - np.repeat(starts, np.diff(np.r_[starts, len(codes)]))
    kept = of_recordings[ranks < per_recording]
    return kept[np.lexsort((recordings[kept], -cosines[kept]))[:top]]


def nearest_of(matches: Iterable[Match], top: int, per_recording: int) -> list[Match]:
    """The nearest of some matches, at most ``top``, and at most ``per_recording`` of a recording, in order.

    What it leaves out can never be among the nearest of more matches, so parts may be searched apart, in any order.
    """
    seen: collections.Counter[str] = collections.Counter()
    best = []
    for match in sorted(matches, key=lambda match: match.place):
        seen[match.recording] += 1
        if seen[match.recording] <= per_recording:
            best.append(match)
            if len(best) == top:
                break
    return best


@dataclasses.dataclass
class FindNearest(beam.PTransform):
    """The nearest windows of all shards, as a file of JSON: (URL, run) of Parquet files → the URL of that file.

    A worker holds as many row groups as it has threads, and as many matches as are asked for.

    Args:
        url: The file to write: the matches in order, as `read_matches` reads them.
        queries: float32 ``[q, size]``; the best of them counts.
        top: How many windows to find.
        per_recording: How many at most of one recording.
        left_out: Run → the recordings whose rows in it count no more.
        threads: How many files are read at a time.
    """

    url: str
    queries: np.ndarray
    top: int
    per_recording: int
    left_out: dict[str, list[str]]
    threads: int = 1

    def expand(self, shards: beam.PCollection[tuple[str, str]]) -> beam.PCollection[str]:
        """Adds the steps to the graph."""
        return (
            shards
            | "SpreadShards" >> beam.Reshuffle()
            | "Compare" >> beam.ParDo(_Compare(self))
            | "Nearest" >> beam.CombineGlobally(_Nearest(self.top, self.per_recording))
            | "WriteMatches" >> beam.Map(_write_matches, self.url)
        )


def _write_matches(matches: list[Match], url: str) -> str:
    with open_to_write(url, "w") as file:
        json.dump([dataclasses.asdict(match) for match in matches], file)
    return url


def read_matches(url: str) -> list[Match]:
    """The matches that `FindNearest` wrote."""
    with open_text(url) as file:
        return [Match(**match) for match in json.load(file)]


class _Compare(beam.DoFn):
    """Compares files with the queries, several at a time, because reading and decoding a file uses one core."""

    def __init__(self, step: FindNearest):
        self._step = step

    def setup(self) -> None:
        self._queries = normalised(np.asarray(self._step.queries, np.float32))
        self._left_out = {run: pa.array(uris, pa.string()) for run, uris in self._step.left_out.items()}
        self._pool = ThreadPoolExecutor(self._step.threads, "soundbeam-search")

    def start_bundle(self) -> None:
        self._pending: collections.deque[Future[tuple[list[Match], int]]] = collections.deque()

    def process(self, shard: tuple[str, str]) -> Iterator[list[Match]]:
        self._pending.append(self._pool.submit(self._nearest_in, *shard))
        while len(self._pending) > self._step.threads:
            yield self._take()

    def finish_bundle(self) -> Iterator[Any]:
        while self._pending:
            yield GlobalWindows.windowed_value(self._take())

    def teardown(self) -> None:
        self._pool.shutdown()

    def _take(self) -> list[Match]:
        matches, windows = self._pending.popleft().result()
        count("windows_searched", windows)
        return matches

    def _nearest_in(self, url: str, run: str) -> tuple[list[Match], int]:
        """The nearest of a file's windows, and how many windows it has."""
        try:
            return self._compare(url, run)
        except (pa.ArrowInvalid, OSError) as e:
            raise ResultsError(f"{url}: damaged or gone ({one_line(e)}); copy it again, or embed again") from e

    def _compare(self, url: str, run: str) -> tuple[list[Match], int]:
        place, path = place_of(url)
        step, best, windows = self._step, list[Match](), 0
        with open_parquet(place.fs, path) as parquet:
            for group in range(parquet.num_row_groups):
                rows = read_rows(parquet, group=group)
                if run in self._left_out:
                    rows = rows.filter(pc.invert(pc.is_in(rows["recording"], value_set=self._left_out[run])))
                windows += len(rows)
                found = nearest_in_rows(rows, self._queries, step.top, step.per_recording)
                best = nearest_of([*best, *found], step.top, step.per_recording)
        return best, windows


def nearest_in_rows(rows: pa.Table, queries: np.ndarray, top: int, per_recording: int) -> list[Match]:
    """The nearest of the rows of a table ``embeddings``, sorted by recording and start.

    Args:
        rows: The rows.
        queries: float32 ``[q, size]``, of length 1.
        top, per_recording: How many.
    """
    if not len(rows):
        return []
    parts = [chunk.flatten().to_numpy() for chunk in rows["embedding"].chunks if len(chunk)]
    flat = parts[0] if len(parts) == 1 else np.concatenate(parts)  # a row group is one part: no copy of it is made
    cosines, query = similarities(flat.reshape(len(rows), -1), queries)
    codes = pc.rank(rows["recording"], sort_keys="ascending", tiebreaker="dense").to_numpy()
    nearest = nearest_rows(cosines, codes, top, per_recording)
    columns = [c for c in ("recording", "start_s", "end_s", "channel", "site") if c in rows.column_names]
    values = rows.select(columns).take(pa.array(nearest)).to_pylist()
    return [
        Match(cosine, **{"channel": None, **value}, query=q)
        for cosine, value, q in zip(cosines[nearest].tolist(), values, query[nearest].tolist(), strict=True)
    ]


class _Nearest(beam.CombineFn):
    """The nearest of all lists of matches."""

    def __init__(self, top: int, per_recording: int):
        self._top, self._per_recording = top, per_recording

    def create_accumulator(self) -> list[Match]:
        return []

    def add_input(self, best: list[Match], matches: Sequence[Match]) -> list[Match]:
        return nearest_of([*best, *matches], self._top, self._per_recording)

    def merge_accumulators(self, accumulators: Iterable[list[Match]]) -> list[Match]:
        return nearest_of((m for best in accumulators for m in best), self._top, self._per_recording)

    def extract_output(self, best: list[Match]) -> list[Match]:
        return best

"""Recordings and the spans of them that are wanted → sound files; each recording is decoded once."""

from __future__ import annotations

import collections
import dataclasses
import json
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import apache_beam as beam
from apache_beam.transforms.window import GlobalWindows

from soundbeam.model.storage.files import open_text, open_to_write, place_of, write_at_once
from soundbeam.model.storage.stores import one_line
from soundbeam.transforms.counters import count
from soundbeam.transforms.decoding.spans import spans_or_reason
from soundbeam.transforms.isolation.isolated_process import IsolatedProcess, IsolatedTask, TaskFailed
from soundbeam.transforms.sound_files import as_sound_file

_PATIENCE_S = 7 * 86400.0  # a recording of weeks may take long; one that gives nothing is stopped before
_ABSENT = "the recording ends before it"


@dataclasses.dataclass(frozen=True)
class Cutting:
    """The clips that are wanted of one recording.

    Attributes:
        uri: The recording.
        channel: From 1 on; None: the mean of all.
        names: Of the files, relative to the folder.
        spans: From where to where each goes, seconds, in order of their starts.
    """

    uri: str
    channel: int | None
    names: tuple[str, ...]
    spans: tuple[tuple[float, float], ...]

    def to_json(self) -> str:
        """One line."""
        return json.dumps(dataclasses.astuple(self))

    @classmethod
    def from_json(cls, line: str) -> Cutting:
        """The inverse of `to_json`."""
        uri, channel, names, spans = json.loads(line)
        return cls(uri, channel, tuple(names), tuple((start, end) for start, end in spans))


@dataclasses.dataclass
class CutClips(beam.PTransform):
    """Cuts clips and writes them: URLs of lists of `Cutting` → the URL of a file that tells which could not be cut.

    A clip is written at once, under a name that is its own: a bundle that is tried again writes the same files.

    Args:
        folder: URL of the folder for the clips.
        kind: ``flac`` or ``wav``.
        missed: The file to write: JSON, ``[[uri, reason, names], …]``.
        threads: How many recordings are read at a time.
    """

    folder: str
    kind: str
    missed: str
    threads: int = 1

    def expand(self, lists: beam.PCollection[str]) -> beam.PCollection[str]:
        """Adds the steps to the graph."""
        return (
            lists
            | "SpreadLists" >> beam.Reshuffle()
            | "ReadLists" >> beam.FlatMap(read_list)
            | "SpreadRecordings" >> beam.Reshuffle()
            | "Cut" >> beam.ParDo(_Cut(self))
            | "Missed" >> beam.combiners.ToList()
            | "WriteMissed" >> beam.Map(_write_missed, self.missed)
        )


def read_list(url: str) -> Iterator[Cutting]:
    """What is wanted, a recording a line."""
    with open_text(url) as file:
        for line in file:
            yield Cutting.from_json(line)


def _write_missed(missed: list[tuple[str, str, list[str]]], url: str) -> str:
    with open_to_write(url, "w") as file:
        json.dump(missed, file)
    return url


def cut(cutting: Cutting, folder: str, kind: str) -> tuple[str, str, list[str]] | None:
    """Cuts the clips of a recording, which is decoded in another process, and writes them.

    Returns:
        (the recording, why, names of clips) of what could not be cut; None if all were.
    """
    place, path = place_of(folder)
    missing, reason = dict.fromkeys(range(len(cutting.names))), ""
    process = IsolatedProcess()
    try:
        process.start(IsolatedTask(spans_or_reason, (cutting.uri, cutting.spans, cutting.channel), _PATIENCE_S))
        for piece in process.take():
            if isinstance(piece, str):
                reason = piece
                continue
            index, samples, rate = piece
            try:
                data = as_sound_file(samples, rate, kind)
            except Exception as e:  # libsndfile's: a rate that the format does not have
                reason = f"cannot be written as {kind} ({one_line(e)})"
                continue
            write_at_once(place.fs, f"{path.rstrip('/')}/{cutting.names[index]}", data)
            del missing[index]
    except TaskFailed as e:
        reason = e.reason
    finally:
        process.close()
    count("clips_cut", len(cutting.names) - len(missing))
    return (cutting.uri, reason or _ABSENT, [cutting.names[i] for i in missing]) if missing else None


class _Cut(beam.DoFn):
    """Cuts several recordings at a time: reading and decoding one uses one core."""

    def __init__(self, step: CutClips):
        self._of = step.folder, step.kind
        self._threads = step.threads

    def setup(self) -> None:
        self._pool = ThreadPoolExecutor(self._threads, "soundbeam-cut")

    def start_bundle(self) -> None:
        self._pending: collections.deque[Future[Any]] = collections.deque()

    def process(self, cutting: Cutting) -> Iterator[Any]:
        self._pending.append(self._pool.submit(cut, cutting, *self._of))
        while len(self._pending) > 2 * self._threads:
            yield from self._take()

    def finish_bundle(self) -> Iterator[Any]:
        while self._pending:
            yield from map(GlobalWindows.windowed_value, self._take())

    def teardown(self) -> None:
        self._pool.shutdown()

    def _take(self) -> list[Any]:
        missed = self._pending.popleft().result()
        return [] if missed is None else [missed]

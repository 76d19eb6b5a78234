"""Recordings and the spans of them that are wanted → sound files; each recording is decoded once."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import json
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import apache_beam as beam
import numpy as np
from apache_beam.transforms.window import GlobalWindows

from soundbeam.model.storage.files import open_text, open_to_write, place_of, write_at_once
from soundbeam.model.storage.stores import one_line
from soundbeam.transforms.counters import count
from soundbeam.transforms.decoding.clip_reader import read_excerpts
from soundbeam.transforms.decoding.excerpt import Excerpt
from soundbeam.transforms.scanned_file import ScannedFile, why_not_same
from soundbeam.transforms.sound_files import as_sound_file


@dataclasses.dataclass(frozen=True)
class Cutting:
    """The clips that are wanted of one recording.

    Attributes:
        recording: As the scan saw it.
        channel: From 1 on; None: the mean of all.
        names: Of the files, relative to the folder.
        spans: From where to where each goes, seconds, in order of their starts.
    """

    recording: ScannedFile
    channel: int | None
    names: tuple[str, ...]
    spans: tuple[tuple[float, float], ...]

    def to_json(self) -> str:
        """One line."""
        return json.dumps(dataclasses.astuple(self))

    @classmethod
    def from_json(cls, line: str) -> Cutting:
        """The inverse of `to_json`."""
        recording, channel, names, spans = json.loads(line)
        return cls(ScannedFile(*recording), channel, tuple(names), tuple((start, end) for start, end in spans))


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

    A recording that has changed since the scan is left alone: its calls may be elsewhere now.

    Returns:
        (the recording, why, names of clips) of what could not be cut; None if all were.
    """
    place, path = place_of(folder)
    uri, rate = cutting.recording.uri, cutting.recording.rate
    reason = why_not_same(cutting.recording) or ("" if rate else "the scan could not decode it")
    if reason or not rate:
        return uri, reason, list(cutting.names)
    missing = list[str]()
    excerpts = [Excerpt(uri, *span, cutting.channel) for span in cutting.spans]
    with contextlib.closing(read_excerpts(excerpts, rate, 1)) as sounds:
        for name, sound in zip(cutting.names, sounds, strict=True):
            data = sound if isinstance(sound, str) else _encoded(sound, rate, kind)
            if isinstance(data, str):
                missing.append(name)
                reason = reason or data.removeprefix(f"{uri}: ")
            else:
                write_at_once(place.fs, f"{path.rstrip('/')}/{name}", data)
    count("clips_cut", len(cutting.names) - len(missing))
    return (uri, reason, missing) if missing else None


def _encoded(samples: np.ndarray, rate: int, kind: str) -> bytes | str:
    """A clip's file, or why there is none."""
    try:
        return as_sound_file(samples, rate, kind)
    except Exception as e:  # libsndfile's: a rate that the format does not have
        return f"cannot be written as {kind} ({one_line(e)})"


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

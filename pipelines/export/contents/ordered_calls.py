"""Calls in the order of their recordings and times, however many there are, in bounded memory."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# So many calls are sorted in memory, at about 80 bytes each; more are first divided by their recordings, on the disk.
IN_MEMORY = 1_000_000
_PARTS = 64
_ORDER = [("rank", "ascending"), ("start_s", "ascending"), ("end_s", "ascending"), ("label", "ascending")]
_SLICE = 20_000


class OrderedCalls:
    """Sorts calls by recording, start, end and label; may be read several times.

    Args:
        recordings: How many recordings there are.
        in_memory: How many calls are sorted without the disk.

    Attributes:
        calls: How many calls there are.
    """

    def __init__(self, recordings: int, in_memory: int = IN_MEMORY):
        self._recordings, self._in_memory = max(1, recordings), in_memory
        self._parts: list[pa.Table] = []
        self._stack = contextlib.ExitStack()
        self._writers: dict[int, pa.RecordBatchFileWriter] = {}
        self._folder = ""
        self.calls = 0

    def __enter__(self) -> OrderedCalls:
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def fill(self, parts: Iterable[pa.Table]) -> None:
        """Takes all calls; every part has a column ``rank``, the recording's place in the order."""
        waiting = 0
        for part in parts:
            self.calls += len(part)
            waiting += len(part)
            self._parts.append(part)
            if waiting > self._in_memory:
                self._divide()
                waiting = 0
        if self._folder:
            if self._parts:
                self._divide()
            for writer in self._writers.values():
                writer.close()

    def _divide(self) -> None:
        if not self._folder:
            self._folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="soundbeam-export-"))
        calls = pa.concat_tables(self._parts)
        self._parts = []
        part_of = calls["rank"].to_numpy() * _PARTS // self._recordings
        for number in np.unique(part_of):
            chosen = calls.filter(pa.array(part_of == number)).combine_chunks()
            if number not in self._writers:
                self._writers[number] = pa.ipc.new_file(self._path(number), calls.schema)
            self._writers[number].write_table(chosen)

    def _path(self, number: int) -> str:
        return os.path.join(self._folder, f"{number}.arrow")

    def _in_parts(self) -> Iterator[pa.Table]:
        if not self._folder:
            if self._parts:
                yield pa.concat_tables(self._parts)
            return
        for number in sorted(self._writers):
            with pa.OSFile(self._path(number)) as file:
                yield pa.ipc.open_file(file).read_all()

    def __iter__(self) -> Iterator[pa.Table]:
        """The calls in order, in slices of some thousands, which may divide a recording's."""
        for part in self._in_parts():
            in_order = part.take(pc.sort_indices(part, sort_keys=_ORDER))
            for first in range(0, len(in_order), _SLICE):
                yield in_order.slice(first, _SLICE)

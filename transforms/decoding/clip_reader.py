"""Reads sound in other processes, which may crash or hang: many excerpts ahead of their use, or one as a stream."""

from __future__ import annotations

import collections
import contextlib
import itertools
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any

import numpy as np

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.storage.stores import one_line
from soundbeam.transforms.decoders import DecodeError
from soundbeam.transforms.decoding.blocks import decode_blocks
from soundbeam.transforms.decoding.excerpt import Excerpt, ExcerptReader
from soundbeam.transforms.isolation.isolated_process import IsolatedProcess, IsolatedTask, TaskFailed

_EMPTY = "there is no sound in it"
# What a process sends: samples; then, if a recording breaks off, why; None at the end of an excerpt.
_Piece = np.ndarray | str | None
# How many excerpts a process reads before it sends them: processes that alternate on a core find its caches filled by
# each other, so they should alternate rarely. And how many such groups a process is given in advance.
_EXCERPTS_PER_TASK = 8
_TASKS_PER_PROCESS = 2
# How many samples a process sends at once: a clip of a minute in one piece, a clip of hours in bounded memory.
_PIECE = 1 << 20
# … or after how many blocks, which may be empty on the way to a late start: a sign that the process is not stuck.
_PIECE_BLOCKS = 256
# A process that sends something may take a week; one that sends nothing is stopped after `isolated_process.STALL_S`.
_PATIENCE_S = 7 * 86400.0


def read_excerpts(excerpts: Sequence[Excerpt], rate: int, processes: int) -> Generator[np.ndarray | str, None, None]:
    """Reads excerpts of recordings in order, even if a recording crashes the process that reads it.

    Args:
        excerpts: The excerpts to read.
        rate: Samples per second of the result.
        processes: How many processes read.

    Yields:
        For each excerpt float32 ``[samples]``, mono, as ``read_recording`` returns it; or one line that says why it
        cannot be read.
    """
    # Of few excerpts, each process gets some.
    size = max(1, min(_EXCERPTS_PER_TASK, len(excerpts) // (_TASKS_PER_PROCESS * processes)))
    groups = _groups(excerpts, size)
    readers = [IsolatedProcess() for _ in range(processes)]
    pending: collections.deque[tuple[IsolatedProcess, Sequence[Excerpt]]] = collections.deque()
    try:
        for group, reader in zip(groups, itertools.cycle(readers), strict=False):
            reader.start(_reading_task(group, rate))
            pending.append((reader, group))
            if len(pending) >= _TASKS_PER_PROCESS * processes:
                yield from _samples_of_excerpts(*pending.popleft(), rate)
        while pending:
            yield from _samples_of_excerpts(*pending.popleft(), rate)
    finally:
        for reader in readers:
            reader.close()


def decode_isolated(uri: str, rate: int) -> Iterator[np.ndarray]:
    """Runs ``decode_blocks`` for a recording in another process, and yields larger pieces.

    Raises:
        DecodeError: The recording cannot be read, breaks off, or crashes the process.
    """
    reader = IsolatedProcess()
    try:
        reader.start(IsolatedTask(_pieces, (decode_blocks, [(uri, rate)]), _PATIENCE_S))
        reason = ""
        for piece in _received_pieces(reader):
            if isinstance(piece, str):
                reason = piece
            elif piece is not None:
                yield piece
        if reason:
            raise DecodeError(reason)
    except TaskFailed as e:
        raise DecodeError(e.reason) from e
    finally:
        reader.close()


def _groups(excerpts: Sequence[Excerpt], size: int) -> list[list[Excerpt]]:
    """Groups of about ``size``. Neighbours from one recording are never divided: they are read in one pass.

    So the samples of an excerpt do not depend on the number of processes.
    """
    groups = list[list[Excerpt]]()
    for _, of_recording in itertools.groupby(excerpts, key=lambda excerpt: excerpt.uri):
        if not groups or len(groups[-1]) >= size:
            groups.append([])
        groups[-1] += of_recording
    return groups


def _reading_task(group: Sequence[Excerpt], rate: int) -> IsolatedTask:
    return IsolatedTask(_pieces_of_excerpts, (rate, group), _PATIENCE_S)


def _pieces_of_excerpts(rate: int, group: Sequence[Excerpt]) -> Iterator[list[_Piece]]:
    with contextlib.closing(ExcerptReader(rate)) as reader:
        yield from _pieces(reader.read, group)


def _pieces(read: Callable[..., Iterator[np.ndarray]], each: Sequence[tuple[Any, ...]]) -> Iterator[list[_Piece]]:
    """What a process sends: the pieces of what ``read`` yields for each tuple of arguments."""
    ready, samples, blocks = list[_Piece](), 0, 0
    for arguments in each:
        blocks_so_far, reason = list[np.ndarray](), ""
        try:
            for block in read(*arguments):
                blocks_so_far.append(block)
                samples, blocks = samples + len(block), blocks + 1
                if samples >= _PIECE or blocks >= _PIECE_BLOCKS:
                    yield [*ready, _joined(blocks_so_far)]
                    ready, blocks_so_far, samples, blocks = [], [], 0, 0
        except (
            SoundbeamError,
            DecodeError,
        ) as e:  # any other exception is reported by the process, and costs the whole clip
            reason = one_line(e)
        if blocks_so_far:
            ready.append(_joined(blocks_so_far))
        if reason:
            ready.append(reason)
        ready.append(None)
    yield ready


def _received_pieces(reader: IsolatedProcess) -> Iterator[_Piece]:
    """The pieces of the oldest task of a process; raises TaskFailed if it cannot be finished."""
    for pieces in reader.take():
        yield from pieces


def _samples_of_excerpts(reader: IsolatedProcess, group: Sequence[Excerpt], rate: int) -> Iterator[np.ndarray | str]:
    """The samples of each excerpt, or why it has none."""
    blocks_so_far, reason, done = list[np.ndarray](), _EMPTY, 0
    try:
        for piece in _received_pieces(reader):
            if isinstance(piece, np.ndarray):
                blocks_so_far.append(piece)
            elif piece is not None:
                reason = piece
            else:
                yield _joined(blocks_so_far) if any(map(len, blocks_so_far)) else reason
                blocks_so_far, reason, done = [], _EMPTY, done + 1
    except TaskFailed as e:
        if len(group) == 1 > done:
            yield e.reason
        else:  # One of the remaining excerpts crashed the process; reading each on its own shows which.
            yield from _read_one_by_one(group[done:], rate)


def _joined(pieces: list[np.ndarray]) -> np.ndarray:
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


def _read_one_by_one(excerpts: Sequence[Excerpt], rate: int) -> Iterator[np.ndarray | str]:
    reader = IsolatedProcess()
    try:
        for excerpt in excerpts:
            reader.start(_reading_task([excerpt], rate))
            yield from _samples_of_excerpts(reader, [excerpt], rate)
    finally:
        reader.close()

"""Sound read by other processes, which may crash or hang: many clips one after the other, ahead; or one as a stream."""

from __future__ import annotations

import collections
import itertools
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any

import numpy as np

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.storage.stores import one_line
from soundbeam.transforms.decoders import DecodeError
from soundbeam.transforms.decoding.excerpt import decode_excerpt
from soundbeam.transforms.decoding.recording import decode_blocks
from soundbeam.transforms.isolation.isolated_process import IsolatedProcess, IsolatedTask, TaskFailed

_EMPTY = "there is no sound in it"
# A recording's URI, where an excerpt of it starts and where it ends, seconds; None is the recording's end.
Excerpt = tuple[str, float, float | None]
# What a process sends: samples; then, where a recording breaks, why; None at an excerpt's end.
_Piece = np.ndarray | str | None
# How many excerpts a process reads before it sends what it read: where processes take turns on a core, each finds its
# caches filled by the other one, so turns should be few. And how many such groups a process is given ahead.
_EXCERPTS_PER_TASK = 8
_TASKS_PER_PROCESS = 2
# Samples that a process sends at once: a clip of a minute in one piece, a clip of hours in memory that does not grow.
_PIECE = 1 << 20
# … or of so many blocks, empty ones on the way to a start late in a recording: a sign that the process is not stuck.
_PIECE_BLOCKS = 256
# A process that sends something has all the time of the world; one that does not is stopped by `isolation.STALL_S`.
_PATIENCE_S = 7 * 86400.0


def read_excerpts(excerpts: Sequence[Excerpt], rate: int, processes: int) -> Generator[np.ndarray | str, None, None]:
    """Reads excerpts of recordings, in their order, whatever a recording does to the process that reads it.

    Args:
        excerpts: What to read.
        rate: Samples a second to give.
        processes: How many work at it.

    Yields:
        For each excerpt float32 ``[samples]``, mono, as ``read_recording`` gives it; or one line that says why it
        cannot be read.
    """
    # Of few excerpts, each process gets some.
    size = max(1, min(_EXCERPTS_PER_TASK, len(excerpts) // (_TASKS_PER_PROCESS * processes)))
    groups = [excerpts[i : i + size] for i in range(0, len(excerpts), size)]
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
    """``decode_blocks`` of a recording by a process of its own, in larger pieces.

    Raises:
        DecodeError: The recording cannot be read, or breaks, or breaks its process.
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


def _reading_task(group: Sequence[Excerpt], rate: int) -> IsolatedTask:
    each = [(uri, rate, start_s, end_s) for uri, start_s, end_s in group]
    return IsolatedTask(_pieces, (decode_excerpt, each), _PATIENCE_S)


def _pieces(read: Callable[..., Iterator[np.ndarray]], each: Sequence[tuple[Any, ...]]) -> Iterator[list[_Piece]]:
    """What a process sends of what ``read`` gives for each of some arguments."""
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
        except (SoundbeamError, DecodeError) as e:  # another exception is told by the process, and costs all of a clip
            reason = one_line(e)
        if blocks_so_far:
            ready.append(_joined(blocks_so_far))
        if reason:
            ready.append(reason)
        ready.append(None)
    yield ready


def _received_pieces(reader: IsolatedProcess) -> Iterator[_Piece]:
    """The pieces of a process's oldest task; TaskFailed in between if it cannot go on."""
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
        else:  # One of those that are left broke the process; which one shows when each is read by itself.
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

"""Sound read by other processes, which may crash or hang: many clips one after the other, ahead; or one as a stream."""

from __future__ import annotations

import collections
import itertools
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any

import numpy as np

from model.errors import SoundbeamError
from model.files import one_line
from transforms.decoders import DecodeError
from transforms.decoders.isolation import Broken, Isolated, Task
from transforms.decoders.recording import decode_blocks
from transforms.decoders.stretch import stretch_blocks

# A recording's URI, where a stretch of it starts and where it ends, seconds; None is the recording's end.
Stretch = tuple[str, float, float | None]
# How many stretches a process is given before results are waited for.
_AHEAD = 8
# Samples that a process sends at once: a clip of a minute in one piece, a clip of hours in memory that does not grow.
_PIECE = 1 << 20
# … or of so many blocks, empty ones on the way to a start late in a recording: a sign that the process is not stuck.
_BLOCKS = 256
# A process that sends something has all the time of the world; one that does not is stopped by `isolation.STALL_S`.
_PATIENCE_S = 7 * 86400.0


def read_ahead(stretches: Iterable[Stretch], rate: int, processes: int) -> Generator[np.ndarray | str, None, None]:
    """Reads stretches of recordings, in their order, whatever a recording does to the process that reads it.

    Args:
        stretches: What to read.
        rate: Samples a second to give.
        processes: How many work at it.

    Yields:
        For each stretch float32 ``[samples]``, mono, as ``read_recording`` gives it; or one line that says why it
        cannot be read.
    """
    readers = [Isolated() for _ in range(processes)]
    given: collections.deque[Isolated] = collections.deque()
    try:
        for (uri, start_s, end_s), reader in zip(stretches, itertools.cycle(readers), strict=False):
            reader.start(Task(_pieces, (stretch_blocks, (uri, rate, start_s, end_s)), _PATIENCE_S))
            given.append(reader)
            if len(given) >= _AHEAD * processes:
                yield _taken(given.popleft())
        while given:
            yield _taken(given.popleft())
    finally:
        for reader in readers:
            reader.close()


def decode_apart(uri: str, rate: int) -> Iterator[np.ndarray]:
    """``decode_blocks`` of a recording by a process of its own, in larger pieces.

    Raises:
        DecodeError: The recording cannot be read, or breaks, or breaks its process.
    """
    reader = Isolated()
    try:
        reader.start(Task(_pieces, (decode_blocks, (uri, rate)), _PATIENCE_S))
        yield from _sent(reader)
    except Broken as e:
        raise DecodeError(e.reason) from e
    finally:
        reader.close()


def _pieces(read: Callable[..., Iterator[np.ndarray]], arguments: tuple[Any, ...]) -> Iterator[np.ndarray | str]:
    """What a process sends of what ``read`` gives: samples, then, where a recording breaks, why."""
    held, samples, blocks, reason = list[np.ndarray](), 0, 0, ""
    try:
        for block in read(*arguments):
            held.append(block)
            samples, blocks = samples + len(block), blocks + 1
            if samples >= _PIECE or blocks >= _BLOCKS:
                yield np.concatenate(held)
                held, samples, blocks = [], 0, 0
    except (SoundbeamError, DecodeError) as e:  # another exception is told by the process, and costs all of the clip
        reason = one_line(e)
    if held:
        yield np.concatenate(held)
    if reason:
        yield reason


def _sent(reader: Isolated) -> Iterator[np.ndarray]:
    """The samples of a process's oldest task; a DecodeError at the end where the recording breaks, else Broken."""
    reason = ""
    for piece in reader.take():
        if isinstance(piece, str):
            reason = piece
        else:
            yield piece
    if reason:
        raise DecodeError(reason)


def _taken(reader: Isolated) -> np.ndarray | str:
    pieces, reason = list[np.ndarray](), "there is no sound in it"
    try:
        for piece in _sent(reader):
            pieces.append(piece)
    except Broken as e:
        return e.reason
    except DecodeError as e:
        reason = e.message
    if not any(map(len, pieces)):
        return reason
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

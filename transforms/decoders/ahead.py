"""Stretches of recordings that are read one after the other, by several processes that work ahead."""

from __future__ import annotations

import collections
import itertools
from collections.abc import Generator, Iterable, Iterator

import numpy as np

from model.files import one_line
from transforms.counters import milliseconds
from transforms.decoders.isolation import Broken, Isolated, Task
from transforms.decoders.stretch import stretch_blocks

# A recording's URI, where a stretch of it starts and where it ends, seconds; None is the recording's end.
Stretch = tuple[str, float, "float | None"]
# How many stretches a process is given before results are waited for.
_AHEAD = 8
# Samples that a process sends at once: a clip of a minute in one piece, a clip of hours in memory that does not grow.
_PIECE = 1 << 20
# … or of so many blocks, empty ones on the way to a start late in a recording: a sign that the process is not stuck.
_BLOCKS = 1024
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
        for stretch, reader in zip(stretches, itertools.cycle(readers), strict=False):
            reader.start(Task(_pieces, (stretch, rate), _PATIENCE_S))
            given.append(reader)
            if len(given) >= _AHEAD * processes:
                yield _taken(given.popleft())
        while given:
            yield _taken(given.popleft())
    finally:
        for reader in readers:
            reader.close()


def _pieces(stretch: Stretch, rate: int) -> Iterator[np.ndarray | str]:
    """What a process sends: samples, empty ones now and then on a long way to the start; a reason at the end."""
    uri, start_s, end_s = stretch
    held, samples, blocks = list[np.ndarray](), 0, 0
    try:
        with milliseconds("decode_clips"):
            for block in stretch_blocks(uri, rate, start_s, end_s):
                held.append(block)
                samples, blocks = samples + len(block), blocks + 1
                if samples >= _PIECE or blocks >= _BLOCKS:
                    yield np.concatenate(held)
                    held, samples, blocks = [], 0, 0
    except MemoryError:
        raise  # ends the process, which may have kept too much of what came before
    except Exception as e:  # whatever is wrong with one clip must not cost the others
        yield one_line(e)
        return
    if held:
        yield np.concatenate(held)


def _taken(reader: Isolated) -> np.ndarray | str:
    pieces, reason = list[np.ndarray](), ""
    try:
        for piece in reader.take():
            if isinstance(piece, str):
                reason = piece
            else:
                pieces.append(piece)
    except Broken as e:
        return e.reason
    return reason or (pieces[0] if len(pieces) == 1 else np.concatenate(pieces))

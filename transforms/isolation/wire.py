"""Values over a socket between two processes of one machine; arrays cross without a copy on either side."""

from __future__ import annotations

import pickle
import socket
import struct
from typing import Any

# How a child says, by its exit code, that its memory did not suffice.
MEMORY_EXIT = 86


class Closed(Exception):
    """The other side is gone."""


def send(to: socket.socket, value: Any) -> None:
    """Sends a value.

    Raises:
        OSError: The other side is gone.
    """
    buffers: list[pickle.PickleBuffer] = []
    parts = [memoryview(pickle.dumps(value, protocol=5, buffer_callback=buffers.append))]
    parts += [buffer.raw() for buffer in buffers]
    parts.insert(0, memoryview(struct.pack(f">{1 + len(parts)}Q", len(parts), *(part.nbytes for part in parts))))
    sent = to.sendmsg(parts)  # at once, so that who waits for it is woken once
    for part in parts:
        if sent < part.nbytes:
            to.sendall(part[sent:])
        sent = max(0, sent - part.nbytes)


def receive(source: socket.socket) -> tuple[Any, int]:
    """Waits for a value; gives it and its size in bytes.

    Raises:
        Closed: The other side has gone, before the value or in the middle of it.
    """
    (n,) = struct.unpack(">Q", _exactly(source, 8))
    sizes = struct.unpack(f">{n}Q", _exactly(source, 8 * n))
    parts = [_exactly(source, size) for size in sizes]
    return pickle.loads(parts[0], buffers=parts[1:]), sum(sizes)


def _exactly(source: socket.socket, size: int) -> bytearray:
    data = bytearray(size)
    view = memoryview(data)
    done = 0
    while done < size:
        got = source.recv_into(view[done:])
        if not got:
            raise Closed
        done += got
    return data

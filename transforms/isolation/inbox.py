"""Messages from a child process that its parent has not read yet."""

from __future__ import annotations

import collections
import socket
import threading

from soundbeam.transforms.isolation.wire import Closed, Message, receive

# How many bytes of results may wait for the parent. This limits how far the child works ahead.
WAITING_BYTES = 16 << 20


class Inbox:
    """A queue that a thread fills with messages. The thread waits while too many bytes are unread."""

    def __init__(self) -> None:
        self._ready = self.closed = False
        self._messages: collections.deque[tuple[Message, int]] = collections.deque()
        self._bytes = 0
        self._changed = threading.Condition()

    def begin(self) -> None:
        """Notes that the child has started."""
        with self._changed:
            self._ready = True
            self._changed.notify_all()

    def started(self, timeout: float) -> bool:
        """Waits until the child has started or ended; whether it has started within ``timeout`` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self._messages, timeout)
            return self._ready

    def put(self, message: Message, size: int) -> None:
        """Adds a message; waits while too many bytes are unread."""
        with self._changed:
            self._changed.wait_for(lambda: self._bytes < WAITING_BYTES or self.closed)
            self._messages.append((message, size))
            self._bytes += size
            self._changed.notify_all()

    def get(self, timeout: float) -> Message | None:
        """The oldest message; None when none comes within ``timeout`` seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._messages, timeout):
                return None
            message, size = self._messages.popleft()
            self._bytes -= size
            self._changed.notify_all()
            return message

    def close(self) -> None:
        """Wakes the threads that wait; from now on none waits."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()


def read_into(from_child: socket.socket, inbox: Inbox) -> None:
    """Reads a child's messages into the inbox until the child has ended or the inbox is closed."""
    try:
        while not inbox.closed:
            message, size = receive(from_child)
            if message[0] == "ready":
                inbox.begin()
            else:
                inbox.put(message, size)
    except (Closed, OSError, ValueError):
        inbox.put(("gone", None), 0)

"""The bytes that a decoder reads: a file whose header may be repaired and whose errors are kept."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

from soundbeam.model.storage.stores import one_line
from soundbeam.transforms.decoders.base import DecodeError

# How much is read from the file at once: a decoder requests a few kB, thousands of times per minute of sound.
_CHUNK = 1 << 16
_TAIL = 128  # libmpg123 looks for a tag in the last 128 bytes before it believes a length


class Source:
    """A seekable view of an open file, for a decoder in C that calls back for bytes.

    An exception inside such a callback would be lost (libsndfile would take it for the end of the file, and the rest
    of the recording would be missing without notice), so ``read`` keeps it in ``error`` and returns no bytes.

    Args:
        file: A file opened for reading bytes; one that cannot seek is first copied to a temporary file.
    """

    def __init__(self, file: Any):
        if not file.seekable():
            copy = tempfile.TemporaryFile()  # noqa: SIM115  closed with self
            shutil.copyfileobj(file, copy, 1 << 20)
            file.close()
            file = copy
        self._file = file
        file.seek(0, 2)
        self.real_size: int = file.tell()
        self._at = self.real_size  # the position of the file itself
        self._prefix, self._skip = b"", 0
        self._patches: list[tuple[int, bytes]] = []
        self._claimed = 0
        self._end = self.real_size
        self.pos = 0
        self.error: Exception | None = None
        self._on_read: Callable[[int, bytes], None] | None = None
        self._chunk, self._chunk_pos = b"", 0  # bytes that were read, and the position of the first

    @property
    def on_read(self) -> Callable[[int, bytes], None] | None:
        """A function that gets the offset and the bytes of each later read, before the decoder gets them."""
        return self._on_read

    @on_read.setter
    def on_read(self, on_read: Callable[[int, bytes], None] | None) -> None:
        self._on_read, self._chunk = on_read, b""

    def present(
        self,
        prefix: bytes = b"",
        skip: int = 0,
        patches: Sequence[tuple[int, bytes]] = (),
        endless: bool = False,
        end: int | None = None,
    ) -> None:
        """Changes which bytes the decoder sees, and returns to the start.

        Args:
            prefix: Bytes to put in front of the file.
            skip: How many bytes at the start of the file to leave out.
            patches: Offsets in the file, and the bytes to read there instead.
            endless: Whether to claim to be far longer than the file, so that no decoder estimates a duration from its
                size and stops there. Reading ends where the file ends.
            end: The offset in the file of the end of what is seen; None for the end of the file.
        """
        self._prefix, self._skip, self._patches, self.pos, self.error = prefix, skip, list(patches), 0, None
        self._chunk, self._end = b"", self.real_size if end is None else min(end, self.real_size)
        self._claimed = (self.size << 10) if endless else 0

    @property
    def size(self) -> int:
        """How many bytes the decoder sees, without what ``endless`` claims."""
        return len(self._prefix) + max(0, self._end - self._skip)

    @property
    def raw_pos(self) -> int:
        """The position in the file itself of the next byte."""
        return self.pos - len(self._prefix) + self._skip

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """The position."""
        return self.pos

    def seek(self, offset: int, whence: int = 0) -> int:
        """Changes the position; the file itself moves at the next read."""
        self.pos = max(0, offset + (0, self.pos, self._claimed or self.size)[whence])
        return self.pos

    def readinto(self, buffer: Any) -> int:
        """Fills a buffer as far as there are bytes."""
        count, at = len(buffer), self.pos - self._chunk_pos
        end = at + count
        if at >= 0 and end <= len(self._chunk):  # nearly always
            buffer[:] = self._chunk[at:end]
            self.pos += count
            return count
        data = self.read(count)
        buffer[: len(data)] = data
        return len(data)

    def read(self, count: int = -1) -> bytes:
        """Reads ``count`` bytes: fewer only at the end, and before an error (a decoder takes that for the end)."""
        if count < 0:
            count = max(0, self.size - self.pos)
        parts = []
        while count > 0 and (part := self._piece(count)):
            parts.append(part)
            self.pos += len(part)
            count -= len(part)
        return b"".join(parts)

    def _piece(self, most: int) -> bytes:
        """Up to ``most`` of the next bytes; none at the end."""
        if self.pos >= self.size and self._claimed and self.pos >= self._claimed - _TAIL:
            return b"\0" * max(0, min(most, self._claimed - self.pos))
        if self.pos < len(self._prefix):
            return self._prefix[self.pos : self.pos + most]
        offset, at = self.raw_pos, self.pos - self._chunk_pos
        if not 0 <= at < len(self._chunk):
            # To where a chunk counted from the start of the file would end, so that reading breaks off at the same
            # place for every range.
            until = min(offset - offset % _CHUNK + _CHUNK, self._end)
            self._chunk, self._chunk_pos, at = self._load(offset, until - offset), self.pos, 0
        return self._chunk[at : at + most]

    def _load(self, offset: int, most: int) -> bytes:
        """Bytes of the file from an offset on, passed to ``on_read``, then repaired."""
        # `read1` of a file on disk returns what lies before a bad sector.
        data = self._fetch(offset, most, getattr(self._file, "read1", self._file.read))
        if self._on_read is not None and data:
            self._on_read(offset, data)
        for at, patch in self._patches:
            if at < offset + len(data) and at + len(patch) > offset:
                lo, hi = max(at, offset), min(at + len(patch), offset + len(data))
                data = data[: lo - offset] + patch[lo - at : hi - at] + data[hi - offset :]
        return data

    def read_at(self, offset: int, count: int) -> bytes:
        """Bytes of the file itself, not repaired; fewer at its end, none after an error."""
        return self._fetch(offset, count, self._file.read)

    def _fetch(self, offset: int, count: int, read: Callable[[int], bytes]) -> bytes:
        if offset >= self.real_size or count <= 0 or self.error is not None:
            return b""
        try:
            if offset != self._at:
                self._file.seek(offset)
            data = bytes(read(count))
            self._at = offset + len(data)
            return data
        except Exception as e:  # whatever the store raises; see the docstring of the class
            self.error, self._at = e, -1
            return b""

    def check(self) -> None:
        """Raises the error that ``read`` kept, if there is one.

        Raises:
            DecodeError: Reading the file failed.
        """
        if self.error is not None:
            raise DecodeError(f"reading the file failed: {one_line(self.error)}", "storage") from self.error

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

"""The bytes that a decoder reads: a file whose header may be mended and whose errors are kept."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from typing import Any

from soundbeam.model.storage.stores import one_line
from soundbeam.transforms.decoders.base import DecodeError

# A decoder asks for a few kB at a time, thousands of times a minute: so much is read from the file at once.
_CHUNK = 1 << 16
_TAIL = 128  # libmpg123 looks for a tag in the last 128 bytes before it believes a length


class Source:
    """A seekable view of an open file, for a decoder in C that calls back for bytes.

    An exception inside such a callback would be lost (libsndfile would take it for the end of the file, and the rest
    of the recording would vanish in silence), so ``read`` keeps it in ``error`` and gives no bytes.

    Args:
        file: Opened for reading bytes; one that cannot seek is first copied to a temporary file on disk.
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
        self._at = self.real_size  # where the file itself stands
        self._prefix, self._skip = b"", 0
        self._patches: list[tuple[int, bytes]] = []
        self._claimed = 0
        self.pos = 0
        self.error: Exception | None = None
        self._on_read: Callable[[int, bytes], None] | None = None
        self._chunk, self._chunk_at = b"", 0

    @property
    def on_read(self) -> Callable[[int, bytes], None] | None:
        """Is shown, before the decoder sees them, the bytes of the file that are read from now on, and their offset."""
        return self._on_read

    @on_read.setter
    def on_read(self, on_read: Callable[[int, bytes], None] | None) -> None:
        self._on_read, self._chunk = on_read, b""

    def present(
        self, prefix: bytes = b"", skip: int = 0, patches: list[tuple[int, bytes]] | None = None, endless: bool = False
    ) -> None:
        """Changes what is seen of the file, from its start again.

        Args:
            prefix: Bytes put in front.
            skip: Bytes of the file left out at its start.
            patches: Bytes to be read instead of those at an offset of the file.
            endless: Claim to be far longer than the file is, so that nothing estimates a duration from its size and
                stops there; reading ends where the file does.
        """
        self._prefix, self._skip, self._patches, self.pos, self.error = prefix, skip, patches or [], 0, None
        self._chunk = b""
        self._claimed = (self.size << 10) if endless else 0

    @property
    def size(self) -> int:
        """Bytes seen, without the claim."""
        return len(self._prefix) + max(0, self.real_size - self._skip)

    @property
    def raw_pos(self) -> int:
        """Where in the file itself the next byte would come from."""
        return self.pos - len(self._prefix) + self._skip

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """The position."""
        return self.pos

    def seek(self, offset: int, whence: int = 0) -> int:
        """Moves; the file itself moves at the next read."""
        self.pos = max(0, offset + (0, self.pos, self._claimed or self.size)[whence])
        return self.pos

    def readinto(self, buffer: Any) -> int:
        """Fills a buffer as far as bytes go."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def read(self, count: int = -1) -> bytes:
        """Reads ``count`` bytes: fewer only at the end, and before an error (a decoder takes that for the end)."""
        if count < 0:
            count = max(0, self.size - self.pos)
        at = self.raw_pos - self._chunk_at
        if at >= 0 and at + count <= len(self._chunk) and self.pos >= len(self._prefix):  # nearly always
            data = self._chunk[at : at + count]
            self.pos += count
            return data
        parts = []
        while count > 0 and (part := self._piece(count)):
            parts.append(part)
            self.pos += len(part)
            count -= len(part)
        return b"".join(parts)

    def _piece(self, most: int) -> bytes:
        """What follows, up to ``most`` bytes of it; none where there is nothing more."""
        if self.pos >= self.size and self._claimed and self.pos >= self._claimed - _TAIL:
            return b"\0" * max(0, min(most, self._claimed - self.pos))
        if self.pos < len(self._prefix):
            return self._prefix[self.pos : self.pos + most]
        offset = self.raw_pos
        at = offset - self._chunk_at
        if not 0 <= at < len(self._chunk):
            # To where a chunk from the file's start would end: where reading breaks, it does so for every range alike.
            self._chunk, self._chunk_at, at = self._load(offset, _CHUNK - offset % _CHUNK), offset, 0
        return self._chunk[at : at + most]

    def _load(self, offset: int, most: int) -> bytes:
        """Bytes of the file from an offset on, shown to who watches, then mended."""
        # `read1`, of a file on disk, gives what lies before a bad sector.
        data = self._fetch(offset, most, getattr(self._file, "read1", self._file.read))
        if self._on_read is not None and data:
            self._on_read(offset, data)
        for at, patch in self._patches:
            if at < offset + len(data) and at + len(patch) > offset:
                lo, hi = max(at, offset), min(at + len(patch), offset + len(data))
                data = data[: lo - offset] + patch[lo - at : hi - at] + data[hi - offset :]
        return data

    def read_at(self, offset: int, count: int) -> bytes:
        """Bytes of the file itself, unmended; fewer at its end, none after an error."""
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
        except Exception as e:  # whatever the store raises; see the class
            self.error, self._at = e, -1
            return b""

    def check(self) -> None:
        """Raises what ``read`` kept.

        Raises:
            DecodeError: Reading the file failed.
        """
        if self.error is not None:
            raise DecodeError(f"reading the file failed: {one_line(self.error)}", "storage") from self.error

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

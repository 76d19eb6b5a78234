"""Ranged reads of a remote file: few bytes for a header, few requests for a whole file, and retries."""

from __future__ import annotations

import time

from fsspec.caching import BaseCache, register_cache

# Bytes of the first read, and of each after a jump. A read that continues the one before asks for twice as much.
FIRST_BYTES = 1 << 18
MOST_BYTES = 1 << 22
# Seconds to wait before a failed read is tried again. By then the store's client has tried several times itself.
PAUSES_S = (0.5, 2.0)
# Errors that no retry can mend.
FINAL = (FileNotFoundError, PermissionError, IsADirectoryError, MemoryError)
_KEPT = 2  # blocks, beside the one at the start of the file: decoders go back to the header


class ReadAhead(BaseCache):
    """What fsspec puts between an open remote file and its store, under the name ``soundbeam``.

    Args:
        blocksize: Bytes of the first read, and of each after a jump.
        fetcher: ``(start, end) → bytes``, one request.
        size: Of the file, bytes.
    """

    name = "soundbeam"

    def __init__(self, blocksize: int, fetcher, size: int):
        super().__init__(blocksize, fetcher, size)
        self._blocks: list[tuple[int, bytes]] = []  # (offset, bytes), oldest first
        self._next, self._length = -1, blocksize  # where a continuing read would begin, and its bytes

    def _fetch(self, start: int | None, stop: int | None) -> bytes:
        at, stop = start or 0, min(self.size, self.size if stop is None else stop)
        parts = []
        while at < stop:
            offset, data = self._block_at(at) or self._get(at, stop)
            parts.append(data[at - offset : stop - offset])
            at += len(parts[-1])
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _block_at(self, at: int) -> tuple[int, bytes] | None:
        block = next((b for b in reversed(self._blocks) if b[0] <= at < b[0] + len(b[1])), None)
        self.hit_count += block is not None
        return block

    def _get(self, start: int, needed: int) -> tuple[int, bytes]:
        """The block from ``start`` to ``needed`` at least, and what is read ahead."""
        self.miss_count += 1
        self._length = min(2 * self._length, MOST_BYTES) if start == self._next else self.blocksize
        end = min(self.size, max(needed, start + self._length))
        data = b""
        for pause in (*PAUSES_S, None):
            try:
                data += self.fetcher(start + len(data), end)
                if len(data) >= end - start:
                    break
                error: Exception = OSError(f"the store gave {len(data)} of {end - start} bytes at {start}")
            except FINAL:
                raise
            except Exception as e:  # a store's own error classes are many
                error = e
            if pause is None:
                raise error
            time.sleep(pause)
            end = needed  # only what is needed: the part beyond may be what cannot be read
            self._length = self.blocksize
            if len(data) >= end - start:
                break
        self.total_requested_bytes += len(data)
        self._next = start + len(data)
        self._keep(start, data)
        return start, data

    def _keep(self, start: int, data: bytes) -> None:
        first = [b for b in self._blocks[:1] if b[0] == 0]
        self._blocks = first + [b for b in self._blocks if b not in first][-(_KEPT - 1) :] + [(start, data)]


register_cache(ReadAhead, clobber=True)

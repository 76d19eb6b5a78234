"""The folder that an export is written to: whole files only, replaced by the next export, and no one else's."""

from __future__ import annotations

import collections
import contextlib
import json
import os
import posixpath
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TextIO

from fsspec.implementations.local import LocalFileSystem

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.storage.files import locate, make_folder, open_text, write_at_once
from soundbeam.model.storage.stores import is_object_store, one_line
from soundbeam.pipelines.csv_writing import csv_writer

# Says that a folder is an export's, and which files in it are.
LIST = "export.json"
_WRITERS = 16  # files that are written to a store at once
_WAITING = 64  # … and that may wait for it


class Destination:
    """The folder that an export is written to.

    Args:
        url: A new folder, or one that an earlier export wrote.
        asked: What is exported: an unfinished export is taken up only by one that is asked for the same.

    Attributes:
        notes: What a user should know of what was written, a line each.

    Raises:
        SoundbeamError: It is a file, holds other files or another unfinished export, or its store cannot be used.
    """

    def __init__(self, url: str, asked: dict[str, Any]):
        self.url, self._asked = url, asked
        self.notes: list[str] = []
        self.place, self._folder = locate(url)
        self._fs = self.place.fs
        self._written: dict[str, None] = {}
        self._pool = ThreadPoolExecutor(_WRITERS) if is_object_store(self._fs) else None
        self._pending: collections.deque[Future[None]] = collections.deque()
        self._before, self._begun = self._earlier(), False

    def _earlier(self) -> list[str]:
        """The files of the export that is there."""
        if self._fs.isfile(self._folder):
            raise SoundbeamError(f"{self.url}: is a file; give a folder")
        try:
            names = self.place.names(self._folder)
        except Exception as e:  # a store's own error classes are many
            raise SoundbeamError(f"{self.url}: cannot be read ({one_line(e)})") from e
        if not names:
            return []
        if LIST not in names:
            raise SoundbeamError(f"{self.url}: holds other files ({names[0]}); give a new folder for the export")
        try:
            with open_text(self.place.uri(f"{self._folder}/{LIST}")) as file:
                found = json.load(file)
            finished, asked, files = found["finished"], found["asked"], list(map(str, found["files"]))
        except (ValueError, KeyError, TypeError) as e:
            raise SoundbeamError(f"{self.url}/{LIST}: damaged; give a new folder for the export") from e
        if not finished and asked != self._asked:
            raise SoundbeamError(
                f"{self.url}: holds an export that was not finished, of something else; remove it, or give a new folder"
            )
        return files

    def begin(self) -> None:
        """Marks the folder as one of an export, before the first file is written into it."""
        if not self._begun:
            self._begun = True
            self._write_list(finished=False, files=self._before)

    def _write_list(self, finished: bool, files: list[str]) -> None:
        listed = {"finished": finished, "asked": self._asked, "files": files}
        self._write(LIST, (json.dumps(listed, ensure_ascii=False, indent=0) + "\n").encode("utf-8", "surrogatepass"))

    def path(self, name: str) -> str:
        """The path of a file in the folder, on its file system."""
        return f"{self._folder}/{name}"

    def _write(self, name: str, data: bytes) -> None:
        try:
            write_at_once(self._fs, self.path(name), data)
        except PermissionError as e:
            raise SoundbeamError(f"{self.url}: {name} cannot be written ({one_line(e)})") from e

    def uri(self, name: str) -> str:
        """The full URI of a file in the folder."""
        return self.place.uri(self.path(name))

    def write(self, name: str, data: str | bytes) -> None:
        """Writes a small file; to a store, while others are made.

        Args:
            name: Relative to the folder, with ``/``.
            data: Its content; text becomes UTF-8.
        """
        self.begin()
        self._written[name] = None
        content = data if isinstance(data, bytes) else data.encode()
        if self._pool is None:
            self._write(name, content)
            return
        self._pending.append(self._pool.submit(self._write, name, content))
        while len(self._pending) > _WAITING:
            self._pending.popleft().result()

    def keep(self, name: str) -> None:
        """Counts a file as written that a worker wrote."""
        self._written[name] = None

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[TextIO]:
        """A large file of UTF-8 that is written piece by piece, on a local disk, and is there once it is whole."""
        self.begin()
        path = self.path(name)
        if isinstance(self._fs, LocalFileSystem):
            make_folder(self._fs, posixpath.dirname(path))
            try:
                with open(f"{path}.tmp", "w", encoding="utf-8", newline="") as text:
                    yield text
                os.replace(f"{path}.tmp", path)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(f"{path}.tmp")
        else:
            with tempfile.TemporaryDirectory(prefix="soundbeam-export-") as folder:
                part = os.path.join(folder, "part")
                with open(part, "w", encoding="utf-8", newline="") as text:
                    yield text
                make_folder(self._fs, posixpath.dirname(path))
                self._fs.put_file(part, path)
        self._written[name] = None

    @contextlib.contextmanager
    def table(self, name: str, columns: list[str]) -> Iterator[Any]:
        """A large CSV, with its header; gives the function that writes a row."""
        with self.open(name) as file:
            writer = csv_writer(file)
            writer.writerow(columns)
            yield writer.writerow

    def finish(self) -> int:
        """Waits for the last files, and removes those that only the export before wrote; how many there are now."""
        while self._pending:
            self._pending.popleft().result()
        for name in [name for name in self._before if name not in self._written]:
            with contextlib.suppress(FileNotFoundError):
                self.place.remove(self.path(name))
        self._write_list(finished=True, files=list(self._written))
        return len(self._written)

    def close(self) -> None:
        """Ends what writes."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

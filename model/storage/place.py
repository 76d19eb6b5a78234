"""A file system: the URIs of its paths, and safe walks over its folders and globs."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fsspec.implementations.local import LocalFileSystem
from fsspec.utils import glob_translate

from soundbeam.model.storage.stores import is_object_store, one_line

_WILDCARD = re.compile(r"[*?\[]")
_REMOVING = 16  # how many files of a store are removed at once
Entry = dict[str, Any]  # as fsspec's ls(detail=True) and info() give it


def has_wildcard(path: str) -> bool:
    """Whether a path is a glob."""
    return bool(_WILDCARD.search(path))


@dataclasses.dataclass(frozen=True)
class Unreadable:
    """A folder that could not be listed."""

    path: str
    error: str


@dataclasses.dataclass
class Place:
    """One file system.

    Attributes:
        fs: The file system of fsspec.
        chain: The rest of a chained URL, which ``fs.unstrip_protocol(path)`` leaves out; else "".
    """

    fs: Any
    chain: str = ""

    def uri(self, path: str) -> str:
        """The full URI of a path."""
        return f"{self.fs.unstrip_protocol(path)}{self.chain}"

    def is_folder(self, entry: Entry) -> bool:
        """Whether an entry is a folder or a link to a folder."""
        return os.path.isdir(entry["name"]) if entry.get("islink") else entry.get("type") == "directory"

    def entries(self, folder: str) -> Iterator[Entry | Unreadable]:
        """The entries of a folder, ordered by name; or one Unreadable."""
        try:
            listed = self.fs.ls(folder, detail=True)
        except Exception as e:  # a store's own error classes are many
            yield Unreadable(folder, one_line(e))
            return
        # Stores list a folder's own marker among its entries.
        yield from sorted((e for e in listed if e["name"].rstrip("/") != folder.rstrip("/")), key=lambda e: e["name"])

    def names(self, folder: str) -> list[str]:
        """The names of what is in a folder, in order; none where there is no such folder. Never a glob.

        Raises:
            Exception: Whatever the store raises if the folder cannot be read.
        """
        try:
            paths = self.fs.ls(folder, detail=False)
        except (FileNotFoundError, NotADirectoryError):
            return []
        # A store gives a folder's own marker among its entries, and of a file the file.
        start = folder.rstrip("/") + "/"
        return sorted(name for path in paths if (name := path.rstrip("/").removeprefix(start)) and "/" not in name)

    def remove(self, path: str) -> None:
        """Removes a file, a link, or a folder with all that is in it. fsspec would take the path for a glob."""
        if isinstance(self.fs, LocalFileSystem):
            if os.path.islink(path):
                os.unlink(path)
            else:
                self.fs.rm(path, recursive=True)
            return
        found = self.fs.find(path, withdirs=True, detail=True)
        files = [name for name, entry in found.items() if entry["type"] != "directory"]
        with ThreadPoolExecutor(_REMOVING) as pool:  # a request each
            list(pool.map(self.fs.rm_file, files))
        if not is_object_store(self.fs):
            for folder in sorted({path, *found} - {*files}, reverse=True):
                with contextlib.suppress(FileNotFoundError):  # a folder that was only its files
                    self.fs.rmdir(folder)

    def walk(self, roots: Iterable[str], seen: set[Any] | None = None) -> Iterator[Entry | Unreadable]:
        """All files below some folders. Linked folders come last, and no folder is walked twice: loops of links end.

        Args:
            roots: The folders, by path.
            seen: Identities of the folders that have been walked; those walked now are added.
        """
        seen = set() if seen is None else seen
        folders, links = list(roots)[::-1], list[str]()
        while folders or links:
            folder = folders.pop() if folders else links.pop(0)
            identity = self.identity(folder)
            if identity in seen:
                continue
            seen.add(identity)
            below = list[str]()
            for entry in self.entries(folder):
                if isinstance(entry, Unreadable) or not self.is_folder(entry):
                    yield entry
                else:
                    (links if entry.get("islink") else below).append(entry["name"])
            folders += reversed(below)

    def glob(self, pattern: str) -> tuple[str, Iterator[Entry | Unreadable]]:
        """Finds the files that match a glob, and the folders too unless it contains ``**``.

        Unlike fsspec's own glob, it reports the folders that it cannot read, and holds no list of all files in memory.

        Returns:
            The folder above the first wildcard (see `split_pattern`), and the matches.
        """
        root, parts = self.split_pattern(pattern)
        if root and not self._folder_exists(root):
            return root, iter(())
        if "**" not in parts:
            return root, self._match(root, parts)
        below = re.compile(glob_translate("/".join(parts)))
        start = root.rstrip("/") + "/"
        found = self.walk([root])
        return root, (e for e in found if isinstance(e, Unreadable) or below.match(e["name"].removeprefix(start)))

    def split_pattern(self, path: str) -> tuple[str, list[str]]:
        """Divides a path into the folder above its first wildcard and the parts from there on, none if it is no glob.

        A folder that is there as it is written, such as ``results [2024]`` or the current one, is no wildcard.
        """
        parts = path.split("/")
        for i, part in enumerate(parts):
            if has_wildcard(part) and not self._folder_exists("/".join(parts[: i + 1])):
                return "/".join(parts[:i]) or self.fs.root_marker, parts[i:]
        return path, []

    def identity(self, folder: str) -> Any:
        """A value that is the same for all paths (links, mounts) to one local folder."""
        if isinstance(self.fs, LocalFileSystem):
            try:
                status = os.stat(folder)
                return status.st_dev, status.st_ino
            except OSError:
                pass
        return folder

    def _folder_exists(self, folder: str) -> bool:
        try:
            return bool(self.fs.info(folder)["type"] == "directory")
        except Exception:  # a store's own error classes are many
            return False

    def _match(self, folder: str, parts: list[str]) -> Iterator[Entry | Unreadable]:
        """Entries that match a glob without ``**``, level by level."""
        name_pattern, rest = re.compile(glob_translate(parts[0])), parts[1:]
        for entry in self.entries(folder):
            if isinstance(entry, Unreadable):
                yield entry
            elif name_pattern.match(entry["name"].rstrip("/").rpartition("/")[2]):
                if not rest:
                    yield entry
                elif self.is_folder(entry):
                    yield from self._match(entry["name"], rest)

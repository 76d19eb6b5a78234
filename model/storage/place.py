"""A file system: the URIs of its paths, and safe walks over its folders and globs."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterable, Iterator
from typing import Any

from fsspec.implementations.local import LocalFileSystem
from fsspec.utils import glob_translate

from soundbeam.model.storage.stores import one_line

_WILDCARD = re.compile(r"[*?\[]")
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
            The folder above the first wildcard, and the matches.
        """
        parts = pattern.split("/")
        fixed = next(i for i, part in enumerate(parts) if has_wildcard(part))
        root = "/".join(parts[:fixed]) or self.fs.root_marker
        if root and not self._folder_exists(root):
            return root, iter(())
        if "**" not in parts:
            return root, self._match(root, parts[fixed:])
        path_pattern = re.compile(glob_translate(pattern))
        return root, (e for e in self.walk([root]) if isinstance(e, Unreadable) or path_pattern.match(e["name"]))

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

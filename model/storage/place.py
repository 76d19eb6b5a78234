"""A file system: the URIs of its paths, and safe walks over its folders and globs."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import unicodedata
import urllib.parse
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fsspec.implementations.local import LocalFileSystem
from fsspec.utils import glob_translate

from soundbeam.model.storage.stores import is_object_store, one_line, printable

_WILDCARD = re.compile(r"[*?\[]")
_REMOVING = 16  # how many files of a store are removed at once
Entry = dict[str, Any]  # as fsspec's ls(detail=True) and info() give it
# How the URI of a local path begins whose bytes are not UTF-8: those, and %, are percent-escaped in it. Behind
# ``file:///`` a % stands for itself, so the two can never be taken for each other.
ESCAPED = "file://localhost/"


def has_wildcard(path: str) -> bool:
    """Whether a path is a glob."""
    return bool(_WILDCARD.search(path))


def escaped(path: str) -> str:
    """The part of a local path's URI after ``file://localhost``: what `unescaped` turns into the path again."""
    return re.sub("[%\udc80-\udcff]", lambda c: "%{:02X}".format(*c[0].encode("utf-8", "surrogateescape")), path)


def unescaped(uri: str) -> str:
    """The path of a URI that begins with `ESCAPED`."""
    path = uri[len(ESCAPED) - 1 :].encode("utf-8", "surrogateescape")
    return urllib.parse.unquote_to_bytes(path).decode("utf-8", "surrogateescape")


def spellings(folder: str) -> tuple[str, ...]:
    """The ways in which the URIs of the files below a folder can begin, given the URI of the folder."""
    path = folder.removeprefix("file://")
    return (folder, f"file://localhost{escaped(path)}") if path.startswith("/") else (folder,)


def below(uri: str, folder: str) -> str | None:
    """The rest of a URI after that of a folder above it and a slash; None if it is not below that folder."""
    return next((uri[len(s) + 1 :] for s in spellings(folder) if uri.startswith(s + "/")), None)


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
        uri = f"{self.fs.unstrip_protocol(path)}{self.chain}"
        if isinstance(self.fs, LocalFileSystem) and printable(uri) != uri:
            return f"file://localhost{escaped(path)}"
        return uri

    def is_folder(self, entry: Entry) -> bool:
        """Whether an entry is a folder or a link to a folder."""
        return os.path.isdir(entry["name"]) if entry.get("islink") else entry.get("type") == "directory"

    def entries(self, folder: str) -> Iterator[Entry | Unreadable]:
        """The entries of a folder, ordered by name; or one Unreadable."""
        try:
            # Stores list a folder's own marker among its entries.
            listed = [e for e in self.fs.ls(folder, detail=True) if e["name"].rstrip("/") != folder.rstrip("/")]
            listed.sort(key=lambda entry: entry["name"])
        except Exception as e:  # a store's own error classes are many
            yield Unreadable(folder, one_line(e))
            return
        yield from listed

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
        entries = self.fs.find(path, withdirs=True, detail=True)
        files = [name for name, entry in entries.items() if entry["type"] != "directory"]
        with ThreadPoolExecutor(_REMOVING) as pool:  # a request each
            list(pool.map(self.fs.rm_file, files))
        if not is_object_store(self.fs):
            for folder in sorted({path, *entries} - {*files}, reverse=True):
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

    def glob(self, pattern: str, near: Callable[[str], None] | None = None) -> tuple[str, Iterator[Entry | Unreadable]]:
        """Finds the files that match a glob, and the folders too unless it contains ``**``.

        Unlike fsspec's own glob, it reports the folders that it cannot read, and holds no list of all files in memory.

        Args:
            pattern: The glob.
            near: Is called with the path of each file that would match if case and Unicode composition did not count.

        Returns:
            The folder above the first wildcard (see `split_pattern`), and the matches.
        """
        root, parts = self.split_pattern(pattern)
        if root and not self._folder_exists(root):
            return root, iter(())
        if "**" not in parts:
            return root, self._match(root, parts, near)
        return root, self._match_paths(root, "/".join(parts), near)

    def alike(self, path: str) -> str | None:
        """A path that exists, and differs at most in case and Unicode composition; None if there is none."""
        if self.fs.exists(path):
            return path
        parent, _, name = path.rstrip("/").rpartition("/")
        folder = self.alike(parent) if parent else self.fs.root_marker
        if folder is None or not name:
            return None
        names = (entry["name"] for entry in self.entries(folder) if not isinstance(entry, Unreadable))
        return next((n for n in names if _loose(n.rstrip("/").rpartition("/")[2]) == _loose(name)), None)

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

    def _match(
        self, folder: str, parts: list[str], near: Callable[[str], None] | None, nearly: bool = False
    ) -> Iterator[Entry | Unreadable]:
        """Entries that match a glob without ``**``, level by level; ``nearly``: only those for ``near``."""
        name_pattern, rest = re.compile(glob_translate(parts[0])), parts[1:]
        loose_pattern = re.compile(glob_translate(_loose(parts[0])))
        for entry in self.entries(folder):
            if isinstance(entry, Unreadable):
                if not nearly:
                    yield entry
                continue
            name = entry["name"].rstrip("/").rpartition("/")[2]
            exact = not nearly and bool(name_pattern.match(name))
            if not exact and (near is None or not loose_pattern.match(_loose(name))):
                continue
            if rest:
                if self.is_folder(entry):
                    yield from self._match(entry["name"], rest, near, not exact)
            elif exact:
                yield entry
            elif near is not None and not self.is_folder(entry):
                near(entry["name"])

    def _match_paths(self, root: str, pattern: str, near: Callable[[str], None] | None) -> Iterator[Entry | Unreadable]:
        """Files below a folder that match a glob with ``**``, which is relative to the folder."""
        path_pattern, loose_pattern = re.compile(glob_translate(pattern)), re.compile(glob_translate(_loose(pattern)))
        start = root.rstrip("/") + "/"
        for entry in self.walk([root]):
            path = "" if isinstance(entry, Unreadable) else entry["name"].removeprefix(start)
            if isinstance(entry, Unreadable) or path_pattern.match(path):
                yield entry
            elif near is not None and loose_pattern.match(_loose(path)):
                near(entry["name"])


def _loose(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()

"""Files on any store that fsspec knows: from a URI to an open file, and safe walks over folders and globs."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from typing import Any

from fsspec.implementations.local import LocalFileSystem
from fsspec.utils import glob_translate

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.storage.read_ahead import FIRST_BYTES, ReadAhead
from soundbeam.model.storage.stores import file_system_of, is_object_store, store_trouble

_WILDCARD = re.compile(r"[*?\[]")
Entry = dict[str, Any]  # as fsspec's ls(detail=True) and info() give it
_CACHES = ("simplecache::", "filecache::", "blockcache::")


def is_local(uri: str) -> bool:
    """Whether ``uri`` (a URI or a plain path) names a file of this machine."""
    return uri.startswith(("file://", "local://")) or "://" not in uri


def local_path(uri: str) -> str:
    """The absolute, normalised path of a local URI or path; ``~`` is expanded unless such a file exists."""
    for scheme in ("file://", "local://"):
        uri = uri.removeprefix(scheme)
    if uri.startswith("~") and not os.path.lexists(uri):
        uri = os.path.expanduser(uri)
    return os.path.abspath(uri)


def has_wildcard(path: str) -> bool:
    """Whether a path would be a glob."""
    return bool(_WILDCARD.search(path))


def printable(name: str) -> str:
    r"""The name with bytes that are not UTF-8 written as ``\xNN``, so that Beam and Arrow can hold it."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def one_line(e: BaseException) -> str:
    """An exception's message on one line; its class where it says nothing."""
    trouble = store_trouble(e)
    if trouble is not None:
        return printable(trouble)
    if isinstance(e, OSError) and e.strerror:
        return " ".join(e.strerror.split())
    return printable(" ".join(str(e).split())) or type(e).__name__


def place_of(uri: str) -> tuple[Place, str]:
    """Finds the file system of a URI, and the path on it.

    Args:
        uri: A path or any fsspec URL, chained ones (``zip://a.wav::s3://…``) included.

    Raises:
        ValueError: The protocol is unknown.
        MissingExtra: The protocol's package is not installed.
    """
    if is_local(uri):  # not by url_to_fs: a local name may hold '::', which fsspec takes for a chain
        return Place(LocalFileSystem()), local_path(uri)
    # No cache of listings: other processes write there too, and a listing may be of a million files.
    fs, path = file_system_of(uri, **{"use_listings_cache": False})
    cut = uri.find("::")
    return Place(fs, uri[cut:] if cut >= 0 and not uri.startswith(_CACHES) else ""), path


def open_file(uri: str, first_bytes: int = FIRST_BYTES) -> Any:
    """Opens a file for reading bytes, remote ones with ranged reads and read-ahead; seekable wherever that goes."""
    place, path = place_of(uri)
    if not is_object_store(place.fs):
        return place.fs.open(path, "rb", block_size=first_bytes)
    return place.fs.open(path, "rb", block_size=first_bytes, cache_type=ReadAhead.name)


_TIMES = ("mtime", "LastModified", "last_modified", "updated", "modified", "created")


def modified_of(info: Entry) -> datetime | None:
    """The modification time in UTC; None where the store tells none that can be read."""
    for key in _TIMES:
        when = info.get(key)
        if isinstance(when, int | float):
            when = datetime.fromtimestamp(when, timezone.utc)
        if isinstance(when, datetime):
            return (when if when.tzinfo else when.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)
    return None


def version_of(info: Entry) -> str:
    """The store's etag, else the modification time as ISO 8601 in UTC, else ""."""
    for key in ("ETag", "etag"):
        if info.get(key):
            return str(info[key]).strip('"')
    modified = modified_of(info)
    return modified.isoformat() if modified else next((str(info[key]) for key in _TIMES if info.get(key)), "")


def state_of(uri: str) -> tuple[int, str]:
    """Size and version of a file as they are now, links followed: what a listing would say of it.

    Raises:
        Exception: What its store raises where it is gone or cannot be asked.
    """
    place, path = place_of(uri)
    if isinstance(place.fs, LocalFileSystem):
        found = os.stat(path)
        return found.st_size, version_of({"mtime": found.st_mtime})
    place.fs.invalidate_cache(place.fs._parent(path))
    info = place.fs.info(path)
    return int(info.get("size") or 0), version_of(info)


def open_text(url: str, encoding: str = "utf-8", newline: str | None = None) -> io.TextIOWrapper:
    """Opens a file for reading text, local or on any store."""
    return io.TextIOWrapper(open_file(url), encoding=encoding, newline=newline)


def open_to_write(url: str, mode: str = "wb") -> Any:
    """Opens a file for writing, making the folders above it where the store has folders.

    Args:
        url: A local path or any fsspec URL.
        mode: ``wb`` or ``w`` (UTF-8).
    """
    place, path = place_of(url)
    make_folder(place.fs, place.fs._parent(path))
    return place.fs.open(path, mode) if "b" in mode else place.fs.open(path, mode, encoding="utf-8")


def make_folder(fs: Any, path: str) -> None:
    """Makes a folder and those above it, where a store has folders: on others that would make a bucket."""
    if not is_object_store(fs):
        fs.makedirs(path, exist_ok=True)


def write_at_once(fs: Any, path: str, data: bytes) -> None:
    """Writes a file that is seen whole or not at all, also when the power fails: by renaming, or as one object."""
    make_folder(fs, fs._parent(path))
    if is_object_store(fs):
        fs.pipe_file(path, data)
        return
    with fs.open(f"{path}.tmp", "wb") as file:
        file.write(data)
        file.flush()
        with contextlib.suppress(OSError, AttributeError):  # of a store that is no disk
            os.fsync(file.fileno())
    fs.mv(f"{path}.tmp", path)


def check_store(url: str) -> None:
    """Asks the store of a URL whether its bucket is there and lets us in: better once than for each file.

    Raises:
        SoundbeamError: It does not. What else may be wrong with the file itself is left to who opens it.
    """
    if is_local(url):
        return
    try:
        place, path = place_of(url)
    except SoundbeamError as e:
        raise SoundbeamError(f"{url}: {e}") from e
    except ValueError:
        return
    if not is_object_store(place.fs) or place.chain:
        return
    bucket = path.partition("/")[0]
    try:
        place.fs.info(path)
    except PermissionError:
        return  # of this object, or of listing: others may be open to us
    except FileNotFoundError:
        if place.fs.exists(bucket):
            return
        raise SoundbeamError(f"{url}: there is no bucket {bucket!r}, or none that these credentials may see") from None
    except Exception as e:  # a store's own error classes are many
        raise SoundbeamError(f"{url}: {one_line(e)}") from e


@dataclasses.dataclass(frozen=True)
class Unreadable:
    """A folder that could not be listed."""

    path: str
    error: str


@dataclasses.dataclass
class Place:
    """One file system.

    Attributes:
        fs: fsspec's.
        chain: What ``fs.unstrip_protocol(path)`` lacks at its end to be the full URI: the rest of a chain, else "".
    """

    fs: Any
    chain: str = ""

    def uri(self, path: str) -> str:
        """The full URI of a path."""
        return f"{self.fs.unstrip_protocol(path)}{self.chain}"

    def is_folder(self, entry: Entry) -> bool:
        """Whether an entry is a folder or a link to one."""
        return os.path.isdir(entry["name"]) if entry.get("islink") else entry.get("type") == "directory"

    def entries(self, folder: str) -> Iterator[Entry | Unreadable]:
        """What a folder holds, ordered by name; or one Unreadable."""
        try:
            found = self.fs.ls(folder, detail=True)
        except Exception as e:  # a store's own error classes are many
            yield Unreadable(folder, one_line(e))
            return
        # Stores list a folder's own marker among what it holds.
        yield from sorted((e for e in found if e["name"].rstrip("/") != folder.rstrip("/")), key=lambda e: e["name"])

    def walk(self, roots: Iterable[str], seen: set[Any] | None = None) -> Iterator[Entry | Unreadable]:
        """All files below some folders. Folders behind links come last, and none comes twice: loops end.

        Args:
            roots: The folders, by path.
            seen: Identities of folders that have been walked; added to.
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
        """Finds what matches a glob: files, and unless it holds ``**`` folders too.

        Unlike fsspec's own, it tells which folders it could not read, and needs no list of all files in memory.

        Returns:
            The folder above the first wildcard, and the matches.
        """
        parts = pattern.split("/")
        fixed = next(i for i, part in enumerate(parts) if has_wildcard(part))
        root = "/".join(parts[:fixed]) or self.fs.root_marker
        if root and not self._is_there(root):
            return root, iter(())
        if "**" not in parts:
            return root, self._match(root, parts[fixed:])
        wanted = re.compile(glob_translate(pattern))
        return root, (e for e in self.walk([root]) if isinstance(e, Unreadable) or wanted.match(e["name"]))

    def identity(self, folder: str) -> Any:
        """The same for two paths (links, mounts) to one local folder."""
        if isinstance(self.fs, LocalFileSystem):
            try:
                found = os.stat(folder)
                return found.st_dev, found.st_ino
            except OSError:
                pass
        return folder

    def _is_there(self, folder: str) -> bool:
        try:
            return bool(self.fs.info(folder)["type"] == "directory")
        except Exception:  # a store's own error classes are many
            return False

    def _match(self, folder: str, parts: list[str]) -> Iterator[Entry | Unreadable]:
        """Entries that match a glob without ``**``, level by level."""
        wanted, rest = re.compile(glob_translate(parts[0])), parts[1:]
        for entry in self.entries(folder):
            if isinstance(entry, Unreadable):
                yield entry
            elif wanted.match(entry["name"].rstrip("/").rpartition("/")[2]):
                if not rest:
                    yield entry
                elif self.is_folder(entry):
                    yield from self._match(entry["name"], rest)

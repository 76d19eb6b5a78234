"""Opens, describes and writes files, on the local disk or on any store that fsspec supports."""

from __future__ import annotations

import codecs
import contextlib
import io
import math
import os
import posixpath
import re
from datetime import datetime, timezone
from typing import Any

from fsspec import AbstractFileSystem, available_protocols
from fsspec.implementations.local import LocalFileSystem

from soundbeam.model.errors import OptionError, SoundbeamError
from soundbeam.model.storage.place import ESCAPED, Entry, Place, unescaped
from soundbeam.model.storage.read_ahead import FIRST_BYTES, ReadAhead
from soundbeam.model.storage.stores import file_system_of, is_object_store, one_line

_CACHES = ("simplecache::", "filecache::", "blockcache::")


def is_local(uri: str) -> bool:
    """Whether ``uri`` (a URI or a plain path) names a file of this machine."""
    return uri.startswith(("file://", "local://")) or "://" not in uri


def local_path(uri: str) -> str:
    """The absolute, normalised path of a local URI or path; ``~`` is expanded unless such a file exists."""
    if uri.startswith(ESCAPED):
        return os.path.abspath(unescaped(uri))
    for scheme in ("file://", "local://"):
        uri = uri.removeprefix(scheme)
    if uri.startswith("~") and not os.path.lexists(uri):
        uri = os.path.expanduser(uri)
    if os.sep == "/":
        return os.path.abspath(uri)
    # Windows takes both slashes, and fsspec gives all paths with these; in a URI another one comes before the drive.
    return os.path.abspath(re.sub(r"^/(?=[A-Za-z]:)", "", uri)).replace(os.sep, "/")


def path_text(path: Any, name: str) -> str:
    """A path that a user gave in Python, as text: a path, any ``os.PathLike``, or a URL as text.

    Args:
        path: What was given.
        name: The argument's name, for messages.

    Raises:
        OptionError: It is something else.
    """
    try:
        text = os.fspath(path)
    except TypeError:
        text = None
    if not isinstance(text, str) or not text:
        shown = repr(path) if isinstance(path, bytes | str) else type(path).__name__
        raise OptionError(f"{name}: {shown} is no path; give a str or a pathlib.Path")
    scheme, colon, rest = text.partition(":/")
    if not isinstance(path, str) and colon and not rest.startswith("/") and scheme in available_protocols():
        raise OptionError(f"{name}: {text} is a URL that pathlib has changed; give URLs as text ({scheme}://{rest})")
    return text


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
    # Listings are not cached: other processes write there too, and a listing may have a million entries.
    fs, path = file_system_of(uri, **{"use_listings_cache": False})
    _, separator, chain = uri.partition("::")
    return Place(fs, "" if uri.startswith(_CACHES) else separator + chain), path


def open_file(uri: str, first_bytes: int = FIRST_BYTES) -> Any:
    """Opens a file for reading bytes, seekable where the store allows it; remote files are read in ranges."""
    place, path = place_of(uri)
    if not is_object_store(place.fs):
        return place.fs.open(path, "rb", block_size=first_bytes)
    return place.fs.open(path, "rb", block_size=first_bytes, cache_type=ReadAhead.name)


_TIMES = ("mtime", "LastModified", "last_modified", "updated", "modified", "created")
_MOST_BYTES = 1 << 53  # of any file there is; so many such sizes can be added up in 64 bits


def size_of(info: Entry) -> int:
    """The size in bytes; 0 if the store gives none, or one that no file has."""
    try:
        size = int(info.get("size") or 0)
    except (ValueError, TypeError, OverflowError):
        return 0
    return size if 0 <= size <= _MOST_BYTES else 0


def modified_of(info: Entry) -> datetime | None:
    """The modification time in UTC; None if the store gives none that is in the calendar (damaged disks do)."""
    for key in _TIMES:
        when = info.get(key)
        try:
            if isinstance(when, int | float):
                when = datetime.fromtimestamp(when, timezone.utc)
            if isinstance(when, datetime):
                return (when if when.tzinfo else when.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)
        except (ValueError, OverflowError, OSError):
            return None
    return None


def version_of(info: Entry) -> str:
    """The store's etag, else the modification time as ISO 8601 in UTC, else ""."""
    for key in ("ETag", "etag"):
        if info.get(key):
            return str(info[key]).strip('"')
    modified = modified_of(info)
    return modified.isoformat() if modified else next((_plain(info[key]) for key in _TIMES if info.get(key)), "")


def _plain(value: Any) -> str:
    """A time that is in no calendar, as the store gives it."""
    return "" if isinstance(value, float) and math.isnan(value) else str(value)


def state_of(uri: str) -> tuple[int, str]:
    """The present size and version of a file, as a listing would give them; links are followed.

    Raises:
        Exception: Whatever its store raises if the file is gone or the store cannot be reached.
    """
    place, path = place_of(uri)
    if isinstance(place.fs, LocalFileSystem):
        status = os.stat(path)
        return status.st_size, version_of({"mtime": status.st_mtime})
    place.fs.invalidate_cache(posixpath.dirname(path))
    info = place.fs.info(path)
    return size_of(info), version_of(info)


def open_text(
    url: str, encoding: str = "utf-8", newline: str | None = None, errors: str | None = None
) -> io.TextIOWrapper:
    """Opens a file for reading text, local or on any store: a small one, which is read at once.

    Args:
        url: The file.
        encoding: Its encoding, if it does not tell its own as editors and Windows' shells do: by a byte order mark, or
            by zeros, which only UTF-16 has.
        newline, errors: As for ``open``.
    """
    with open_file(url) as file:
        data = bytes(file.read())
    return io.TextIOWrapper(io.BytesIO(data), encoding_of(data) or encoding, errors, newline)


def encoding_of(data: bytes) -> str | None:
    """The encoding that a text tells by its first bytes; None if it tells none."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return encoding
    for encoding, high in (("utf-16-le", data[1:32:2]), ("utf-16-be", data[0:32:2])):
        if len(data) > 3 and high and not any(high) and data[:32].strip(b"\0"):
            return encoding
    return None


# The longest first: one of UTF-32 begins like one of UTF-16.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def open_to_write(url: str, mode: str = "wb") -> Any:
    """Opens a file for writing; makes the folders above it if the store has folders.

    Args:
        url: A local path or any fsspec URL.
        mode: ``wb`` or ``w`` (UTF-8).
    """
    place, path = place_of(url)
    make_folder(place.fs, posixpath.dirname(path))
    return place.fs.open(path, mode) if "b" in mode else place.fs.open(path, mode, encoding="utf-8")


def make_folder(fs: Any, path: str) -> None:
    """Makes a folder and its parents. Does nothing on an object store: there it would make a bucket."""
    if not is_object_store(fs):
        fs.makedirs(path, exist_ok=True)


def write_at_once(fs: Any, path: str, data: bytes) -> None:
    """Writes a file that readers see whole or not at all, even after a power failure: renamed, or as one object."""
    make_folder(fs, posixpath.dirname(path))
    if is_object_store(fs) or type(fs).mv is AbstractFileSystem.mv:  # which copies, and takes paths for globs
        fs.pipe_file(path, data)
        return
    try:
        with fs.open(f"{path}.tmp", "wb") as file:
            file.write(data)
            file.flush()
            with contextlib.suppress(OSError, AttributeError):  # not a disk
                os.fsync(file.fileno())
    except OSError:  # the disk is full: nothing is left that takes its space
        with contextlib.suppress(OSError):
            fs.rm_file(f"{path}.tmp")
        raise
    if isinstance(fs, LocalFileSystem):
        os.replace(f"{path}.tmp", path)  # Windows renames onto a file that is there only so
    else:
        fs.mv(f"{path}.tmp", path)


def check_store(url: str) -> None:
    """Checks that the bucket of a URL exists and may be accessed: better once than for each file.

    Raises:
        SoundbeamError: It does not, or may not. Other errors of the file itself show when it is opened.
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
        return  # for this object, or for listing; other objects may be readable
    except FileNotFoundError:
        if place.fs.exists(bucket):
            return
        raise SoundbeamError(f"{url}: there is no bucket {bucket!r}, or none that these credentials may see") from None
    except Exception as e:  # a store's own error classes are many
        raise SoundbeamError(f"{url}: {one_line(e)}") from e


def locate(url: str) -> tuple[Place, str]:
    """Finds the file system of a folder or table that a user named, and its path there without a slash at its end.

    Raises:
        SoundbeamError: The URL's protocol is unknown, its package is not installed, or its bucket cannot be used.
    """
    try:
        check_store(url)
        place, path = place_of(url)
    except (ValueError, ImportError) as e:
        raise SoundbeamError(f"{url}: {e}") from e
    return place, path.rstrip("/")


def check_file(url: str) -> tuple[Place, str]:
    """Where a file is that may be written there.

    Raises:
        SoundbeamError: It is a folder.
    """
    place, path = locate(url)
    if place.fs.isdir(path):
        raise SoundbeamError(f"{url}: is a folder; name a file in it")
    return place, path


def write_whole(url: str, content: bytes | str) -> None:
    """Writes a file that a user named: whole, or not at all.

    Args:
        url: A local path or any fsspec URL.
        content: Text is written as UTF-8.

    Raises:
        SoundbeamError: It is a folder.
    """
    place, path = check_file(url)
    write_at_once(place.fs, path, content.encode() if isinstance(content, str) else content)

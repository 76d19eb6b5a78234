"""The row of one entry of a folder, or of what cannot be listed."""

from __future__ import annotations

import os
import stat
from typing import Union

from fsspec.implementations.local import LocalFileSystem

from soundbeam.model.storage.files import is_local, local_path, modified_of, size_of, version_of
from soundbeam.model.storage.place import Entry, Place, Unreadable
from soundbeam.model.storage.stores import one_line, printable
from soundbeam.transforms.listing.left_out import why_hidden
from soundbeam.transforms.records import Recording, Status, Unscannable

Row = Union[Recording, Unscannable]  # noqa: UP007  Beam evaluates it at run time, on Python 3.10 too


def row_of_nothing(name: str, error: str) -> Unscannable:
    """The row for a pattern that names nothing readable."""
    uri = Place(LocalFileSystem()).uri(local_path(name)) if is_local(name) else name
    return Unscannable(Recording(printable(uri), 0, ""), "failed", "list", error)


def row_of_file(place: Place, info: Entry, hidden: str) -> Row:
    """The row of a file; ``hidden`` says why it is none to scan, or nothing."""
    try:
        return _checked(place, info, hidden)
    except Exception as e:  # one odd file costs no other its row
        recording = Recording(printable(place.uri(info["name"])), 0, "")
        return Unscannable(recording, "failed", "list", f"its disk or store says odd things of it: {one_line(e)}")


def _checked(place: Place, info: Entry, hidden: str) -> Row:
    uri, size = place.uri(info["name"]), info.get("size")

    def cannot(status: Status, error: str) -> Unscannable:
        recording = Recording(printable(uri), size_of(info), version_of(info), modified_of(info))
        return Unscannable(recording, status, "list", error)

    if printable(uri) != uri:  # on a store, where the name may not be escaped
        return cannot("failed", "its name is not UTF-8, so no table could hold it; rename the file")
    if info.get("islink") or info.get("type") == "other":
        try:
            target = os.stat(info["name"])
        except OSError as e:
            return cannot("failed", f"a link that leads nowhere: {one_line(e)}")
        size = target.st_size
        info = dict(info, mtime=target.st_mtime, size=size)
        if not stat.S_ISREG(target.st_mode):
            return cannot("failed", "not a file: a device, pipe or socket")
    if hidden:
        return cannot("skipped", hidden)
    if size == 0:
        return cannot("failed", "empty file (0 bytes): nothing was recorded or copied")
    return Recording(uri, size_of(info), version_of(info), modified_of(info))


def row_of_folder(place: Place, folder: Unreadable, root: str) -> Unscannable:
    """The row of a folder that cannot be read."""
    recording, hidden = Recording(printable(place.uri(folder.path)), 0, ""), why_hidden(folder.path, root)
    if hidden:
        return Unscannable(recording, "skipped", "list", hidden)
    error = f"this folder cannot be read, so its recordings are missing: {folder.error}"
    return Unscannable(recording, "failed", "list", error)

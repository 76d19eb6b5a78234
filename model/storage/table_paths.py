"""Which files a path in a table may mean."""

from __future__ import annotations

import posixpath
import unicodedata
import urllib.parse

from soundbeam.model.storage.files import is_local, place_of


def uris_of(path: str, table: str, current_folder: str) -> list[str]:
    r"""The URIs of the files that a path in a table may mean, the first one first.

    A relative path starts from the table's folder, or else, in a local table, from the current folder. The table may
    come from another system: if there is no file of the name as written, ``\`` is ``/``, letters with marks may be
    written the other way, and ``%20`` is a space.

    Args:
        path: As written: absolute, relative, or any fsspec URL.
        table: Path or URL of the table.
        current_folder: Where relative paths may start as well.
    """
    slashes = path.replace("\\", "/")
    forms = [unicodedata.normalize(form, slashes) for form in ("NFC", "NFD")]
    spellings = dict.fromkeys([path, slashes, *forms, urllib.parse.unquote(slashes)])
    if "://" in path or path.startswith(("/", "~")):
        return list(dict.fromkeys(place.uri(full) for place, full in map(place_of, spellings)))
    place, table_path = place_of(table)
    folders = [posixpath.dirname(table_path), *([current_folder] if is_local(table) else [])]
    return list(dict.fromkeys(place.uri(_joined(folder, name)) for folder in folders for name in spellings))


def _joined(folder: str, name: str) -> str:
    path = posixpath.join(folder, name)
    return posixpath.normpath(path) if {".", ".."} & set(name.split("/")) else path

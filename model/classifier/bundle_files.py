"""The files of a classifier bundle: how they are named, written in one step, checked and read."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from fsspec import AbstractFileSystem

from soundbeam.model.errors import BundleError
from soundbeam.model.storage.files import locate, make_folder, open_file, write_at_once
from soundbeam.model.storage.stores import one_line

DESCRIPTION = "classifier.json"
FORMAT = 2
REPORT = "report.html"  # for people: the fingerprint does not cover it
_BY_CONTENT = ("weights-", "network-", "geo-", "head-")
_OURS = (*_BY_CONTENT, "logs", DESCRIPTION, REPORT)
_BLOCK = 1 << 20
_AGAIN = "train or import it again"


def write_bundle(url: str, values: dict[str, Any], files: Mapping[str, tuple[str, bytes]]) -> None:
    """Writes a bundle; one that is there already is replaced as a whole, and stays valid until the last moment.

    The large files are written first, under names that depend on their content, and ``classifier.json`` last, in one
    step. A process that dies in between leaves no bundle, or the one that was there.

    Args:
        url: The folder.
        values: What ``classifier.json`` says beside the files.
        files: Key in ``classifier.json`` (``weights``, ``network``, ``geo``, ``head``) → the name's extension, and the
            content.

    Raises:
        BundleError: The folder holds other things (see ``check_destination``).
    """
    fs, root = check_destination(url)
    names = {key: f"{key}-{_sha256(data)[:16]}.{extension}" for key, (extension, data) in files.items()}
    of_files = {
        key: {"file": names[key], "sha256": _sha256(data), "bytes": len(data)} for key, (_, data) in files.items()
    }
    described = json.loads(_canonical({"format": FORMAT, **values, **of_files}))
    described["fingerprint"] = fingerprint_of(described)
    make_folder(fs, root)
    for key, (_, data) in files.items():
        write_at_once(fs, f"{root}/{names[key]}", data)
    text = json.dumps(described, indent=1, ensure_ascii=False, allow_nan=False).encode()
    write_at_once(fs, f"{root}/{DESCRIPTION}", text)
    for other in fs.ls(root, detail=False):
        name = os.path.basename(other)
        if name == REPORT or (name.startswith(_BY_CONTENT) and name not in names.values()):
            fs.rm_file(other)  # of the bundle that was there


def check_destination(url: str) -> tuple[AbstractFileSystem, str]:
    """Checks that a bundle may be written to a folder: it does not exist, or holds nothing but a bundle's files.

    Returns:
        The folder's file system and its path there.

    Raises:
        BundleError: Something else is there; nothing is touched.
        SoundbeamError: The URL's store cannot be used.
    """
    place, root = locate(url)
    fs = place.fs
    if fs.isfile(root):
        raise BundleError(f"{url}: is a file; give a folder for the classifier")
    names = [os.path.basename(name.rstrip("/")) for name in fs.ls(root, detail=False)] if fs.isdir(root) else []
    foreign = sorted(name for name in names if name and not name.startswith(_OURS))
    if foreign:
        raise BundleError(f"{url}: holds other files ({foreign[0]}); give a new folder for the classifier")
    return fs, root


def read_description(url: str) -> dict[str, Any]:
    """The values of ``classifier.json``.

    Raises:
        BundleError: There is none, or one that this soundbeam does not read.
    """
    path = f"{url}/{DESCRIPTION}"
    try:
        described = json.loads(_text(path))
        version = described["format"]
    except (FileNotFoundError, NotADirectoryError):
        raise BundleError(
            f"{url}: no classifier there (no {DESCRIPTION}); make one with 'soundbeam train' or 'import'"
        ) from None
    except (UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as e:
        raise BundleError(f"{path}: not the description of a classifier ({type(e).__name__}: {e})") from e
    except (OSError, ImportError, ValueError) as e:
        raise BundleError(f"{path}: cannot be read ({one_line(e)})") from e
    if version != FORMAT:
        raise BundleError(
            f"{url}: made by bundle format {version}, this soundbeam reads {FORMAT}: "
            "train it again, or scan with the soundbeam that made it"
        )
    return described


def check(url: str, name: str, sha256: str) -> None:
    """Checks a file of the bundle, as ``classifier.json`` names it, without holding it in memory.

    Raises:
        BundleError: It is missing, changed or truncated.
    """
    for _ in _blocks(url, name, sha256, _BLOCK):
        pass


def checked(url: str, name: str, sha256: str) -> bytes:
    """The same file's content."""
    return b"".join(_blocks(url, name, sha256, -1))


def _blocks(url: str, name: str, sha256: str, size: int) -> Iterator[bytes]:
    digest = hashlib.sha256()
    try:
        with open_file(f"{url}/{name}") as file:
            while block := file.read(size):
                digest.update(block)
                yield block
    except FileNotFoundError:
        raise BundleError(f"{url}/{name}: missing; the bundle is incomplete, {_AGAIN}") from None
    if digest.hexdigest() != sha256:
        raise BundleError(f"{url}/{name}: changed or truncated since the bundle was made; {_AGAIN}")


def _text(url: str) -> str:
    with open_file(url) as file:
        return file.read().decode("utf-8")


def _canonical(described: dict[str, Any]) -> bytes:
    return json.dumps(described, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def fingerprint_of(described: dict[str, Any]) -> str:
    """SHA-256 over all values of ``classifier.json``, its files' among them."""
    return _sha256(_canonical({k: v for k, v in described.items() if k != "fingerprint"}))


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

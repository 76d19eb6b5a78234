"""Networks of bundles from before bundles had converted ones: converted once, kept in a folder of the user's."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.metadata
import json
import os
import sys
import tempfile
import zipfile
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

_NETWORK, _REST = "network.tflite", "rest.json"


@dataclasses.dataclass(frozen=True)
class Converted:
    """A converted network and what belongs to it.

    Attributes:
        network: The ``.tflite`` file; empty: it does not convert.
        front_end: The front end's configuration, as plain values.
        why_not: Why it does not convert.
    """

    network: bytes
    front_end: dict[str, Any]
    why_not: str = ""


def converted(fingerprint: str, load: Callable[[], keras.Model]) -> Converted:
    """A bundle's network converted, now or by an earlier process of the same user.

    Where the folder cannot be written it is converted in each process.

    Args:
        fingerprint: The bundle's.
        load: Loads its front end and network.
    """
    path = os.path.join(_folder(), f"{fingerprint}-embeds-litert-{importlib.metadata.version('ai-edge-litert')}.zip")
    try:
        with zipfile.ZipFile(path) as file:  # which checks what it reads
            return Converted(file.read(_NETWORK), **json.loads(file.read(_REST)))
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, TypeError, EOFError):
        pass  # there is none, or a damaged one, which is replaced
    ready = _convert(load())
    with contextlib.suppress(OSError):
        _keep(path, ready)
    return ready


def _convert(model: keras.Model) -> Converted:
    from soundbeam.model.architectures.assemble import FRONT_END
    from soundbeam.model.classifier.conversion import UnlikeError, converted_network

    front_end = model.get_layer(FRONT_END).config.plain()
    try:
        return Converted(converted_network(model), front_end)
    except UnlikeError as e:
        return Converted(b"", front_end, str(e))


def _keep(path: str, ready: Converted) -> None:
    """Writes the file in one step, for the user alone: another process may read it at any time."""
    folder = os.path.dirname(path)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=folder)
    try:
        with os.fdopen(handle, "wb") as raw, zipfile.ZipFile(raw, "w") as file:
            file.writestr(_NETWORK, ready.network)
            file.writestr(_REST, json.dumps({"front_end": ready.front_end, "why_not": ready.why_not}))
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise


def _folder() -> str:
    """The user's folder for what can be made again, as each system has it."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", "") or os.path.expanduser(r"~\AppData\Local")
    elif sys.platform == "darwin":
        base = os.path.expanduser("~/Library/Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME", "") or os.path.expanduser("~/.cache")
    return os.path.join(base, "soundbeam", "networks")

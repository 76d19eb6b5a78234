"""Files on any store that fsspec knows."""

from __future__ import annotations

from typing import Any

import fsspec


def open_to_write(url: str, mode: str = "wb") -> Any:
    """Opens a file for writing, making the folders above it where the store has folders.

    Args:
        url: A local path or any fsspec URL.
        mode: ``wb`` or ``w`` (UTF-8).
    """
    fs, path = fsspec.core.url_to_fs(url)
    fs.makedirs(fs._parent(path), exist_ok=True)
    return fs.open(path, mode) if "b" in mode else fs.open(path, mode, encoding="utf-8")

"""Keywords of Python's functions as the configurations and command lines of programs have them."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

from soundbeam.model.storage.files import path_text


def split(options: Mapping[str, Any], of: type[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Divides options into those that are fields of a dataclass and the others."""
    names = {field.name for field in dataclasses.fields(of) if field.init}
    own = {name: plain(name, value) for name, value in options.items() if name in names}
    return own, {name: value for name, value in options.items() if name not in names}


def plain(name: str, value: Any) -> Any:
    """An option as a command line gives it: of a path, the text."""
    return path_text(value, name) if isinstance(value, (bytes, os.PathLike)) else value


def flags(options: Mapping[str, Any]) -> list[str]:
    """Keywords as flags of Beam: True is the bare flag, a list repeats the flag, None and False omit it."""
    flags = []
    for name, value in options.items():
        for each in value if isinstance(value, (list, tuple)) else [value]:
            if each is not None and each is not False:
                flags.append(f"--{name}" if each is True else f"--{name}={each}")
    return flags

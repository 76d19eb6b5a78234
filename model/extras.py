"""Packages that only some of the work needs."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable

from soundbeam.model.errors import SoundbeamError


def require(what: str, packages: Iterable[str]) -> None:
    """Makes sure that packages of the extra ``[zoo]`` are installed, without loading them.

    Args:
        what: What needs them, as the message begins.
        packages: Their names.

    Raises:
        SoundbeamError: One is missing.
    """
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    if missing:
        raise SoundbeamError(f"{what} needs {' and '.join(missing)}; install it: pip install 'soundbeam[zoo]'")

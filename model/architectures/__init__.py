"""The architectures: each module of this package that defines ``ARCHITECTURE`` adds one."""

from __future__ import annotations

import functools
import importlib
import pkgutil

from model.architectures.architecture import Architecture
from model.errors import SoundbeamError

DEFAULT = "compact"


@functools.cache
def _registry() -> dict[str, Architecture]:
    modules = sorted(m.name for m in pkgutil.iter_modules(__path__, f"{__name__}."))
    found = [getattr(importlib.import_module(name), "ARCHITECTURE", None) for name in modules]
    return {a.name: a for a in found if a is not None}


def architecture_names() -> tuple[str, ...]:
    """The names of all architectures, the default first."""
    return tuple(sorted(_registry(), key=lambda name: (name != DEFAULT, name)))


def get_architecture(name: str) -> Architecture:
    """The architecture of that name.

    Raises:
        SoundbeamError: There is none.
    """
    try:
        return _registry()[name]
    except KeyError:
        raise SoundbeamError(f"no architecture {name!r}; there are: {', '.join(architecture_names())}") from None

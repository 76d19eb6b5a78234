"""The architectures: a module of this package adds one as ``ARCHITECTURE``, a family of them as ``ARCHITECTURES``."""

from __future__ import annotations

import functools
import importlib
import pkgutil

from soundbeam.model.architectures.architecture import Architecture
from soundbeam.model.errors import SoundbeamError

DEFAULT = "compact"


@functools.cache
def _registry() -> dict[str, Architecture]:
    modules = sorted(m.name for m in pkgutil.walk_packages(__path__, f"{__name__}.") if not m.ispkg)
    architectures: dict[str, Architecture] = {}
    for module in map(importlib.import_module, modules):
        one = getattr(module, "ARCHITECTURE", None)
        for architecture in (*getattr(module, "ARCHITECTURES", ()), *((one,) if one else ())):
            architectures[architecture.name] = architecture
    return architectures


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

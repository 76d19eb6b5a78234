"""Packages that only some of the work needs, and what to do where one is missing."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable

from soundbeam.model.errors import SoundbeamError

_ALL = "soundbeam with all that it needs: pip install -c constraints.txt ."
_NEEDS_TENSORFLOW = f"needs TensorFlow, which is not installed here (scanning does without); install {_ALL}"


def require(what: str, packages: Iterable[str], extra: str = "zoo") -> None:
    """Makes sure that packages of an extra are installed, without loading them.

    Args:
        what: What needs them, as the message begins.
        packages: Their names.
        extra: Its name.

    Raises:
        SoundbeamError: One is missing.
    """
    missing = [package for package in packages if not installed(package)]
    if missing:
        raise SoundbeamError(f"{what} needs {' and '.join(missing)}; install it: pip install 'soundbeam[{extra}]'")


def installed(package: str) -> bool:
    """Whether a package can be imported, without loading it."""
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):  # made unavailable: `sys.modules` holds None for it
        return False


def require_tensorflow(what: str) -> None:
    """Makes sure that TensorFlow is installed, without loading it.

    Args:
        what: What needs it, as the message begins.

    Raises:
        SoundbeamError: It is not.
    """
    if not installed("tensorflow"):
        raise SoundbeamError(f"{what} {_NEEDS_TENSORFLOW}")


def missing_package(module: str) -> str:
    """What to do where a module is missing that soundbeam needs.

    Args:
        module: Its full name, as in ``ModuleNotFoundError.name``.
    """
    package = module.partition(".")[0]
    if package in ("tensorflow", "keras"):
        return f"this {_NEEDS_TENSORFLOW}"
    return f"the package {package} is not installed here; install {_ALL}"

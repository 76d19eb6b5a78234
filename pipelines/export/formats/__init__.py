"""The formats: each module of this package adds one, as ``FORMAT``."""

from __future__ import annotations

import functools
import importlib
import pkgutil

from soundbeam.model.errors import OptionError
from soundbeam.pipelines.export.contents.file_format import Format
from soundbeam.pipelines.export.contents.request import Exporting


@functools.cache
def all_formats() -> dict[str, Format]:
    """Name → format."""
    modules = sorted(module.name for module in pkgutil.iter_modules(__path__))
    found = (importlib.import_module(f"{__name__}.{module}").FORMAT for module in modules)
    return {each.name: each for each in sorted(found, key=lambda each: each.name)}


def format_of(request: Exporting) -> Format:
    """The format that is asked for.

    Raises:
        OptionError: There is none of that name, or an option does not belong to it.
    """
    known = all_formats()
    if request.format not in known:
        raise OptionError(f"no format {request.format!r}; there are {', '.join(known)}")
    chosen = known[request.format]
    for name in request.options:
        if name not in chosen.options:
            takers = ", ".join(each.name for each in known.values() if name in each.options)
            option = f"--{name.replace('_', '-')}"
            raise OptionError(f"{option} does not belong to the format {chosen.name}; it is an option of {takers}")
    return chosen

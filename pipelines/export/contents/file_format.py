"""What a format is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from soundbeam.pipelines.export.contents.destination import Destination
from soundbeam.pipelines.export.contents.selection import Selection


@dataclasses.dataclass(frozen=True)
class Format:
    """A format of another program.

    Attributes:
        name: As ``--format`` takes it.
        summary: Who reads it; a few words.
        write: Writes what was selected.
        options: Which of `request.FORMAT_OPTIONS` it takes.
        packages: Packages of the extra ``[formats]`` that it needs.
        by_beam: Whether a pipeline writes it.
    """

    name: str
    summary: str
    write: Callable[[Selection, Destination], None]
    options: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    by_beam: bool = False

"""Exports what was selected of a scan."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.extras import installed
from soundbeam.pipelines.console.output import redacted
from soundbeam.pipelines.export.contents.destination import Destination
from soundbeam.pipelines.export.contents.request import Exporting
from soundbeam.pipelines.export.contents.selection import Selection
from soundbeam.pipelines.export.formats import format_of

if TYPE_CHECKING:
    from apache_beam.options.pipeline_options import PipelineOptions


@dataclasses.dataclass(frozen=True)
class Exported:
    """What was exported.

    Attributes:
        to: The folder.
        files: How many files it holds.
        recordings: How many recordings were listened to.
        calls: How many calls were found in them.
        failed: How many recordings are not in it because they could not be listened to.
        undated: How many are not in it because it is unknown when they were made.
        notes: What a user should know, a line each.

    Example:
        >>> Exported("raven/", 2, 2, 5).failed
        0
    """

    to: str
    files: int
    recordings: int
    calls: int
    failed: int = 0
    undated: int = 0
    notes: tuple[str, ...] = ()


def export(request: Exporting, beam: PipelineOptions | None = None) -> Exported:
    """Writes calls of a scan in another program's format.

    Args:
        request: What to export.
        beam: Beam's options, for a format that a pipeline writes.

    Raises:
        OptionError: There is no such format, or an option does not belong to it.
        ResultsError: There is no scan.
        SoundbeamError: The folder holds other files or cannot be written, or the format needs what is not known.
    """
    chosen = format_of(request)
    missing = [package for package in chosen.packages if not installed(package)]
    if missing:
        need = " and ".join(missing)
        raise SoundbeamError(f"the format {chosen.name} needs {need}; install it: pip install 'soundbeam[formats]'")
    with Selection(request, beam) as selection:
        to = Destination(request.to, _asked(request))
        try:
            chosen.write(selection, to)
            files = to.finish()
        finally:
            to.close()
        return Exported(
            redacted(request.to), files, len(selection.recordings), selection.calls,
            selection.failed, selection.undated, tuple(to.notes),
        )  # fmt: skip


def _asked(request: Exporting) -> dict[str, Any]:
    """What was asked for, as JSON has it; without what was not given, and without passwords."""
    values = {name: value for name, value in dataclasses.asdict(request).items() if value not in (None, False, ())}
    del values["to"]
    return {name: list(value) if isinstance(value, tuple) else redacted(str(value)) for name, value in values.items()}

"""What a scan found, in the formats of other programs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from soundbeam.pipelines.export.exporting import Exported

    Path = str | os.PathLike[str]


def export(output: Path, format: str, to: Path, **options: Any) -> Exported:
    """Writes a scan's calls in the format of another program, as ``soundbeam export`` does.

    Args:
        output: The scan's output folder.
        format: ``raven``, ``csv``, ``clips``, …; ``soundbeam export --help`` lists them.
        to: A new folder, or that of an earlier export.
        options: The other fields of `pipelines.export.contents.request.Exporting`: ``label``, ``site``, ``from_``,
            ``until``, ``min_score``, ``reviewed_only`` and those of single formats; and Beam's options for ``clips``.

    Returns:
        What the program prints.

    Raises:
        OptionError: There is no such format, or an option does not belong to it.

    Example:
        >>> export("results/", "csv", "table/").calls
        2
    """
    from soundbeam.model.storage.files import path_text
    from soundbeam.pipelines.export.contents.request import Exporting
    from soundbeam.pipelines.export.exporting import export
    from soundbeam.pipelines.export.formats import format_of
    from soundbeam.pipelines.export.program import beam_options_of
    from soundbeam.programs import divided

    own, flags = divided(options, Exporting)
    request = Exporting(path_text(output, "output"), format, path_text(to, "to"), **own)
    return export(request, beam_options_of(format_of(request), flags))

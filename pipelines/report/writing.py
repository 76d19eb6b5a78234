"""Writes a report."""

from __future__ import annotations

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.storage.files import locate, write_at_once
from soundbeam.pipelines.report.html import page
from soundbeam.pipelines.report.material import gather
from soundbeam.pipelines.report.request import Reporting


def write_report(request: Reporting) -> int:
    """Gathers the figures, makes the page and writes it; the page appears whole or not at all.

    Returns:
        Its size, bytes.

    Raises:
        ResultsError: The output cannot be read.
        SoundbeamError: There is no such label, or the page cannot be written.
    """
    place, path = locate(request.html)
    if place.fs.isdir(path):
        raise SoundbeamError(
            f"{request.html}: is a folder; name a file in it, as {request.html.rstrip('/')}/report.html"
        )
    content = page(gather(request)).encode()
    write_at_once(place.fs, path, content)
    return len(content)

"""Writes a report."""

from __future__ import annotations

from soundbeam.model.storage.files import check_file, write_whole
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
    check_file(request.html)  # before minutes of work
    content = page(gather(request)).encode()
    write_whole(request.html, content)
    return len(content)

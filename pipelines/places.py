"""Where and when recorders were: what a scan was told, or what a later program is."""

from __future__ import annotations

import os

from soundbeam.pipelines import results
from soundbeam.transforms.listing.deployments import Deployments, read_deployments


def deployments_of(output: str | os.PathLike[str], url: str | None = None) -> Deployments | None:
    """The deployments of a scan's recordings.

    Args:
        output: The scan's output folder.
        url: A table of deployments, in place of the one that the scan was told; None: that one.

    Returns:
        None if neither says where recorders were, or the scan is of an earlier version, which did not keep the table.

    Raises:
        ResultsError: The output holds no run.
        SoundbeamError: The table cannot be read, or says what cannot be.
    """
    folder = results.open_output(output)
    newest = results.select_runs(folder)[-1]
    if url is None:
        kept = folder.deployments_path(newest.run)
        if not folder.fs.exists(kept):
            return None
        url = folder.place.uri(kept)
    return read_deployments(url, newest.parameters.site, newest.parameters.timezone)

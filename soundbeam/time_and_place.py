"""How long was listened, where and when, and what is odd about it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from soundbeam.pipelines.effort.problems import Problem
    from soundbeam.transforms.listing.deployments import Deployments

    Path = str | os.PathLike[str]


def effort(output: Path, by: Sequence[str] = ("site", "night"), deployments: Path | None = None) -> pa.Table:
    """How long was listened, where and when by local time, as ``soundbeam effort`` tells.

    Args:
        output: The output folder of `scan` or `embed`.
        by: Some of site, day, night (from noon to noon, named by its evening), week (named by its Monday) and hour.
        deployments: A CSV whose time zones count, in place of the one that the scan was told.

    Returns:
        The groups, then hours, recordings, ok, partial, failed, and failed_hours (null where a length is unknown).

    Example:
        >>> effort("results/", by=["site"])["recordings"].to_pylist()
        [1]
    """
    from soundbeam.pipelines.effort.listened import effort

    return effort(output, by, _told(output, deployments))


def problems(output: Path, deployments: Path | None = None) -> list[Problem]:
    """What is odd about the times of recordings, as ``soundbeam effort`` tells.

    Gaps and overlaps of schedules, recordings outside their deployment, clocks that were set back or never set, and
    recordings of one time.

    Args:
        output: The output folder of `scan` or `embed`.
        deployments: A CSV of deployments, in place of the one that the scan was told.

    Example:
        >>> [problem.kind for problem in problems("results/")]
        ['time unknown']
    """
    from soundbeam.pipelines.effort.problems import problems

    return problems(output, _told(output, deployments))


def _told(output: Path, deployments: Path | None) -> Deployments | None:
    from soundbeam.model.storage.files import path_text
    from soundbeam.pipelines.places import deployments_of

    return deployments_of(output, None if deployments is None else path_text(deployments, "deployments"))

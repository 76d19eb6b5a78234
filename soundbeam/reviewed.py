"""What the verdicts of reviewers come to."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from soundbeam.model.errors import OptionError

if TYPE_CHECKING:
    from soundbeam.pipelines.review.figures_of_review import ReviewFigures

    Path = str | os.PathLike[str]


def review_report(output: Path, label: str | None = None, *, target_precision: float = 0.95) -> ReviewFigures:
    """What reviewers' verdicts come to, as ``soundbeam review report`` tells it.

    Args:
        output: The scan's output folder, in which windows were drawn and judged.
        label: Only of this label; None: of all that were reviewed.
        target_precision: Of windows, for which a threshold is looked for.

    Example:
        >>> figures = review_report("results/").labels[0]
        >>> figures.total.low <= figures.total.value <= figures.total.high
        True
    """
    from soundbeam.model.storage.files import path_text
    from soundbeam.pipelines.review.review_numbers import review_figures

    if not 0 < target_precision < 1:
        raise OptionError(f"target_precision {target_precision} is not above 0 and below 1")
    return review_figures(path_text(output, "output"), label, target_precision)

"""Draws windows for review, takes verdicts from elsewhere, and says what verdicts come to."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from soundbeam.model.errors import OptionError
from soundbeam.model.storage.files import path_text

if TYPE_CHECKING:
    import pyarrow as pa

    from soundbeam.pipelines.review.figures_of_review import ReviewFigures
    from soundbeam.pipelines.review.judged_elsewhere import Imported

    Path = str | os.PathLike[str]


def review_sample(output: Path, label: str | None = None, n: int = 200, **options: Any) -> pa.Table:
    """Draws windows for review, as ``soundbeam review sample`` does, and ``next`` with ``design="next"``.

    Args:
        output: The scan's output folder.
        label: The label; needed if there are several.
        n: How many windows are to be drawn.
        options: ``design``, ``spacing``, ``seed`` and the other fields of `pipelines.review.request.Sampling`.

    Returns:
        The windows in the order of looking; ``weight`` is the inverse of each one's probability, null where the design
        is no probability sample.

    Raises:
        ResultsError: There is nothing to draw from.

    Example:
        >>> drawn = review_sample("results/", n=3, spacing=0, design="random")
        >>> drawn.num_rows, drawn.column_names[:4]
        (3, ['review_id', 'recording', 'start_s', 'end_s'])
    """
    from soundbeam.pipelines.review.drawing_windows import draw_windows
    from soundbeam.pipelines.review.request import Sampling

    paths: dict[str, Any] = {
        name: path_text(options.pop(name), name) for name in ("against", "clips", "csv") if options.get(name)
    }
    known = Sampling.__dataclass_fields__
    if unknown := [name for name in options if name not in known]:
        raise OptionError(f"review_sample has no option {unknown[0]!r}")
    return draw_windows(Sampling(path_text(output, "output"), label, n, **options, **paths)).sample.rows


def review_import(source: Path, output: Path, reviewer: str | None = None, label: str | None = None) -> Imported:
    """Takes verdicts that were given with other tools, as ``soundbeam review import`` does.

    Args:
        source: A table, or a folder of clips that were sorted, or of tables.
        output: The scan's output folder, in which the windows were drawn.
        reviewer: Whose verdicts they are; None: the login name.
        label: Only windows of this label; None: of all.

    Raises:
        SoundbeamError: The source cannot be read, or says what is no verdict; or no sample was drawn.

    Example:
        >>> judged = review_sample("results/", n=1, csv="judge.csv", seed=1).to_pandas().assign(verdict="yes")
        >>> judged.to_csv("judged.csv")
        >>> review_import("judged.csv", "results/", reviewer="eve").verdicts
        Counter({'yes': 1})
    """
    from soundbeam.pipelines.review.judged_elsewhere import import_verdicts

    return import_verdicts(path_text(source, "source"), path_text(output, "output"), reviewer, label)


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
    from soundbeam.pipelines.review.review_numbers import review_figures

    if not 0 < target_precision < 1:
        raise OptionError(f"target_precision {target_precision} is not above 0 and below 1")
    return review_figures(path_text(output, "output"), label, target_precision)

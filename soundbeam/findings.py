"""What was found: compared with the truth, for other programs, and as a page."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from soundbeam.keywords import flags, split
from soundbeam.model.errors import OptionError
from soundbeam.model.storage.files import path_text

if TYPE_CHECKING:
    from soundbeam.pipelines.export.exporting import Exported

    Path = str | os.PathLike[str]


class EvaluationFigures(Mapping[str, Any]):
    """The figures of ``soundbeam evaluate --json``, by attribute or by key.

    Example:
        >>> figures = EvaluationFigures({"evaluated": 3})
        >>> figures.evaluated, figures["evaluated"]
        (3, 3)
    """

    def __init__(self, figures: Mapping[str, Any]):
        self._figures = dict(figures)

    def __getitem__(self, name: str) -> Any:
        return self._figures[name]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._figures:
            raise AttributeError(f"no figure {name!r}")
        return self._figures[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._figures)

    def __len__(self) -> int:
        return len(self._figures)

    def __repr__(self) -> str:
        return f"EvaluationFigures({self._figures!r})"


def evaluate(
    annotations: Path | None = None,
    output: Path = "",
    *,
    clips: Path | None = None,
    precision: float | None = None,
    **reading: Any,
) -> EvaluationFigures:
    """Compares a scan with annotations, or a scan of clips with their labels, as ``soundbeam evaluate`` does.

    Args:
        annotations: A file or folder of any tool's annotations, or a CSV ``recording,start_s,end_s,label``.
        output: The scan's output folder.
        clips: Instead of annotations: labelled clips that were scanned.
        precision: Also report the threshold for this precision of calls.
        reading: How annotations are read: ``annotation_format``, ``label_column``, ``map`` (old name → new name).

    Example:
        >>> figures = evaluate("annotations.csv", "results/")
        >>> figures.labels["low"]["counts"]["exact"]
        1
    """
    if (annotations is None) == (clips is None):
        raise OptionError("evaluate needs either annotations or clips")
    output = path_text(output, "output")
    if clips is not None:
        from soundbeam.pipelines.evaluate.clips import evaluate_clips, plain_figures

        if precision is not None or reading:
            raise OptionError(f"{'precision' if precision is not None else next(iter(reading))} needs annotations")
        return EvaluationFigures(plain_figures(evaluate_clips(path_text(clips, "clips"), output)))
    from soundbeam.pipelines.annotations.annotation_options import options_from
    from soundbeam.pipelines.annotations.read_annotations import read_annotations
    from soundbeam.pipelines.evaluate.recordings import compare

    truth = read_annotations(path_text(annotations, "annotations"), options_from(reading))
    return EvaluationFigures(compare(truth, output, precision))


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
    from soundbeam.pipelines.export.contents.request import Exporting
    from soundbeam.pipelines.export.exporting import export as run
    from soundbeam.pipelines.export.formats import format_of
    from soundbeam.pipelines.export.program import beam_options_of

    own, beam_flags = split(options, Exporting)
    request = Exporting(path_text(output, "output"), format, path_text(to, "to"), **own)
    return run(request, beam_options_of(format_of(request), flags(beam_flags)))


def report(output: Path, html: Path, **options: Any) -> str:
    """Writes what a scan found as one page that opens offline and prints, as ``soundbeam report`` does.

    Args:
        output: The scan's output folder.
        html: The file to write.
        options: ``label`` (a name, or several), ``deployments`` and ``reviews``, the other fields of
            `pipelines.report.request.Reporting`.

    Returns:
        ``html`` as text.

    Example:
        >>> report("results/", "report.html", label="low")
        'report.html'
    """
    from soundbeam.pipelines.report.request import Reporting
    from soundbeam.pipelines.report.writing import write_report

    own, unknown = split(options, Reporting)
    if unknown:
        raise OptionError(f"report has no option {next(iter(unknown))!r}")
    request = Reporting(path_text(output, "output"), path_text(html, "html"), **own)
    write_report(request)
    return request.html

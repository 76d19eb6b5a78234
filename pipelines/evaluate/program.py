"""Compares a scan with annotations: counts, calls and windows; or a scan of clips with their labels.

    soundbeam evaluate --annotations annotations.csv --output results/ --json figures.json
    soundbeam evaluate --annotations annotations.csv --output results/ --precision 0.95
    soundbeam evaluate --annotations 'raven/*.selections.txt' --label-column Species --map 'GHOW=owl' --output results/
    soundbeam evaluate --clips clips/ --output results/ --report report/

The annotations are those of any tool (docs/exchange.md), or a CSV ``recording,start_s,end_s,label`` (further columns
are ignored); a recording is named by its URI or by an unambiguous tail of it. Scanned recordings without a row contain
no call: their true count is 0. The annotated labels are evaluated, each on its own: for a classifier of many labels
that is one against the rest.

- counts: how many recordings are counted exactly, and the mean absolute error, in calls a recording.
- calls: precision, recall and F1; a call is right when it overlaps an annotation, one to one.
- windows: average precision and ROC AUC of the scores. A window is positive when it holds at least half of an annotated
  call or is at least half filled by calls; one that holds less is ambiguous and left out; all others are negative.

With --precision the calls are computed again with many thresholds, as a scan would do it. The program prints the lowest
threshold that reaches this precision on these annotations. Chosen on few calls, it holds only roughly for others.

With --clips (a folder with one folder for each label, or a CSV as for ``soundbeam materialize``) each scanned clip is
compared as a whole: precision, recall, F1 and average precision of each label, accuracy, and which labels are confused.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from soundbeam.pipelines.annotations import annotation_options
from soundbeam.pipelines.annotations.read_annotations import read_annotations
from soundbeam.pipelines.console.arguments import Parser, share
from soundbeam.pipelines.console.errors import program
from soundbeam.pipelines.console.output import say
from soundbeam.pipelines.evaluate.printing import print_figures


@program("evaluate")
def main(argv: list[str] | None = None) -> int:
    """Runs the program."""
    parser = Parser(
        "evaluate",
        "Compares a scan's counts, calls and window scores with annotations.",
        "soundbeam evaluate --annotations annotations.csv --output results/",
    )
    truth = parser.add_mutually_exclusive_group(required=True)
    truth.add_argument("--annotations", metavar="FILE|DIR", help=f"every call: {annotation_options.HELP}")
    truth.add_argument("--clips", metavar="DIR", help="labelled clips that were scanned: a folder a label, or a CSV")
    parser.add_argument("--output", required=True, metavar="DIR", help="the scan's output folder")
    parser.add_argument(
        "--precision",
        type=share(low_open=True),
        metavar="X",
        help="also print the threshold for this precision of calls, e.g. 0.95",
    )
    parser.add_argument("--json", metavar="FILE", help="also write all figures there; path or fsspec URL")
    parser.add_argument(
        "--report", metavar="DIR", help="with --clips: confusion matrix (PNG, Parquet) and tables of labels and clips"
    )
    annotation_options.add_options(parser)
    options = parser.parse_args(argv)
    if options.clips:
        if options.precision:
            parser.error("--precision wants --annotations")
        return _clips(options)
    if options.report:
        parser.error("--report wants --clips")
    from soundbeam.pipelines.evaluate.recordings import compare

    figures = compare(
        read_annotations(options.annotations, annotation_options.options_of(options)), options.output, options.precision
    )
    print_figures(figures)
    _write_json(options, {"annotations": options.annotations, "output": options.output, **figures})
    return 0


def _clips(options: argparse.Namespace) -> int:
    from soundbeam.pipelines.evaluate.clips import evaluate_clips, plain_figures, print_clips, write_report

    evaluation = evaluate_clips(options.clips, options.output)
    print_clips(evaluation)
    if options.report:
        say(f"report: {', '.join(write_report(evaluation, options.report))}")
    _write_json(options, {"clips_of": options.clips, "output": options.output, **plain_figures(evaluation)})
    return 0


def _write_json(options: argparse.Namespace, figures: dict[str, Any]) -> None:
    if options.json:
        from soundbeam.model.storage.files import open_to_write

        with open_to_write(options.json, "w") as f:
            json.dump(figures, f, indent=1)
        say(f"all figures: {options.json}")


if __name__ == "__main__":
    sys.exit(main())

"""Turns labelled clips into training examples; or into a table of features, or pictures.

soundbeam materialize --clips clips/ --examples examples/
soundbeam materialize --clips clips/ --examples examples/ --condition trim=40,pre-emphasis,loudness=-23,denoise
soundbeam materialize --clips clips/ --features table --output features/
soundbeam materialize --clips clips/ --features images --image-size 299x299 --colours inferno --output images/
soundbeam materialize --clips raven/ --recordings 'site/**/*.wav' --negatives unannotated --examples examples/
soundbeam materialize --clips clips/ --reviews results/ --examples examples/
soundbeam materialize --clips clips.csv --examples s3://bucket/examples --runner=FlinkRunner
"""

from __future__ import annotations

import sys
import time
from typing import Any

from soundbeam.pipelines.annotations import annotation_options
from soundbeam.pipelines.console.arguments import Parser, option_names, positive, positive_int
from soundbeam.pipelines.console.errors import program
from soundbeam.pipelines.materialize import conditioning, features
from soundbeam.pipelines.materialize.examples import materialize, report
from soundbeam.pipelines.materialize.request import NEGATIVES, Materializing


def parser() -> Parser:
    """The program's options."""
    p = Parser(
        "materialize",
        "Decodes labelled clips into TFRecord shards, split into train and validation by source recording.\n"
        "Any Beam option may follow.",
        "soundbeam materialize --clips clips/ --examples examples/",
    )
    p.usage = f"{p.prog} [--clips DIR|CSV] [--reviews RESULTS …] --examples DIR [options]"
    p.add_argument(
        "--clips",
        metavar="DIR|CSV",
        help="a folder with one folder a label, or a CSV path,label[,start_s,end_s][,source]; with --recordings, "
        f"annotations {annotation_options.HELP}",
    )
    p.add_argument(
        "--recordings",
        nargs="+",
        default=[],
        metavar="PATTERN",
        help="the annotated recordings: files, folders, globs or @list.txt",
    )
    p.add_argument(
        "--negatives",
        choices=NEGATIVES,
        default="listed",
        help="what of annotated recordings is learned as no call: 'listed', what annotations name so; "
        "'unannotated', also stretches without any: they are complete (default: %(default)s)",
    )
    p.add_argument(
        "--context",
        type=float,
        default=0.25,
        metavar="SECONDS",
        help="taken before and behind an annotated call, up to the next one (default: %(default)s)",
    )
    p.add_argument(
        "--reviews",
        nargs="+",
        default=[],
        metavar="RESULTS",
        help="output folders of scans: the windows that 'soundbeam review' confirmed, and false alarms",
    )
    p.add_argument(
        "--examples",
        "--output",
        dest="examples",
        required=True,
        metavar="DIR",
        help="where the shards and manifest.json go, or the features",
    )
    p.add_argument("--rate", type=positive_int, default=16000, help="Hz of the examples (default: %(default)s)")
    p.add_argument(
        "--window",
        type=positive,
        default=5.0,
        metavar="SECONDS",
        help="longest example; longer clips are cut into several (default: %(default)s)",
    )
    p.add_argument(
        "--validation",
        type=float,
        default=0.2,
        metavar="SHARE",
        help="share of each label kept for validation, by whole sources (default: %(default)s)",
    )
    annotation_options.add_options(p)
    conditioning.add_options(p)
    features.add_options(p)
    return p


@program("materialize")
def main(argv: list[str] | None = None) -> int:
    """Runs the program."""
    options, rest = parser().parse_known_args(argv)
    reading = annotation_options.options_of(options)
    several = {name: tuple(getattr(options, name)) for name in ("recordings", "reviews")}
    request = Materializing(**{**vars(options), **several}, reading=reading)
    request.check()
    from soundbeam.pipelines.runners.options import beam_options

    beam_opts = beam_options(rest, option_names(parser()))
    start = time.perf_counter()
    made = make(request, beam_opts)
    (features.report if request.features else report)(made, request.examples, time.perf_counter() - start)
    return 0


def make(request: Materializing, beam_opts) -> dict[str, Any]:
    """Makes examples or features; returns the manifest, or the summary of the features."""
    make_all = features.make_features if request.features else materialize
    return make_all(request, conditioning.read_conditioning(request), beam_opts)


if __name__ == "__main__":
    sys.exit(main())

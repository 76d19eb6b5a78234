"""Trains a classifier on materialized examples and writes its bundle.

    soundbeam train --examples examples/ --target capuchinbird --classifier bundle/
    soundbeam train --examples examples/ --target capuchinbird --classifier bundle/ --folds 5
    soundbeam train --examples examples/ --target capuchinbird --classifier bundle/ --base birdnet/
    python -m soundbeam.pipelines.train --help

With --target it is the detector of those labels against all the rest; without, it tells all labels apart.

With --base it is a head: a small classifier on the embeddings that another bundle gives, frozen. They are computed
once, and lie beside the examples.

With --folds K the examples' source recordings are dealt into K folds first. K trainings, each on all folds but one,
are measured on that one; then the bundle is trained as always, and keeps their figures in its report. Where there are
exactly K sources each is a fold: a column ``source`` in the CSV of clips gives folds of one's own.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from soundbeam.model.errors import SoundbeamError
from soundbeam.pipelines.console.arguments import Parser, folds, positive, positive_int, share
from soundbeam.pipelines.console.errors import program
from soundbeam.pipelines.console.output import Progress, say
from soundbeam.pipelines.train.frozen_base import with_frozen_base
from soundbeam.pipelines.train.printing import cross_validate, print_training


def parser() -> Parser:
    """The command line of ``soundbeam train``."""
    p = Parser(
        "train",
        "Trains a classifier on examples and writes its bundle: weights, labels, thresholds, a report.",
        "soundbeam train --examples examples/ --target capuchinbird --classifier bundle/",
    )
    p.usage = "soundbeam train --examples DIR --classifier DIR [options]"
    p.add_argument("--examples", required=True, metavar="DIR", help="made by 'soundbeam materialize'; any fsspec URL")
    p.add_argument("--classifier", required=True, metavar="DIR", help="where the bundle goes; one there is replaced")
    p.add_argument(
        "--target",
        action="extend",
        nargs="+",
        default=[],
        metavar="LABEL",
        help="detect these; without it, tell all labels apart",
    )
    p.add_argument("--architecture", metavar="NAME", help="compact (default), cnn_baseline, …")
    p.add_argument("--base", default="", metavar="BUNDLE", help="instead: train a head on its embeddings, in seconds")
    p.add_argument("--hidden", type=positive_int, default=0, metavar="N", help="of a head: units of a hidden layer")
    p.add_argument(
        "--backgrounds",
        action="extend",
        nargs="+",
        default=[],
        metavar="PATTERN",
        help="of a head: recordings to mine for negatives",
    )
    p.add_argument("--front-end", metavar="KIND", help="instead of its own: mfcc, pcen, log_mel+cqt, …")
    p.add_argument("--window", type=positive, metavar="SECONDS", help="of a window, instead of its own")
    p.add_argument("--epochs", type=positive_int, metavar="N", help="default: as the architecture's recipe says")
    p.add_argument("--windows", type=positive_int, metavar="N", help="to train on in all, as compare counts them")
    p.add_argument("--folds", type=folds, metavar="K", help="cross-validate by source recording first, K times")
    p.add_argument("--weights", default="none", metavar="FROM", help="of inception_v3: imagenet, a FILE or none")
    p.add_argument("--fine-tune", type=positive_int, default=0, metavar="N", help="epochs for all of inception_v3")
    p.add_argument("--warp", type=share(), metavar="SHARE", help="most that a classifier's clips are stretched")
    p.add_argument("--seed", type=int, default=0, metavar="S", help="same seed, same weights (default: 0)")
    return p


@program("train")
def main(argv: list[str] | None = None) -> int:
    """Runs ``soundbeam train``."""
    options = parser().parse_args(argv)
    from soundbeam.model.training.plan import Training

    training = Training(
        examples=options.examples,
        classifier=options.classifier,
        architecture=options.architecture or "compact",
        targets=tuple(options.target),
        epochs=options.epochs,
        seed=options.seed,
        front_end=options.front_end,
        window_s=options.window,
        windows=options.windows,
        warp=options.warp,
        base=options.base,
        hidden=options.hidden,
        backgrounds=tuple(options.backgrounds),
    )
    if options.base and options.architecture:
        raise SoundbeamError("--base and --architecture: a head has no architecture of its own; give one of them")
    training = with_frozen_base(training, options.weights, options.fine_tune)
    extra = folds_figures(training, options.folds)
    start = time.perf_counter()
    bundle = trained(training, extra)
    print_training(bundle, time.perf_counter() - start)
    return 0


def folds_figures(training, folds: int | None, say=say) -> dict[str, Any]:
    """What cross-validation adds to a bundle's report; nothing without folds. ``say`` gets its lines."""
    from soundbeam.model.classifier.bundle_files import check_destination

    if not folds:
        return {}
    check_destination(training.classifier)  # before hours of work
    return {"cross_validation": cross_validate(training, folds, say)}


def trained(training, extra: dict[str, Any], say=say):
    """Trains with a progress line and returns the bundle; ``say`` gets lines about what is done."""
    from soundbeam.model.training.learners import learner_of
    from soundbeam.model.training.train import train

    learner = learner_of(training)
    progress = Progress(f"training {learner.name}, batches", learner.epochs * learner.steps(learner.task))
    bundle = train(training, say, progress.step, extra)
    progress.close()
    return bundle


if __name__ == "__main__":
    sys.exit(main())

"""Trains architectures on the same examples with the same budget, and says how good, how large and how fast each is.

    soundbeam compare --examples examples/ --architecture compact crnn_attention --folds 3 --output compared/
    python -m soundbeam.pipelines.compare --help

Each is trained once a fold on all other folds' clips and measured on that fold's. The budget is the number of training
windows, so that the same command gives the same figures on a slower machine. Every fold that is done is written at
once, and not done again: a comparison that was stopped goes on where it was.
"""

from __future__ import annotations

import sys

from soundbeam.model.errors import SoundbeamError
from soundbeam.pipelines.compare.fold_store import Results
from soundbeam.pipelines.compare.table import print_comparison
from soundbeam.pipelines.console.arguments import Parser, folds, positive, positive_int, share
from soundbeam.pipelines.console.errors import program
from soundbeam.pipelines.console.output import Progress, say
from soundbeam.pipelines.train.frozen_base import with_frozen_base


def parser() -> Parser:
    """The command line of ``soundbeam compare``."""
    p = Parser(
        "compare",
        "Trains and cross-validates architectures on the same examples with the same budget.",
        "soundbeam compare --examples examples/ --architecture compact mobilenet --folds 3 --output compared/",
    )
    p.add_argument("--examples", required=True, metavar="DIR", help="made by 'soundbeam materialize'; any fsspec URL")
    p.add_argument("--output", required=True, metavar="DIR", help="where each fold's figures go (Parquet)")
    p.add_argument(
        "--architecture", action="extend", nargs="+", default=[], metavar="NAME", help="which (default: every one)"
    )
    p.add_argument("--base", action="extend", nargs="+", default=[], metavar="BUNDLE", help="also a head on each")
    p.add_argument("--hidden", type=positive_int, default=0, metavar="N", help="of heads: see 'soundbeam train'")
    p.add_argument("--folds", type=folds, default=5, metavar="K", help="by source recording (default: %(default)s)")
    p.add_argument(
        "--windows",
        type=positive_int,
        default=4800,
        metavar="N",
        help="training windows of each (default: %(default)s)",
    )
    p.add_argument("--front-end", metavar="KIND", help="for all, instead of each architecture's own")
    p.add_argument("--window", type=positive, metavar="SECONDS", help="for all, instead of each architecture's own")
    p.add_argument("--weights", default="none", metavar="FROM", help="of a frozen base: see 'soundbeam train'")
    p.add_argument(
        "--warp", type=share(), metavar="SHARE", help="most that clips are stretched in a classifier's training"
    )
    p.add_argument("--seed", type=int, default=0, metavar="S", help="decides everything random (default: 0)")
    return p


@program("compare")
def main(argv: list[str] | None = None) -> int:
    """Runs ``soundbeam compare``."""
    options = parser().parse_args(argv)
    from soundbeam.model.architectures import architecture_names, get_architecture
    from soundbeam.model.training.comparison import CrossValidatedArchitecture, rank_architectures
    from soundbeam.model.training.examples import read_manifest
    from soundbeam.model.training.plan import Training

    read_manifest(options.examples)  # what is wrong with the examples is said once, not for each architecture
    names = tuple(dict.fromkeys(options.architecture)) or (() if options.base else architecture_names())
    for name in names:
        get_architecture(name)  # a misspelt one must not be told after an hour
    results = Results(options.output)
    rows, failed = [], []
    trainings = {
        name: Training(
            options.examples,
            "",
            name,
            seed=options.seed,
            front_end=options.front_end,
            window_s=options.window,
            windows=options.windows,
            warp=options.warp,
        )
        for name in names
    }
    for base in dict.fromkeys(options.base):
        trainings[base] = Training(options.examples, "", "head", seed=options.seed, base=base, hidden=options.hidden)
    for name, training in trainings.items():
        try:
            if training.base or get_architecture(name).transfer:
                training = with_frozen_base(training, "none" if training.base else options.weights)
            candidate = CrossValidatedArchitecture(training, options.folds)
            for fold in range(options.folds):
                row = results.read(candidate.name, candidate.key(fold))
                if row is None:
                    progress = Progress(f"training {name}, fold {fold + 1} of {options.folds}, batches")
                    row = candidate.measure(fold, say, progress.step)
                    results.write(row)
                    say(f"{name}, fold {row.fold} of {row.folds}: {row.right} of {row.clips} right, {row.cpu_s:.0f} s")
                rows.append(row)
        except SoundbeamError as e:
            failed.append(name)
            say(f"{name}: {e}")
    if rows:
        print_comparison(rank_architectures(rows), options.windows)
    if failed:
        raise SoundbeamError(f"not compared: {', '.join(failed)}; the reasons stand above")
    return 0


if __name__ == "__main__":
    sys.exit(main())

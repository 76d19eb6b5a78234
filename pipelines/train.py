"""Trains a classifier on materialized examples and writes its bundle.

    soundbeam train --examples examples/ --target capuchinbird --classifier bundle/
    python -m pipelines.train --help

With --target it is the detector of those labels against all the rest; without, it tells all labels apart.
"""

from __future__ import annotations

import sys
import time

from pipelines.console import Parser, Progress, positive_int, program, say


def parser() -> Parser:
    """The command line of ``soundbeam train``."""
    p = Parser(
        "train",
        "Trains a classifier on examples and writes its bundle: weights, labels, thresholds, a report.",
        "soundbeam train --examples examples/ --target capuchinbird --classifier bundle/",
    )
    p.add_argument("--examples", required=True, metavar="DIR", help="made by 'soundbeam materialize'; any fsspec URL")
    p.add_argument("--classifier", required=True, metavar="DIR", help="where the bundle goes; one there is replaced")
    p.add_argument(
        "--target",
        action="extend",
        nargs="+",
        default=[],
        metavar="LABEL",
        help="detect these labels against the rest; without it, all labels are told apart",
    )
    p.add_argument("--architecture", default="compact", metavar="NAME", help="compact (default), cnn_baseline, …")
    p.add_argument("--epochs", type=positive_int, metavar="N", help="default: as the architecture's recipe says")
    p.add_argument("--seed", type=int, default=0, metavar="S", help="same seed, same weights (default: 0)")
    return p


@program("train")
def main(argv: list[str] | None = None) -> int:
    """Runs ``soundbeam train``."""
    options = parser().parse_args(argv)
    from model.training import Training, planned_batches, train

    training = Training(
        examples=options.examples,
        classifier=options.classifier,
        architecture=options.architecture,
        targets=tuple(options.target),
        epochs=options.epochs,
        seed=options.seed,
    )
    start = time.perf_counter()
    progress = Progress(f"training {options.architecture}, batches", planned_batches(training))
    bundle = train(training, say, progress.step)
    progress.close()
    report(bundle, time.perf_counter() - start)
    return 0


def report(bundle, wall_s: float) -> None:
    """Prints what was trained and how good it is on the validation split."""
    r = bundle.report
    trained = sum(n["train"] for n in r["data"]["labels"].values())
    held = sum(n["validation"] for n in r["data"]["labels"].values())
    say(
        f"{bundle.task} of {', '.join(bundle.labels)} ({bundle.architecture}, {r['parameters']:,} parameters), "
        f"trained on {trained} examples, chosen on {held} others, in {wall_s:.0f} s"
    )
    for label, figures in r["validation"].get("labels", {}).items():
        shown = ", ".join(f"{k.replace('_', ' ')} {v:.3f}" for k, v in figures.items() if isinstance(v, float))
        say(f"  {label}: threshold {bundle.thresholds[label]:.3f}; {shown}")
    if "accuracy" in r["validation"]:
        say(f"  accuracy {r['validation']['accuracy']:.3f} over {r['validation']['windows']} validation windows")
    say(f"classifier: {bundle.url} ({bundle.fingerprint[:12]})")


if __name__ == "__main__":
    sys.exit(main())

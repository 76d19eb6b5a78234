"""Trains a classifier on materialized examples and writes its bundle.

    soundbeam train --examples examples/ --target capuchinbird --classifier bundle/
    soundbeam train --examples examples/ --target capuchinbird --classifier bundle/ --folds 5
    python -m soundbeam.pipelines.train --help

With --target it is the detector of those labels against all the rest; without, it tells all labels apart.

With --folds K the examples' source recordings are dealt into K folds first. K trainings, each on all folds but one,
are measured on that one; then the bundle is trained as always, and keeps their figures in its report. Where there are
exactly K sources each is a fold: a column ``source`` in the CSV of clips gives folds of one's own.
"""

from __future__ import annotations

import dataclasses
import sys
import time
from typing import Any

from soundbeam.pipelines.console.arguments import Parser, folds, positive, positive_int, share
from soundbeam.pipelines.console.errors import program
from soundbeam.pipelines.console.output import Progress, say


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
    p.add_argument("--architecture", default="compact", metavar="NAME", help="compact (default), cnn_baseline, …")
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
    from soundbeam.model.training.train import Training

    training = Training(
        examples=options.examples,
        classifier=options.classifier,
        architecture=options.architecture,
        targets=tuple(options.target),
        epochs=options.epochs,
        seed=options.seed,
        front_end=options.front_end,
        window_s=options.window,
        windows=options.windows,
        warp=options.warp,
    )
    training = transferred(training, options.weights, options.fine_tune)
    extra = folds_figures(training, options.folds)
    start = time.perf_counter()
    bundle = trained(training, extra)
    report(bundle, time.perf_counter() - start)
    return 0


def folds_figures(training, folds: int | None, say=say) -> dict[str, Any]:
    """What cross-validation adds to a bundle's report; nothing without folds. ``say`` gets its lines."""
    from soundbeam.model.classifier.bundle import check_destination

    if not folds:
        return {}
    check_destination(training.classifier)  # before hours of work
    return {"cross_validation": cross_validated(training, folds, say)}


def trained(training, extra: dict[str, Any], say=say):
    """Trains with a progress line and returns the bundle; ``say`` gets lines about what is done."""
    from soundbeam.model.training.train import planned_batches, train

    progress = Progress(f"training {training.architecture}, batches", planned_batches(training))
    bundle = train(training, say, progress.step, extra)
    progress.close()
    return bundle


def transferred(training, weights: str, fine_tune: int = 0):
    """The training with the features of its frozen base, computed where there are none yet; others as they are.

    Raises:
        SoundbeamError: Weights or fine-tuning were asked for where there is no base, or weights cannot be had.
    """
    from soundbeam.model.errors import SoundbeamError
    from soundbeam.model.training.train import get_architecture
    from soundbeam.pipelines.train.bottlenecks import bottlenecks

    if not get_architecture(training.architecture).transfer:
        if weights != "none" or fine_tune:
            raise SoundbeamError(f"{training.architecture} has no frozen base; --weights and --fine-tune are for one")
        return training
    return dataclasses.replace(training, bottlenecks=bottlenecks(training, weights), fine_tune=fine_tune)


def cross_validated(training, count: int, say=say) -> dict[str, Any]:
    """Cross-validates, says a line a fold and what they come to; returns all figures."""
    from soundbeam.model.training.cross_validation import Folds, summarized

    dealt = Folds(training, count)
    progress = Progress(f"training {training.architecture} {count} times, batches", dealt.batches)
    found = []
    for k in range(count):
        found.append(dealt.measure(k, say, progress.step))
        clips = sum(found[k].clips.values())
        say(
            f"fold {k + 1} of {count}: {_figures(found[k].figures)} ({clips} examples of {len(found[k].sources)} "
            f"recordings held out, {found[k].wall_s:.0f} s)"
        )
    progress.close()
    all_folds = summarized(found)
    say(f"{count} folds: {_figures(all_folds.mean, all_folds.standard_deviation)} (mean ± standard deviation)")
    return all_folds.plain()


def _figures(figures: dict[str, float | None], spread: dict[str, float | None] | None = None) -> str:
    shown = []
    for name, value in figures.items():
        around = (spread or {}).get(name)
        plus_minus = "" if around is None else f" ± {around:.3f}"
        shown.append(f"{name.replace('_', ' ')} {'–' if value is None else f'{value:.3f}'}{plus_minus}")
    return ", ".join(shown) or "nothing to measure"


def report(bundle, wall_s: float) -> None:
    """Prints what was trained and how good it is on the validation split."""
    from soundbeam.model.evaluation.classification import Classification
    from soundbeam.model.tasks import DETECTOR
    from soundbeam.pipelines.console.label_tables import print_calls, print_classification

    r = bundle.report
    trained = sum(n["train"] for n in r["data"]["labels"].values())
    held = sum(n["validation"] for n in r["data"]["labels"].values())
    say(
        f"{bundle.task} of {', '.join(bundle.labels)} ({bundle.architecture}, {r['parameters']:,} parameters), "
        f"trained on {trained} examples, chosen on {held} others, in {wall_s:.0f} s"
    )
    its = r["validation"]
    by_label = {label: its["labels"][label] for label in bundle.labels} if its.get("labels") else {}
    if bundle.task == DETECTOR and len(by_label) > 1:
        say()
        say(f"calls in {its['soundscapes']} soundscapes of {its['seconds']:g} s, mixed of the validation clips")
        print_calls(by_label, bundle.thresholds)
    for label, figures in by_label.items() if bundle.task == DETECTOR and len(by_label) == 1 else ():
        shown = ", ".join(f"{k.replace('_', ' ')} {v:.3f}" for k, v in figures.items() if isinstance(v, float))
        say(f"  {label}: threshold {bundle.thresholds[label]:.3f}; {shown}")
    if "clips" in its:
        say()
        say("whole validation clips")
        print_classification(Classification.of_plain(its["clips"]), bundle.task)
        say()
    say(f"classifier: {bundle.url} ({bundle.fingerprint[:12]})")


if __name__ == "__main__":
    sys.exit(main())

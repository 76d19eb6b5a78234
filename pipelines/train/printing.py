"""What ``train`` prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from soundbeam.pipelines.console.output import Progress, say


def cross_validate(training, count: int, say=say) -> dict[str, Any]:
    """Cross-validates, prints a line for each fold and one for all; returns all figures."""
    from soundbeam.model.evaluation.figures import plain
    from soundbeam.model.training.cross_validation import Folds, summarize

    folds = Folds(training, count)
    progress = Progress(f"training {folds.learner.name} {count} times, batches", folds.batches)
    measured = []
    for k in range(count):
        fold = folds.measure(k, say, progress.step)
        measured.append(fold)
        say(
            f"fold {k + 1} of {count}: {_format(plain(fold.figures))} ({sum(fold.clips.values())} examples of "
            f"{len(fold.sources)} recordings held out, {fold.wall_s:.0f} s)"
        )
    progress.close()
    all_folds = summarize(measured)
    say(f"{count} folds: {_format(all_folds.mean, all_folds.standard_deviation)} (mean ± standard deviation)")
    return all_folds.plain()


def _format(figures: Mapping[str, float | None], deviations: Mapping[str, float | None] | None = None) -> str:
    texts = []
    for name, value in figures.items():
        deviation = (deviations or {}).get(name)
        plus_minus = "" if deviation is None else f" ± {deviation:.3f}"
        texts.append(f"{name.replace('_', ' ')} {'–' if value is None else f'{value:.3f}'}{plus_minus}")
    return ", ".join(texts) or "nothing to measure"


def print_training(bundle, wall_s: float) -> None:
    """Prints what was trained and how good it is on the validation split."""
    from soundbeam.model.evaluation.classification import Classification
    from soundbeam.model.tasks import DETECTOR
    from soundbeam.pipelines.console.label_tables import print_calls, print_classification

    trained = sum(n["train"] for n in bundle.report["data"]["labels"].values())
    held = sum(n["validation"] for n in bundle.report["data"]["labels"].values())
    say(
        f"{bundle.task} of {', '.join(bundle.labels)} ({bundle.architecture}, "
        f"{bundle.report['parameters']:,} parameters), trained on {trained} examples, "
        f"chosen on {held} others, in {wall_s:.0f} s"
    )
    validation = bundle.report["validation"]
    by_label = {label: validation["labels"][label] for label in bundle.labels} if validation.get("labels") else {}
    if bundle.task == DETECTOR and len(by_label) > 1:
        say()
        say(
            f"calls in {validation['soundscapes']} soundscapes of {validation['seconds']:g} s, "
            "mixed of the validation clips"
        )
        print_calls(by_label, bundle.thresholds)
    for label, figures in by_label.items() if bundle.task == DETECTOR and len(by_label) == 1 else ():
        shown = ", ".join(f"{k.replace('_', ' ')} {v:.3f}" for k, v in figures.items() if isinstance(v, float))
        say(f"  {label}: threshold {bundle.thresholds[label]:.3f}; {shown}")
    if "clips" in validation:
        say()
        say("whole validation clips")
        print_classification(Classification.of_plain(validation["clips"]), bundle.task)
        say()
    say(f"classifier: {bundle.url} ({bundle.fingerprint[:12]})")

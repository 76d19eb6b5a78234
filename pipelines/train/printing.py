"""What ``train`` prints."""

from __future__ import annotations

from typing import Any

from soundbeam.pipelines.console.output import Progress, say


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

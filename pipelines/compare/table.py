"""The table of a comparison."""

from __future__ import annotations

from soundbeam.model.training.comparison import Choice
from soundbeam.pipelines.console.output import print_table, say


def show(choices: list[Choice], windows: int) -> None:
    """Prints the table, the most accurate first."""
    heads = (
        "architecture",
        "accuracy",
        "95 % interval",
        "folds",
        "parameters",
        "multiply-adds",
        "windows/s",
        "train s",
    )
    rows = [
        (
            choice.name,
            f"{choice.accuracy:.1%}",
            f"{choice.low:.1%} – {choice.high:.1%}",
            "" if choice.spread is None else f"± {choice.spread:.1%}",
            f"{choice.rows[0].parameters:,}",
            f"{choice.rows[0].multiply_adds / 1e6:,.1f} M",
            f"{choice.rows[0].windows_per_cpu_s:,.0f}",
            f"{sum(row.cpu_s for row in choice.rows) / len(choice.rows):.0f}",
        )
        for choice in choices
    ]
    say()
    print_table(heads, rows)
    clips = sum(row.clips for row in choices[0].rows)
    say()
    say(
        f"{clips} clips held out, each once; about {windows} training windows each. Interval: Wilson, over clips. "
        "Folds: standard deviation of their accuracies. Seconds are of one core's time."
    )

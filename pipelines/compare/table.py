"""Prints the table of a comparison."""

from __future__ import annotations

from soundbeam.model.training.comparison import ArchitectureResult
from soundbeam.pipelines.console.output import print_table, say


def print_comparison(results: list[ArchitectureResult], windows: int) -> None:
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
            result.name,
            f"{result.accuracy:.1%}",
            f"{result.low:.1%} – {result.high:.1%}",
            "" if result.spread is None else f"± {result.spread:.1%}",
            f"{result.rows[0].parameters:,}",
            f"{result.rows[0].multiply_adds / 1e6:,.1f} M",
            f"{result.rows[0].windows_per_cpu_s:,.0f}",
            f"{sum(row.cpu_s for row in result.rows) / len(result.rows):.0f}",
        )
        for result in results
    ]
    say()
    print_table(heads, rows)
    clips = sum(row.clips for row in results[0].rows)
    say()
    say(
        f"{clips} clips held out, each once; about {windows} training windows each. Interval: Wilson, over clips. "
        "Folds: standard deviation of their accuracies. Seconds are of one core's time."
    )

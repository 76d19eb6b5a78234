"""Lists the runs in a scan's output folder, and which of their rows are current.

soundbeam tables --output results/
"""

from __future__ import annotations

import dataclasses
import sys
from collections import Counter
from typing import TYPE_CHECKING

from soundbeam.model.errors import SoundbeamError
from soundbeam.pipelines.console.arguments import Parser
from soundbeam.pipelines.console.errors import program
from soundbeam.pipelines.console.output import print_table, say

if TYPE_CHECKING:
    from soundbeam.pipelines.output.folder import Output
    from soundbeam.pipelines.output.run_info import RunInfo

_FINGERPRINT = 12


@dataclasses.dataclass(frozen=True)
class RunRow:
    """One committed run in the list.

    Attributes:
        info: What its ``run.json`` says.
        statuses: Status → number of files.
        hours: Hours of sound scanned.
        calls: Number of calls of all labels; None where only embeddings were taken.
        superseded: How many of its recordings a newer run scanned again, or found deleted.
        default: Whether its rows are read where neither a run nor a classifier is named.
    """

    info: RunInfo
    statuses: Counter[str]
    hours: float
    calls: int | None
    superseded: int
    default: bool


@program("tables")
def main(argv: list[str] | None = None) -> int:
    """Runs the program."""
    parser = Parser(
        "tables",
        "Lists the runs in a scan's output folder, and which of their rows are current.",
        "soundbeam tables --output results/",
    )
    parser.add_argument("--output", required=True, metavar="DIR", help="the scan's output folder; path or fsspec URL")
    options = parser.parse_args(argv)
    from soundbeam.pipelines.output.folder import Output

    output = Output(options.output)
    rows, unfinished = list_runs(output), unfinished_runs(output)
    if not rows and not unfinished:
        raise SoundbeamError(f"{options.output}: no scan in it; make one with 'soundbeam scan --output'")
    print_runs(rows, unfinished)
    return 0


def list_runs(output: Output) -> list[RunRow]:
    """The committed runs, oldest first."""
    import pyarrow.compute as pc

    from soundbeam.pipelines import results

    runs = output.runs()
    by_settings: dict[str, list[str]] = {}
    for info in runs:
        by_settings.setdefault(info.settings, []).append(info.run)
    current: dict[str, results.CurrentRecordings] = {}
    for names in by_settings.values():
        current |= results.current_recordings(output, names)
    rows = []
    for info in runs:
        columns = ["status", "duration_s", "listened_s"]
        recordings = results.read(output.user_url, "recordings", info.run, columns=columns)
        calls = None
        if "counts" in info.parameters.tables:
            calls = pc.sum(results.read(output.user_url, "counts", info.run, columns=["calls"])["calls"]).as_py() or 0
        rows.append(
            RunRow(
                info,
                Counter(recordings["status"].to_pylist()),
                (pc.sum(pc.coalesce(recordings["listened_s"], recordings["duration_s"])).as_py() or 0.0) / 3600,
                calls,
                current[info.run].superseded,
                info.settings == runs[-1].settings,
            )
        )
    return rows


def unfinished_runs(output: Output) -> list[tuple[str, int]]:
    """The runs that have begun and are not committed, and how many recordings' rows their checkpoints keep."""
    from soundbeam.pipelines.output.staging import Staging

    staging = Staging(output)
    runs = []
    for run in output.begun_runs():
        shards = [shard for checkpoint in staging.checkpoints(run) for shard in checkpoint]
        runs.append((run, sum(shard.rows for shard in shards if shard.table == "recordings")))
    return runs


def print_runs(rows: list[RunRow], unfinished: list[tuple[str, int]]) -> None:
    """Prints one line for each run, then what is read by default, then the unfinished runs."""
    heading = ("", "run", "started", "classifier", "hop", "threshold", "recordings", "hours", "calls", "superseded")
    if rows:
        print_table(heading, map(_cells, rows), text_columns=7)
        default = [row for row in rows if row.default]
        newest = default[-1].info
        say(
            f"* read by default: {len(default)} of {len(rows)} runs, those with the newest run's settings "
            f"(classifier {newest.parameters.fingerprint[:_FINGERPRINT]}, hop {newest.parameters.hop_s:g} s); "
            f"others by soundbeam.read_table(…, run=… or classifier=…)"
        )
    for run, kept in unfinished:
        say(f"unfinished: {run}, going on or died; its checkpoints keep {kept} recordings for the next scan")


def _cells(row: RunRow) -> tuple[str, ...]:
    info = row.info
    thresholds = sorted(set(info.parameters.thresholds.values()))
    statuses = ", ".join(f"{n} {name}" for name, n in sorted(row.statuses.items())) or "none"
    return (
        "*" if row.default else "",
        info.run,
        info.started_at[:16].replace("T", " "),
        info.parameters.fingerprint[:_FINGERPRINT],
        f"{info.parameters.hop_s:g} s",
        "–".join(f"{x:.3g}" for x in dict.fromkeys((thresholds[0], thresholds[-1]))) if thresholds else "",
        statuses,
        f"{row.hours:.2f}",
        "" if row.calls is None else str(row.calls),
        str(row.superseded or ""),
    )


if __name__ == "__main__":
    sys.exit(main())

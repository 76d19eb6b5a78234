"""Tells how long was listened, where and when, and what is odd about it.

soundbeam effort --output results/
soundbeam effort --output results/ --by site,night --csv effort.csv
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from soundbeam.model.errors import SoundbeamError
from soundbeam.pipelines.console.arguments import Parser
from soundbeam.pipelines.console.errors import program
from soundbeam.pipelines.console.output import print_table, say

if TYPE_CHECKING:
    import pyarrow as pa

_SHOWN = 60  # rows


def parser() -> Parser:
    """The program's options."""
    p = Parser(
        "effort",
        "Tells how long was listened, where and when by local time, and what is odd: gaps of schedules,\n"
        "overlaps, recordings outside their deployment, clocks that were set back or never set.",
        "soundbeam effort --output results/ --by site,night --csv effort.csv",
    )
    p.add_argument("--output", required=True, metavar="DIR", help="the output folder of a scan or of 'soundbeam embed'")
    p.add_argument(
        "--by", default="site", metavar="GROUPS",
        help="some of site,day,night,week,hour, with commas between them (%(default)s)",
    )  # fmt: skip
    p.add_argument(
        "--deployments", metavar="CSV", help="where and when recorders were, in place of what the scan was told"
    )
    p.add_argument("--csv", metavar="FILE", help="write the table there instead; path or fsspec URL")
    return p


@program("effort")
def main(argv: list[str] | None = None) -> int:
    """Runs the program."""
    own = parser()
    options = own.parse_args(argv)
    from soundbeam.pipelines.effort.listened import check_groups, effort
    from soundbeam.pipelines.effort.problems import problems
    from soundbeam.pipelines.places import deployments_of

    by = [name.strip() for name in options.by.split(",") if name.strip()]
    try:
        check_groups(by)
    except SoundbeamError as e:
        own.error(str(e))
    deployments = deployments_of(options.output, options.deployments)
    table = effort(options.output, by, deployments)
    if options.csv:
        write_csv(table, options.csv)
    else:
        print_effort(table, len(by))
    total = effort(options.output, [], deployments).to_pylist()[0]
    statuses = ", ".join(f"{total[name]} {name}" for name in ("ok", "partial", "failed") if total[name])
    say(f"{total['hours']:.2f} h in {total['recordings']} recordings ({statuses or 'none'})")
    for problem in problems(options.output, deployments):
        say(problem.line)
    if options.csv:
        say(f"table: {options.csv}")
    return 0


def print_effort(table: pa.Table, groups: int) -> None:
    """Prints the table, or its first rows."""
    rows = [_cells(row) for row in table.slice(0, _SHOWN).to_pylist()]
    print_table(table.column_names, rows, text_columns=groups)
    if len(table) > _SHOWN:
        say(f"… and {len(table) - _SHOWN} more rows; write all with --csv FILE")


def _cells(row: dict[str, object]) -> list[str]:
    return [
        f"{value:.2f}" if isinstance(value, float) else "" if value is None else str(value) for value in row.values()
    ]


def write_csv(table: pa.Table, url: str) -> None:
    """Writes the table as CSV."""
    import csv
    import io

    from soundbeam.model.storage.files import write_whole

    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(table.column_names)
    writer.writerows(row.values() for row in table.to_pylist())
    write_whole(url, file.getvalue())


if __name__ == "__main__":
    sys.exit(main())

"""``python -m soundbeam.pipelines.show …``."""

from soundbeam.pipelines.cli import run_program

raise SystemExit(run_program("show"))

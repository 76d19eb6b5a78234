"""``python -m soundbeam.pipelines.tables …``."""

from soundbeam.pipelines.cli import run_program

raise SystemExit(run_program("tables"))

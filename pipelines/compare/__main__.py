"""``python -m soundbeam.pipelines.compare …``."""

from soundbeam.pipelines.cli import run_program

raise SystemExit(run_program("compare"))

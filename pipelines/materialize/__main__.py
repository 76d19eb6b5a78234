"""``python -m soundbeam.pipelines.materialize …``."""

from soundbeam.pipelines.cli import run_program

raise SystemExit(run_program("materialize"))

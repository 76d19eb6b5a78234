"""``python -m soundbeam.pipelines.evaluate …``."""

from soundbeam.pipelines.cli import run_program

raise SystemExit(run_program("evaluate"))

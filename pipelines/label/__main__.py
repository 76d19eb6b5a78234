"""``python -m soundbeam.pipelines.label …``."""

from soundbeam.pipelines.cli import run_program

raise SystemExit(run_program("label"))

"""``python -m soundbeam.pipelines.train …``."""

from soundbeam.pipelines.cli import run_program

raise SystemExit(run_program("train"))

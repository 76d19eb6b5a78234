"""``python -m soundbeam.pipelines.synthesize …``."""

from soundbeam.pipelines.cli import run_program

raise SystemExit(run_program("synthesize"))

"""``python -m soundbeam.pipelines.scan …``."""

from soundbeam.pipelines.cli import run_program

raise SystemExit(run_program("scan"))

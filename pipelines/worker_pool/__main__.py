"""``python -m soundbeam.pipelines.worker_pool …``."""

from soundbeam.pipelines.cli import run_program

raise SystemExit(run_program("worker_pool"))

"""``python -m soundbeam.pipelines.worker_pool …``."""

from soundbeam.pipelines.cli import launch

raise SystemExit(launch("worker_pool"))

"""``python -m soundbeam.pipelines.effort …``."""

from soundbeam.pipelines.cli import launch

raise SystemExit(launch("effort"))

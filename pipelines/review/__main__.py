"""``python -m soundbeam.pipelines.review …``."""

from soundbeam.pipelines.cli import launch

raise SystemExit(launch("review"))

"""``python -m soundbeam.pipelines.compare …``."""

from soundbeam.pipelines.cli import launch

raise SystemExit(launch("compare"))

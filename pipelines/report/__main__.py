"""``python -m soundbeam.pipelines.report …``."""

from soundbeam.pipelines.cli import launch

raise SystemExit(launch("report"))

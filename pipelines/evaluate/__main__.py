"""``python -m soundbeam.pipelines.evaluate …``."""

from soundbeam.pipelines.cli import launch

raise SystemExit(launch("evaluate"))

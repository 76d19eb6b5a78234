"""``python -m soundbeam.pipelines.embed …``."""

from soundbeam.pipelines.cli import launch

raise SystemExit(launch("embed"))

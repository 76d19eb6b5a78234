"""``python -m soundbeam.pipelines.tables …``."""

from soundbeam.pipelines.cli import launch

raise SystemExit(launch("tables"))

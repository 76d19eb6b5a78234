"""``python -m soundbeam.pipelines.search …``."""

from soundbeam.pipelines.cli import launch

raise SystemExit(launch("search"))

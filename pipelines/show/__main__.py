"""``python -m soundbeam.pipelines.show …``."""

from soundbeam.pipelines.cli import launch

raise SystemExit(launch("show"))

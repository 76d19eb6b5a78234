"""``python -m soundbeam.pipelines.export …``."""

from soundbeam.pipelines.cli import launch

raise SystemExit(launch("export"))

"""``python -m soundbeam.pipelines.train …``."""

from soundbeam.pipelines.cli import launch

raise SystemExit(launch("train"))

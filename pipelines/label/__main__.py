"""``python -m soundbeam.pipelines.label …``."""

from soundbeam.pipelines.cli import launch

raise SystemExit(launch("label"))

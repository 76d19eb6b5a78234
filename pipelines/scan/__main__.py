"""``python -m soundbeam.pipelines.scan …``."""

from soundbeam.pipelines.cli import launch

raise SystemExit(launch("scan"))

"""``python -m soundbeam.pipelines.synthesize …``."""

from soundbeam.pipelines.cli import launch

raise SystemExit(launch("synthesize"))

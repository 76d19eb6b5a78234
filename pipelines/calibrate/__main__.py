"""``python -m soundbeam.pipelines.calibrate …``."""

from soundbeam.pipelines.cli import launch

raise SystemExit(launch("calibrate"))
